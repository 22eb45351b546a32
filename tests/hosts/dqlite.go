// warden in a cluster of dqlite: three nodes, each a process of this program, and the first process as their client. dqlite opens
// its connections through the process's SQLite, so warden is loaded once, before the node starts: by a connection of the node's own
// (set GO_DQLITE_MULTITHREAD=1, or go-dqlite has all locks of SQLite switched off and nothing beside dqlite may use it), or, given
// libwarden_preload.so as the argument, by that, in go-dqlite's usual manner.
package main

import (
	"bufio"
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/canonical/go-dqlite/app"
	"github.com/canonical/go-dqlite/client"
	"github.com/canonical/go-dqlite/driver"
	sqlite3 "github.com/mattn/go-sqlite3"
)

const (
	nodes    = 3
	jobs     = 4000
	chunk    = 250 // jobs in a transaction
	scanners = 6
	budget   = 16_000_000
	margin   = 1_000_000
	endless  = "SELECT count(*) FROM job a, job b, job c"
	// What it has written when it is ended is gone, on all nodes.
	endlessWrite = "INSERT INTO tag(tag_type, tag_name, tag_scope) SELECT 'never', a.id || ' ' || b.id || ' ' || c.id, 'global'" +
		" FROM job a, job b, job c"
	scan       = "SELECT count(*) FROM job WHERE length(hex(hex(hex(resources || meta_data)))) > 0"
	count      = "SELECT count(*) FROM job"
	statistics = "SELECT total_jobs || ' jobs, ' || total_users || ' users' FROM job_stats"
	counts     = "SELECT count(*) || ' jobs, ' || count(DISTINCT hpc_user) || ' users' FROM job"
	ofEndless  = " FROM warden_connections WHERE state = 'active' AND sql = '" + endless + "'"
	mine       = " FROM warden_connections WHERE connection_id = warden_connection_id()"
	// The first word of dqlite to each of its connections; it opens one for each transaction that a node is sent.
	opened = "SELECT calls FROM warden_statements WHERE sql = 'PRAGMA journal_mode = wal'"
)

var ctx = context.Background()
var failed = false

func point(name string, good bool, seen ...interface{}) {
	outcome := "passed"
	if !good {
		outcome = "failed"
		failed = true
	}
	fmt.Printf("%s\t%s\t%s\n", name, outcome, strings.TrimSpace(fmt.Sprintln(seen...)))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// Waits until it is true; what never comes true is no better after a minute.
func eventually(condition func() bool) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return false
}

// ---- a node

// Answers, line by line, what is asked on its input, and ends with it.
func runNode(directory, address string, cluster []string) {
	var own *sql.DB
	var err error
	if os.Getenv("LD_PRELOAD") == "" {
		// [load]
		sql.Register("sqlite3_warden", &sqlite3.SQLiteDriver{Extensions: []string{os.Getenv("WARDEN")}})
		own, err = sql.Open("sqlite3_warden", ":memory:")
		check(err)
		own.SetMaxOpenConns(1)
		check(own.Ping())
		// [end]
	}
	// A cluster that bears with a slow machine: the others wait for the leader's heartbeat for 15 times this.
	node, err := app.New(directory, app.WithAddress(address), app.WithCluster(cluster), app.WithNetworkLatency(200*time.Millisecond),
		app.WithRolesAdjustmentFrequency(time.Second), app.WithLogFunc(func(client.LogLevel, string, ...interface{}) {}))
	check(err)
	within, cancel := context.WithTimeout(ctx, time.Minute)
	check(node.Ready(within))
	cancel()
	fmt.Println("ready")
	for questions := bufio.NewScanner(os.Stdin); questions.Scan(); {
		var answer string
		if err := own.QueryRow(questions.Text()).Scan(&answer); err != nil {
			answer = err.Error()
		}
		fmt.Println(answer)
	}
	check(node.Close())
	if own != nil {
		check(own.Close())
	}
}

