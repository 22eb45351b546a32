"""warden in Python's own sqlite3: a pool of four connections, one of which loads it."""

import platform
import sqlite3
import threading

from form import *


def connect():
    return sqlite3.connect(JOBS, check_same_thread=False)


def one(connection, sql):
    return connection.execute(sql).fetchone()


first = connect()
# [load]
first.enable_load_extension(True)
first.load_extension(WARDEN)
first.enable_load_extension(False)
# [end]
say("host", platform.python_version())
say("sqlite", *one(first, "SELECT sqlite_version(), json_extract(warden_debug(), '$.sqlite_image')"))
point("load", one(first, "SELECT warden_version()") is not None)

pool = [first] + [connect() for _ in range(3)]
point("pool", one(first, COUNT) == (4,))

one(first, SETTINGS)
before = resident()
for connection in pool[1:]:
    connection.execute("PRAGMA cache_size = -100000")
    scanned = one(connection, SCAN)
point("scan", scanned[0] == JOB_COUNT == one(first, "SELECT job_count(NULL)")[0])

back = eventually(lambda: one(first, HELD)[0] < 2_000_000 and resident() < before + 40_000_000)
point("memory", back and one(first, HELD)[1] > 100_000_000, f"{one(first, HELD)[1] // 1_000_000} MB")

# A deadline, for this connection's statements.
one(pool[1], "SELECT warden_timeout(100)")
try:
    one(pool[1], ENDLESS)
    point("deadline", False, "it ended by itself")
except sqlite3.OperationalError as error:
    point("deadline", str(error) == "interrupted" and one(first, BY_DEADLINE) == (1,), repr(error))

# A statement of another thread: seen, and ended.
errors = []


def run():
    try:
        one(pool[2], ENDLESS)
    except sqlite3.OperationalError as error:
        errors.append(repr(error))


thread = threading.Thread(target=run)
thread.start()
point("watch", eventually(lambda: one(first, ACTIVE) == (1,)))
cancelled = one(first, CANCEL)
thread.join()
point("cancel", cancelled == (1,) and errors == ["OperationalError('interrupted')"], *errors)

for connection in pool[1:]:
    connection.close()
alone = one(first, COUNT) == (1,)
first.close()
again = connect()
point("close", alone and one(again, COUNT) == (1,))
again.close()
end()
