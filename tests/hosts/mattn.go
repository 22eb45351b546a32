// warden in Go with mattn/go-sqlite3: database/sql's own pool of four connections, each of which loads it, once with their mutexes
// and once without. A context that is cancelled ends a statement by itself; warden does it for those that have none.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

const (
	scan      = "SELECT count(*) FROM job WHERE length(hex(resources)) > 0"
	endless   = "SELECT count(*) FROM job a, job b, job c"
	count     = "SELECT count(*) FROM warden_connections"
	others    = " FROM warden_connections WHERE connection_id <> warden_connection_id()"
	ofEndless = " FROM warden_connections WHERE state = 'active' AND sql = '" + endless + "'"
)

var failed = false

func point(name string, good bool, seen string) {
	outcome := "passed"
	if !good {
		outcome = "failed"
		failed = true
	}
	fmt.Printf("%s\t%s\t%s\n", name, outcome, seen)
}

func number(connection *sql.Conn, query string) int64 {
	var value int64
	if err := connection.QueryRowContext(context.Background(), query).Scan(&value); err != nil {
		fmt.Fprintln(os.Stderr, query, err)
		return -1
	}
	return value
}

func ends(ctx context.Context, connection *sql.Conn) error {
	var value int64
	return connection.QueryRowContext(ctx, endless).Scan(&value)
}

func isInterrupt(err error) bool {
	var failure sqlite3.Error
	return errors.As(err, &failure) && failure.Code == sqlite3.ErrInterrupt
}

func resident() int64 {
	statm, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	return pages * int64(os.Getpagesize())
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

func main() {
	mutex := os.Args[1] // full or no
	warden := os.Getenv("WARDEN")
	// [load]
	sql.Register("sqlite3_warden", &sqlite3.SQLiteDriver{Extensions: []string{warden}})
	// [end]
	ctx := context.Background()
	db, err := sql.Open("sqlite3_warden", "file:"+os.Getenv("JOBS")+"?_mutex="+mutex)
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	var pool [4]*sql.Conn
	for i := range pool {
		if pool[i], err = db.Conn(ctx); err != nil {
			panic(err)
		}
	}
	first := pool[0]
	var version, image string
	first.QueryRowContext(ctx, "SELECT sqlite_version(), json_extract(warden_debug(), '$.sqlite_image')").Scan(&version, &image)
	fmt.Printf("host\t%s\nsqlite\t%s\t%s\n", runtime.Version(), version, image)
	point("load", number(first, "SELECT warden_version() IS NOT NULL") == 1, "")
	point("pool", number(first, count) == 4, "")

	number(first, "SELECT warden_set('idle_keep', '1MB') + warden_set('idle_grace_ms', 100) + length(warden_set('trim', 'always'))")
	before := resident()
	scanned := int64(0)
	for _, connection := range pool[1:] {
		connection.ExecContext(ctx, "PRAGMA cache_size = -100000")
		scanned = number(connection, scan)
	}
	jobs, _ := strconv.ParseInt(os.Getenv("JOB_COUNT"), 10, 64)
	point("scan", scanned == jobs && number(first, "SELECT job_count(NULL)") == jobs, "")

	back := eventually(func() bool {
		return number(first, "SELECT sum(cache_bytes)"+others) < 4_000_000 && resident() < before+40_000_000
	})
	released := number(first, "SELECT sum(released_bytes)"+others)
	point("memory", back && released > 100_000_000, fmt.Sprintf("%d MB", released/1_000_000))

	// A deadline, for this connection's statements.
	number(pool[1], "SELECT warden_timeout(100)")
	err = ends(ctx, pool[1])
	point("deadline", isInterrupt(err), fmt.Sprint(err))

	// A statement of another goroutine: seen, and ended; by warden, and by its context.
	ended := make(chan error)
	go func() { ended <- ends(ctx, pool[2]) }()
	seen := eventually(func() bool { return number(first, "SELECT count(*)"+ofEndless) == 1 })
	point("watch", seen, "")
	cancelled := number(first, "SELECT warden_cancel(connection_id, statement_seq)"+ofEndless) == 1
	asked := <-ended
	cancellable, cancel := context.WithCancel(ctx)
	go func() { ended <- ends(cancellable, pool[3]) }()
	eventually(func() bool { return number(first, "SELECT count(*)"+ofEndless) == 1 })
	cancel()
	byContext := <-ended
	point("cancel", cancelled && isInterrupt(asked) && byContext != nil, fmt.Sprint(asked, "; context: ", byContext))

	for _, connection := range pool[1:] {
		connection.Close()
	}
	db.SetMaxIdleConns(0) // those that come back are closed
	alone := eventually(func() bool { return number(first, count) == 1 })
	first.Close()
	db.Close()
	if db, err = sql.Open("sqlite3_warden", os.Getenv("JOBS")); err != nil {
		panic(err)
	}
	again, _ := db.Conn(ctx)
	point("close", alone && number(again, count) == 1, "")
	again.Close()
	db.Close()
	if failed {
		os.Exit(1)
	}
}
