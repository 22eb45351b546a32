"""Loaded again: on a connection that has it, while a statement of it is open, by a statement; and a storm of connections."""

import sqlite3
import threading

from form import *


def one(connection, sql, *values):
    return connection.execute(sql, values).fetchone()


def load(connection):
    connection.enable_load_extension(True)
    connection.load_extension(WARDEN)


first = sqlite3.connect(JOBS)
load(first)
me = one(first, "SELECT warden_connection_id()")
rows = first.execute("SELECT id FROM job")
rows.fetchone()
load(first)
later = sqlite3.connect(JOBS)
more = later.execute("SELECT id FROM job")
more.fetchone()
load(later)
one(later, "SELECT load_extension(?)", WARDEN)
went_on = len(rows.fetchall()) == len(more.fetchall()) == JOB_COUNT - 1
point("again", went_on and one(first, "SELECT warden_connection_id()") == me and one(first, COUNT) == (2,))


def come_and_go():
    for _ in range(200):
        connection = sqlite3.connect(JOBS)
        one(connection, "SELECT count(*) FROM job WHERE id < 50")
        one(connection, COUNT)
        connection.close()


threads = [threading.Thread(target=come_and_go) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
point("storm", one(first, COUNT) == (2,))
end()
