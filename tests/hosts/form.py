"""What every Python host here has in common: what the driver expects to read, and what is asked of warden."""

import os
import sys
import time

WARDEN = os.environ["WARDEN"]
JOBS = os.environ["JOBS"]
JOB_COUNT = int(os.environ["JOB_COUNT"])

# What idle connections may keep, and after how long: so little that this program need not wait.
SETTINGS = "SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', 'always')"
SCAN = "SELECT count(*), sum(length(hex(resources))) FROM job"
ENDLESS = "SELECT count(*) FROM job a, job b, job c"
COUNT = "SELECT count(*) FROM warden_connections"
# What the other connections hold, and what was taken back from them.
HELD = (
    "SELECT sum(cache_bytes), sum(released_bytes) FROM warden_connections "
    "WHERE connection_id <> warden_connection_id()"
)
OF_ENDLESS = " FROM warden_connections WHERE state = 'active' AND sql = '%s'" % ENDLESS
ACTIVE = "SELECT count(*)" + OF_ENDLESS
CANCEL = "SELECT warden_cancel(connection_id, statement_seq)" + OF_ENDLESS
BY_DEADLINE = "SELECT count(*) FROM warden_events WHERE action = 'cancel' AND reason = 'deadline'"

failed = False


def say(*fields):
    print(*fields, sep="\t", flush=True)


def point(name, good, seen=""):
    """One line for the driver: whether it was so, and what was seen."""
    global failed
    failed = failed or not good
    say(name, "passed" if good else "failed", seen)


def eventually(condition):
    """Waits until it is true; what never comes true is no better after a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return False


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def end():
    sys.exit(1 if failed else 0)
