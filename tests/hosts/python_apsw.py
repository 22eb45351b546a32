"""warden in apsw: a pool of four connections, one of which loads it."""

import threading

import apsw
from form import *


def one(connection, sql):
    return connection.cursor().execute(sql).fetchone()


first = apsw.Connection(JOBS)
# [load]
first.enableloadextension(True)
first.loadextension(WARDEN)
# [end]
say("host", apsw.apswversion())
say("sqlite", *one(first, "SELECT sqlite_version(), json_extract(warden_debug(), '$.sqlite_image')"))
point("load", one(first, "SELECT warden_version()") is not None)

pool = [first] + [apsw.Connection(JOBS) for _ in range(3)]
point("pool", one(first, COUNT) == (4,))

one(first, SETTINGS)
before = resident()
for connection in pool[1:]:
    one(connection, "PRAGMA cache_size = -100000")
    scanned = one(connection, SCAN)
point("scan", scanned[0] == JOB_COUNT == one(first, "SELECT job_count(NULL)")[0])

back = eventually(lambda: one(first, HELD)[0] < 2_000_000 and resident() < before + 40_000_000)
point("memory", back and one(first, HELD)[1] > 100_000_000, f"{one(first, HELD)[1] // 1_000_000} MB")

# A deadline, for this connection's statements.
one(pool[1], "SELECT warden_timeout(100)")
try:
    one(pool[1], ENDLESS)
    point("deadline", False, "it ended by itself")
except apsw.InterruptError as error:
    point("deadline", one(first, BY_DEADLINE) == (1,), repr(error))

# A statement of another thread: seen, and ended.
errors = []


def run():
    try:
        one(pool[2], ENDLESS)
    except apsw.InterruptError as error:
        errors.append(repr(error))


thread = threading.Thread(target=run)
thread.start()
point("watch", eventually(lambda: one(first, ACTIVE) == (1,)))
cancelled = one(first, CANCEL)
thread.join()
point("cancel", cancelled == (1,) and len(errors) == 1, *errors)

for connection in pool[1:]:
    connection.close()
alone = one(first, COUNT) == (1,)
first.close()
again = apsw.Connection(JOBS)
point("close", alone and one(again, COUNT) == (1,))
again.close()
end()
