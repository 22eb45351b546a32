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
	nodes   = 3
	jobs    = 4000
	budget  = 20_000_000
	endless = "SELECT count(*) FROM job a, job b, job c"
	// Rows of ids that are taken by nobody else.
	endlessWrite = "INSERT INTO tag(id, tag_type, tag_name, tag_scope) SELECT 1000000 + row_number() OVER (), 'never', a.id, b.id" +
		" FROM job a, job b, job c"
	scan      = "SELECT count(*) FROM job WHERE length(hex(hex(hex(resources || meta_data)))) > 0"
	count     = "SELECT count(*) FROM job"
	ofEndless = " FROM warden_connections WHERE state = 'active' AND sql = '" + endless + "'"
	mine      = " FROM warden_connections WHERE connection_id = warden_connection_id()"
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

// The number of rows that a query finds in the node's copy of the database; -1 where it has none, or a damaged one.
func (n *node) rows(home, query string) int {
	asked, err := client.New(ctx, n.address)
	if err != nil {
		return -1
	}
	defer asked.Close()
	files, err := asked.Dump(ctx, "jobs.db")
	if err != nil {
		return -1
	}
	for _, file := range files {
		check(os.WriteFile(filepath.Join(home, file.Name), file.Data, 0o600))
	}
	db, err := sql.Open("sqlite3", filepath.Join(home, "jobs.db"))
	check(err)
	defer db.Close()
	var found int
	var whole string
	if db.QueryRow("PRAGMA integrity_check").Scan(&whole) != nil || whole != "ok" || db.QueryRow(query).Scan(&found) != nil {
		return -1
	}
	return found
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
		errors.As(err, &network) || errors.As(err, &failure) && failure.Code&0xff == 10
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

func leader(cluster []*node) *node {
	var found *node
	eventually(func() bool {
		for _, n := range cluster {
			asked, err := client.New(ctx, n.address)
			if err != nil {
				continue
			}
			info, err := asked.Leader(ctx)
			asked.Close()
			if err == nil && info != nil && info.Address == n.address {
				found = n
				return true
			}
		}
		return false
	})
	return found
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
	directory := temporaryDirectory()
	defer os.RemoveAll(directory)
	addresses := freeAddresses()
	store := client.NewInmemNodeStore()
	var cluster []*node
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
t := time.Now()
lap := func(what string) { fmt.Println("--", what, time.Since(t)); t = time.Now() }

	// In small transactions: while a node runs a statement it does nothing else, and the others soon take it for dead.
	s.execute(text("../../sql/jobs_schema.sql"))
	generate := text("../../sql/generate_jobs.sql")
	for first := 1; first <= jobs; first += 250 {
		s.execute(strings.NewReplacer(":first_job", strconv.Itoa(first), ":jobs", "250").Replace(generate))
	}
	lap("generate")
	point("cluster", s.one(count) == strconv.Itoa(jobs), s.one("SELECT sqlite_version()"))
	for _, n := range cluster {
		if preload != "" { break }
		fmt.Println(n.address, n.ask("SELECT json_group_array(json_object('id',connection_id,'file',file,'state',state,'ser',serialized,'hooks',hooks,'cache',cache_bytes,'sql',sql, 'rel', released_bytes)) FROM warden_connections"))
		fmt.Println("   ", n.ask("SELECT json_group_array(area||' '||ifnull(bytes,-1)||' '||ifnull(peak_bytes,-1)) FROM warden_memory"))
		fmt.Println("   ", n.ask("SELECT json_group_array(substr(sql,1,50)||' '||calls||' '||errors) FROM warden_statements"))
	}
	fmt.Println(s.one("SELECT json_group_array(json_object('id',connection_id,'file',file,'state',state,'ser',serialized,'hooks',hooks,'cache',cache_bytes,'sql',sql, 'rel', released_bytes)) FROM warden_connections"))

	statistics := s.one("SELECT total_jobs || ' ' || total_users FROM job_stats")
	point("statistics", statistics == s.one("SELECT count(*) || ' ' || count(DISTINCT hpc_user) FROM job"), statistics)
	lap("stat")

	err, cancels := s.ended("SELECT warden_timeout(200)", endless)
	fmt.Printf("%#v\n", err)
	point("deadline", err != nil && cancels == "1", cancels, err)
	lap("deadline")
	s.one("SELECT warden_set('statement_timeout_writes', 1)")
	err, cancels = s.ended("SELECT warden_timeout(200)", endlessWrite)
	fmt.Printf("%#v\n", err)
	point("writes", isInterrupt(err) && cancels == "2", cancels, err)
	lap("writes")
	s.one("SELECT warden_timeout(NULL)")

	scanned, peak := true, 0
	for i := 0; i < 8; i++ {
		c, err := db.Conn(ctx)
		check(err)
		defer c.Close()
		one(c, "PRAGMA cache_size = -100000")
		t := time.Now()
		n, err := one(c, scan)
		fmt.Println(n, err, time.Since(t))
		scanned = scanned && n == strconv.Itoa(jobs)
		n, err = one(c, "SELECT ifnull((SELECT peak_bytes FROM warden_memory WHERE area = 'sqlite'), 0) || ' ' || ifnull((SELECT bytes FROM warden_memory WHERE area = 'sqlite'), 0)||' '|| (SELECT sum(cache_bytes) || ' ' || sum(released_bytes) FROM warden_connections)")
		fmt.Println(n, err)
	}
	point("budget", scanned, peak)
	lap("budget")

	s.execute("INSERT INTO tag(id, tag_type, tag_name, tag_scope) VALUES (999999, 'after', 'it', 'global')")
	for i, n := range cluster {
		n, i := n, i
		home := filepath.Join(directory, "copy"+strconv.Itoa(i))
		check(os.Mkdir(home, 0o700))
		fmt.Println(eventually(func() bool { return n.rows(home, "SELECT count(*) FROM tag WHERE id = 999999") == 1 }))
		fmt.Println(n.rows(home, "SELECT count(*) FROM tag WHERE id > 999999"))
	}
	lap("replicated")
	first := leader(cluster)
	check(first.process.Process.Kill())
	first.process.Wait()
	fmt.Println(s.one(count))
	lap("takeover")
	err, cancels = s.ended("SELECT warden_timeout(200)", endless)
	fmt.Println(err, cancels)
	for _, n := range cluster {
		if n != first {
			n.in.Close()
			fmt.Println(n.process.Wait())
		}
	}
	lap("end")
	if failed {
		os.Exit(1)
	}
}
