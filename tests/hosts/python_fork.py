"""Fork, as multiprocessing and servers that prefork do it: a child's connections are looked after by threads of its own."""

import multiprocessing
import sqlite3

from form import *


def connect():
    return sqlite3.connect(JOBS)


def one(connection, sql):
    return connection.execute(sql).fetchone()


def child(_):
    """A connection of its own whose memory comes back, and a deadline: what needs both threads."""
    mine, watcher = connect(), connect()
    me = one(mine, "SELECT warden_connection_id()")[0]
    one(watcher, SETTINGS)
    one(mine, "PRAGMA cache_size = -100000")
    one(mine, SCAN)
    released = f"SELECT released_bytes > 30000000 FROM warden_connections WHERE connection_id = {me}"
    if not eventually(lambda: one(watcher, released) == (1,)):
        return "nothing came back"
    one(mine, "SELECT warden_timeout(50)")
    try:
        one(mine, ENDLESS)
        return "no deadline"
    except sqlite3.OperationalError as error:
        return str(error)


first = connect()
first.enable_load_extension(True)
first.load_extension(WARDEN)
first.enable_load_extension(False)
one(first, "SELECT warden_set('sample_interval_ms', 1)")
looks = "SELECT json_extract(warden_debug(), '$.watchdog_looks')"
with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as workers:
    seen = workers.map(child, range(6), chunksize=1)
point("forked", seen == ["interrupted"] * 6, *set(seen))
before = one(first, looks)[0]
point("parent", eventually(lambda: one(first, looks)[0] > before))
end()
