// warden in a cluster of dqlite: three nodes in three processes of this program, and a fourth that is their client.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/canonical/go-dqlite/app"
	"github.com/canonical/go-dqlite/client"
	"github.com/canonical/go-dqlite/driver"
	sqlite3 "github.com/mattn/go-sqlite3"
)

const (
	nodes   = 3
	jobs    = 20000
	endless = "SELECT count(*) FROM job a, job b, job c"
)

var ctx = context.Background()
var failed = false

func point(name string, good bool, seen string) {
	outcome := "passed"
	if !good {
		outcome = "failed"
		failed = true
	}
	fmt.Printf("%s\t%s\t%s\n", name, outcome, seen)
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

// A node of the cluster: dqlite opens its connections through the process's SQLite, into which warden is loaded once, before the
// node starts.
func runNode(directory, address string, cluster []string) {
	var own *sql.DB
	if warden := os.Getenv("WARDEN"); warden != "" {
		sql.Register("sqlite3_warden", &sqlite3.SQLiteDriver{Extensions: []string{warden}})
		var err error
		own, err = sql.Open("sqlite3_warden", ":memory:")
		check(err)
		own.SetMaxOpenConns(1)
		check(own.Ping())
	}
	node, err := app.New(directory, app.WithAddress(address), app.WithCluster(cluster), app.WithStandBys(0),
		app.WithRolesAdjustmentFrequency(time.Second), app.WithLogFunc(func(l client.LogLevel, f string, a ...interface{}) {
			if os.Getenv("DQ_LOG") != "" {
				fmt.Fprintln(os.Stderr, time.Now().Format("05.000"), address, l, fmt.Sprintf(f, a...))
			}
		}))
	check(err)
	check(node.Ready(ctx))
	fmt.Println("ready")
	for questions := bufio.NewScanner(os.Stdin); questions.Scan(); {
		var answer string
		if err := own.QueryRow(questions.Text()).Scan(&answer); err != nil {
			answer = "error: " + err.Error()
		}
		fmt.Println(strings.ReplaceAll(answer, "\n", " "))
	}
	if own != nil {
		own.Close()
	}
	check(node.Close())
}

type node struct {
	address string
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

func startNode(directory string, i int, addresses []string) *node {
	home := filepath.Join(directory, strconv.Itoa(i))
	check(os.Mkdir(home, 0o700))
	arguments := []string{"node", home, addresses[i]}
	if i > 0 {
		arguments = append(arguments, addresses[0])
	}
	n := &node{address: addresses[i], process: exec.Command(os.Args[0], arguments...)}
	n.process.Stderr = os.Stderr
	var err error
	n.in, err = n.process.StdinPipe()
	check(err)
	out, err := n.process.StdoutPipe()
	check(err)
	n.out = bufio.NewScanner(out)
	n.out.Buffer(nil, 1 << 20)
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

func one(connection *sql.Conn, query string) (string, error) {
	var value interface{}
	err := connection.QueryRowContext(ctx, query).Scan(&value)
	if b, ok := value.([]byte); ok {
		value = string(b)
	}
	return fmt.Sprint(value), err
}

func isInterrupt(err error) bool {
	var failure driver.Error
	return errors.As(err, &failure) && failure.Code == int(sqlite3.ErrInterrupt)
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "node" {
		runNode(os.Args[2], os.Args[3], os.Args[4:])
		return
	}
	directory, err := os.MkdirTemp("", "warden-dqlite-")
	check(err)
	defer os.RemoveAll(directory)
	addresses := freeAddresses()
	var cluster []*node
	for i := range addresses {
		cluster = append(cluster, startNode(directory, i, addresses))
	}
	store := client.NewInmemNodeStore()
	var infos []client.NodeInfo
	for _, a := range addresses {
		infos = append(infos, client.NodeInfo{Address: a})
	}
	check(store.Set(ctx, infos))
	d, err := driver.New(store)
	check(err)
	sql.Register("dqlite", d)
	db, err := sql.Open("dqlite", "jobs.db")
	check(err)
	c, err := db.Conn(ctx)
	check(err)
	t := time.Now()
	lap := func(what string) { fmt.Println("--", what, time.Since(t)); t = time.Now() }
	schema, err := os.ReadFile("../../sql/jobs_schema.sql")
	check(err)
	_, err = c.ExecContext(ctx, string(schema))
	check(err)
	generate, err := os.ReadFile("../../sql/generate_jobs.sql")
	check(err)
	lap("schema")
	_, err = c.ExecContext(ctx, strings.ReplaceAll(string(generate), ":jobs", strconv.Itoa(jobs)))
	fmt.Println(err)
	lap("generate")
	show := func() {
		for _, n := range cluster {
			fmt.Println(n.address, n.ask("SELECT json_group_array(json_object('id',connection_id,'file',file,'state',state,'ser',serialized,'hooks',hooks,'cache',cache_bytes,'sql',sql, 'rel', released_bytes)) FROM warden_connections"))
			fmt.Println("   ", n.ask("SELECT json_group_array(area||' '||ifnull(bytes,-1)||' '||ifnull(peak_bytes,-1)) FROM warden_memory"))
		}
	}
	show()
	fmt.Println(one(c, "SELECT count(*) FROM job"))
	fmt.Println(one(c, "PRAGMA cache_size=-100000"))
	fmt.Println(one(c, "PRAGMA cache_size"))
	fmt.Println(one(c, "SELECT count(*) FROM job WHERE length(hex(resources)) > 0"))
	fmt.Println(one(c, "SELECT total_jobs||' '||total_users FROM job_stats"))
	fmt.Println(one(c, "SELECT count(*)||' '||count(DISTINCT hpc_user) FROM job"))
	lap("queries")
	show()
	fmt.Println(one(c, "SELECT group_concat(\"check\"||':'||status||':'||detail, x'0a') FROM warden_checks"))
	for _, ms := range []int{200, 1000, 6000} {
		fmt.Println(one(c, fmt.Sprintf("SELECT warden_timeout(%d)", ms)))
		lap("timeout")
		v, err := one(c, endless)
		fmt.Printf("%q %T %v\n", v, err, err)
		lap("endless")
		fmt.Println(one(c, "SELECT count(*) FROM job"))
		_, err = c.ExecContext(ctx, "INSERT INTO tag(tag_type, tag_name, tag_scope) VALUES('a','b"+strconv.Itoa(ms)+"','global')")
		fmt.Println(err)
		lap("after")
		if errors.Is(err, sql.ErrConnDone) || err != nil {
			c.Close()
			c, err = db.Conn(ctx)
			lap("new conn")
			fmt.Println(err)
		}
	}
	for i, n := range cluster {
		cl, err := client.New(ctx, n.address)
		check(err)
		files, err := cl.Dump(ctx, "jobs.db")
		fmt.Println(i, err)
		for _, f := range files {
			fmt.Println(f.Name, len(f.Data))
		}
		cl.Close()
	}
	lap("dump")
	for _, n := range cluster {
		n.in.Close()
		fmt.Println(n.process.Wait())
	}
	lap("end")
	if failed {
		os.Exit(1)
	}
}