type node struct {
	address string
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

func startNode(home, address, preload string, cluster ...string) *node {
	check(os.Mkdir(home, 0o700))
	n := &node{address: address, process: exec.Command(os.Args[0], append([]string{"node", home, address}, cluster...)...)}
	n.process.Stderr = os.Stderr
	n.process.Env = append(os.Environ(), "WARDEN_MEMORY_BUDGET="+strconv.Itoa(budget))
	if preload != "" {
		n.process.Env = append(n.process.Env, "LD_PRELOAD="+preload)
	}
	var err error
	n.in, err = n.process.StdinPipe()
	check(err)
	out, err := n.process.StdoutPipe()
	check(err)
	n.out = bufio.NewScanner(out)
	check(n.process.Start())
	if answer := n.hear(); answer != "ready" {
		panic("a node says " + answer)
	}
	return n
}

func (n *node) hear() string {
	if !n.out.Scan() {
		return "nothing"
	}
	return n.out.Text()
}

// What the node's own connection answers, beside dqlite.
func (n *node) ask(query string) string {
	fmt.Fprintln(n.in, query)
	return n.hear()
}

// ---- the client

// A connection to whoever leads the cluster.
type session struct {
	db         *sql.DB
	connection *sql.Conn
}

// True for what says nothing of the statement, but that the node does not lead any more.
func isLost(err error) bool {
	var failure driver.Error
	var network net.Error
	return errors.Is(err, sqldriver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrNoAvailableLeader) ||
		errors.As(err, &network) || errors.As(err, &failure) && failure.Code&0xff == driver.ErrBusy
}

// Does something on the connection, on another one where the cluster has changed its leader meanwhile.
func (s *session) do(what func(*sql.Conn) error) (err error) {
	eventually(func() bool {
		if s.connection == nil {
			if s.connection, err = s.db.Conn(ctx); err != nil {
				s.connection = nil
				return false
			}
		}
		if err = what(s.connection); !isLost(err) {
			return true
		}
		s.connection.Close()
		s.connection = nil
		return false
	})
	return err
}

func one(connection *sql.Conn, query string) (string, error) {
	var value interface{}
	err := connection.QueryRowContext(ctx, query).Scan(&value)
	if bytes, ok := value.([]byte); ok {
		value = string(bytes)
	}
	return fmt.Sprint(value), err
}

func (s *session) one(query string) (value string) {
	if err := s.do(func(c *sql.Conn) (err error) { value, err = one(c, query); return err }); err != nil {
		return err.Error()
	}
	return value
}

func (s *session) close() {
	if s.connection != nil {
		s.connection.Close()
		s.connection = nil
	}
}

func (s *session) execute(query string) {
	check(s.do(func(c *sql.Conn) error { _, err := c.ExecContext(ctx, query); return err }))
}

// A statement that warden ends, after `before` on the same connection: its error, and what the connection's row says of it.
func (s *session) ended(before, query string) (err error, cancels string) {
	var failure error
	check(s.do(func(c *sql.Conn) (err error) {
		if _, err = one(c, before); err != nil {
			return err
		}
		if strings.HasPrefix(query, "INSERT") {
			_, failure = c.ExecContext(ctx, query)
		} else {
			_, failure = one(c, query)
		}
		if isLost(failure) {
			return failure
		}
		cancels, err = one(c, "SELECT cancels"+mine)
		return err
	}))
	return failure, cancels
}

func isInterrupt(err error) bool {
	var failure driver.Error
	return errors.As(err, &failure) && failure.Code == int(sqlite3.ErrInterrupt)
}

// The node that leads, as it says itself; nil where none answers.
func leader(cluster []*node) (found *node, asked *client.Client) {
	eventually(func() bool {
		within, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		for _, n := range cluster {
			var err error
			if asked, err = client.New(within, n.address); err != nil {
				continue
			}
			info, err := asked.Leader(within)
			if err == nil && info != nil && info.Address == n.address {
				found = n
				return true
			}
			asked.Close()
		}
		return false
	})
	return found, asked
}

// Makes a node the leader.
func lead(cluster []*node, next *node) bool {
	return eventually(func() bool {
		now, asked := leader(cluster)
		if now == nil {
			return false
		}
		defer asked.Close()
		if now == next {
			return true
		}
		within, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		all, _ := asked.Cluster(within)
		for _, info := range all {
			if info.Address == next.address {
				asked.Transfer(within, info.ID)
			}
		}
		return false
	})
}

// An endless statement, and who asks the leader's own connection to end it: its error.
func cancelled(s *session, cluster []*node) (seen, asked bool, err error) {
	eventually(func() bool {
		s.one("SELECT warden_timeout(60000)") // in case that nobody ends it
		now, other := leader(cluster)
		other.Close()
		ended := make(chan error, 1)
		go func(c *sql.Conn) { _, err := one(c, endless); ended <- err }(s.connection)
		seen = eventually(func() bool { return now.ask("SELECT count(*)"+ofEndless) == "1" || len(ended) > 0 })
		asked = now.ask("SELECT warden_cancel(connection_id, statement_seq)"+ofEndless) == "1"
		err = <-ended
		return !isLost(err)
	})
	s.one("SELECT warden_timeout(NULL)")
	return seen, asked, err
}

func freeAddresses() []string {
	var addresses []string
	for i := 0; i < nodes; i++ {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		check(err)
		defer listener.Close()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses
}

// Each transaction is synced to disk on three nodes: memory, where there is enough of it, spares a slow disk.
func temporaryDirectory() string {
	var room syscall.Statfs_t
	parent := ""
	if syscall.Statfs("/dev/shm", &room) == nil && room.Bavail*uint64(room.Bsize) > 500_000_000 {
		parent = "/dev/shm"
	}
	directory, err := os.MkdirTemp(parent, "warden-dqlite-")
	check(err)
	return directory
}

func text(file string) string {
	content, err := os.ReadFile(file)
	check(err)
	return string(content)
}

func main() {
	if len(os.Args) > 3 && os.Args[1] == "node" {
		runNode(os.Args[2], os.Args[3], os.Args[4:])
		return
	}
	preload := ""
	if len(os.Args) > 1 {
		preload = os.Args[1]
	}
	run(preload)
	if failed {
		os.Exit(1)
	}
}

func run(preload string) {
	directory := temporaryDirectory()
	var cluster []*node
	defer func() { // a failure, too, leaves nothing behind
		for _, n := range cluster {
			n.process.Process.Kill()
			n.process.Wait()
		}
		os.RemoveAll(directory)
	}()
	addresses := freeAddresses()
	store := client.NewInmemNodeStore()
	var infos []client.NodeInfo
	for i, address := range addresses {
		home := filepath.Join(directory, strconv.Itoa(i))
		if i == 0 {
			cluster = append(cluster, startNode(home, address, preload))
		} else {
			cluster = append(cluster, startNode(home, address, preload, addresses[0]))
		}
		infos = append(infos, client.NodeInfo{Address: address})
	}
	check(store.Set(ctx, infos))
	dqlite, err := driver.New(store, driver.WithLogFunc(func(client.LogLevel, string, ...interface{}) {}))
	check(err)
	sql.Register("dqlite", dqlite)
	db, err := sql.Open("dqlite", "jobs.db")
	check(err)
	s := &session{db: db}
	db.SetMaxIdleConns(-1) // one that has lost its node is closed, and not had again

	// In small transactions: while a node runs a statement it does nothing else, and the others soon take it for dead.
	s.execute(text("../../sql/jobs_schema.sql"))
	generate := func(from, to int) (err error) {
		for first := from + 1; first <= to && err == nil; first += chunk {
			jobs := strings.NewReplacer(":first_job", strconv.Itoa(first), ":jobs", strconv.Itoa(chunk))
			err = s.do(func(c *sql.Conn) error {
				_, err := c.ExecContext(ctx, jobs.Replace(text("../../sql/generate_jobs.sql")))
				return err
			})
		}
		return err
	}
	check(generate(0, jobs))
	point("cluster", s.one(count) == strconv.Itoa(jobs))

	told := s.one(statistics)
	point("statistics", told == s.one(counts), told)

	// Each connection would keep a cache as large as the table, and dqlite itself keeps the database in SQLite's memory.
	good, most := true, 0
	for i := 0; i < scanners; i++ {
		scanner := &session{db: db}
		defer scanner.close()
		check(scanner.do(func(c *sql.Conn) error {
			if _, err := c.ExecContext(ctx, "PRAGMA cache_size = -100000"); err != nil {
				return err
			}
			scanned, err := one(c, scan)
			good = good && (err != nil || scanned == strconv.Itoa(jobs))
			return err
		}))
		held, err := strconv.Atoi(scanner.one("SELECT max(sum(cache_bytes), ifnull((SELECT peak_bytes FROM warden_memory" +
			" WHERE area = 'sqlite'), 0)) FROM warden_connections"))
		good = good && err == nil
		if held > most {
			most = held
		}
	}
	released, _ := strconv.Atoi(s.one("SELECT sum(released_bytes) FROM warden_connections"))
	point("budget", good && most < budget+margin && released > 8_000_000, fmt.Sprintf("%d kB of %d, %d given back", most/1000, budget/1000, released/1000))

	// A budget that the databases alone go beyond: transactions must not be spilled for it, which dqlite can't read back.
	s.one("SELECT warden_set('memory_budget', '4MB')")
	err = generate(jobs, jobs+8*chunk)
	told = s.one(statistics)
	point("large writes", err == nil && told == s.one(counts), told, err)
	s.one(fmt.Sprint("SELECT warden_set('memory_budget', ", budget, ")"))

	// dqlite 1.11 tells its clients of no error of a query as it is: it has put the names of the columns in its place.
	failure, cancels := s.ended("SELECT warden_timeout(200)", endless)
	point("deadline", failure != nil && cancels == "1", failure)
	if preload == "" {
		seen, asked, failure := cancelled(s, cluster)
		point("watch", seen)
		point("cancel", asked && failure != nil, failure)
	}
	s.one("SELECT warden_set('statement_timeout_writes', 1)")
	failure, _ = s.ended("SELECT warden_timeout(200)", endlessWrite)
	point("write", isInterrupt(failure), failure)
	s.one("SELECT warden_timeout(NULL)")
	s.execute("INSERT OR IGNORE INTO tag(id, tag_type, tag_name, tag_scope) VALUES (999999, 'after', 'it', 'global')")

	// Each node in turn as the leader: what it has, and what its warden says.
	for i, n := range cluster {
		led := lead(cluster, n)
		rows := s.one("SELECT sum(tag_type = 'after') || ' ' || sum(tag_type = 'never') FROM tag")
		whole := s.one("PRAGMA integrity_check")
		connections, _ := strconv.Atoi(s.one(opened))
		failure, cancels := s.ended("SELECT warden_timeout(200)", endless)
		point(fmt.Sprint("node ", i+1), led && rows == "1 0" && whole == "ok" && s.one(statistics) == told && connections > jobs/chunk &&
			failure != nil && cancels != "0", rows, whole, connections, "connections", cancels)
	}

	dead, asked := leader(cluster)
	asked.Close()
	check(dead.process.Process.Kill())
	dead.process.Wait()
	failure, cancels = s.ended("SELECT warden_timeout(200)", endless)
	s.execute("INSERT OR IGNORE INTO tag(id, tag_type, tag_name, tag_scope) VALUES (999998, 'later', 'it', 'global')")
	point("takeover", s.one(statistics) == told && failure != nil && cancels == "1", s.one("SELECT count(*) FROM tag WHERE id > 999997"))

	s.close()
	good = true
	for _, n := range cluster {
		if n != dead {
			n.in.Close()
			good = n.process.Wait() == nil && good
		}
	}
	point("end", good)
	db.Close()
}
