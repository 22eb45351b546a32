/* warden within a C or C++ program that is linked with it: no file to load.
**
**   cc program.c $(pkg-config --cflags --libs sqlite-warden) -lsqlite3        (libwarden.a; before SQLite)
**
**   if (warden_install_all() != SQLITE_OK) fprintf(stderr, "%s\n", warden_errmsg());
**   warden_set("memory_budget", "256MB");
**
** From then on connections that the program opens are looked after as if each had loaded warden.so: its functions and tables
** are there in SQL, and the calls below need no connection of their own. SQLite is the one that the program is linked with, a
** shared library or its own copy, 3.31 or newer and not compiled with SQLITE_OMIT_LOAD_EXTENSION.
**
** Results are SQLite's result codes (sqlite3.h); other than SQLITE_OK, SQLITE_ROW and SQLITE_DONE they come with a message,
** warden_errmsg(). All functions may be called from any thread at any time, and none waits for a statement; where a function
** says more, that counts. In a child after fork() they go on, as SQLite itself does, with connections opened there.
*/
#ifndef SQLITE_WARDEN_H
#define SQLITE_WARDEN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3;

/* Every connection that opens from now on is looked after until it is closed. Call it after sqlite3_config(), because it
** initialises SQLite and opens a database in memory for a moment, and before the first connection opens, because open ones stay
** as they are: see warden_install(). Again after sqlite3_reset_auto_extension() or sqlite3_shutdown(), which forget it; else a
** second call changes nothing.
**
** SQLITE_ERROR: this SQLite is too old or has no table of routines, or warden.so was loaded into this process before and has
** the new connections. SQLITE_NOMEM; or what SQLite answered. Whatever it is, the program is then as if warden were not there. */
int warden_install_all(void);

/* This open connection is looked after until it is closed, and no other because of it. A connection of the SQLite that the
** program is linked with; no other thread may use it meanwhile. A trace callback (and with the setting hooks = 'trace+progress' a
** progress handler) that was set on it before is replaced. Nothing changes where it is looked after already.
**
** SQLITE_MISUSE: db is NULL. SQLITE_ERROR: as above, or warden.so, loaded too, has this connection. SQLITE_NOMEM. */
int warden_install(struct sqlite3 *db);

/* Changes a setting of the process, as SELECT warden_set(name, value) does: warden_set("memory_budget", "256MB"). Names, units and
** ranges are those of the table warden_settings; a NULL value restores the default. Also before anything is installed.
**
** SQLITE_ERROR: there is no such setting, or the value is none for it; nothing has changed. SQLITE_NOMEM. */
int warden_set(const char *name, const char *value);

/* What the process uses now. Bytes; -1 where that is not known, as sqlite_bytes where SQLite counts no memory
** (SQLITE_CONFIG_MEMSTATUS off). */
typedef struct warden_process {
  int64_t sqlite_bytes;          /* used by SQLite (sqlite3_memory_used) */
  int64_t sqlite_peak_bytes;     /* the most it used (sqlite3_memory_highwater) */
  int64_t soft_heap_limit_bytes; /* in force; 0 = none */
  int64_t memory_budget_bytes;   /* the setting, as a number */
  int64_t memory_limit_bytes;    /* what the process can have: the smallest of RAM, cgroup limits, ulimit */
  int64_t rss_bytes;             /* resident memory of the process */
  int64_t rss_anonymous_bytes;   /* of that heap and stacks */
  int64_t allocator_free_bytes;  /* freed, but held back by malloc: at most so much, and now and then measured */
  int connections;               /* looked after */
  int active;                    /* of those, with a statement that runs */
} warden_process;

/* Fills in all of *process: some 0.1 ms, most of it reading /proc and cgroup files. SQLITE_MISUSE: process is NULL. SQLITE_NOMEM. */
int warden_look(warden_process *process);

#define WARDEN_IDLE 0
#define WARDEN_ACTIVE 1
#define WARDEN_IDLE_IN_TRANSACTION 2

/* One connection, as a row of the table warden_connections. Of a connection that is busy just now, or that only its own thread may
** touch (SQLITE_OPEN_NOMUTEX), bytes are what was last known. Texts are UTF-8, cut where they are too long. */
typedef struct warden_connection {
  int64_t connection_id;   /* never given twice in a process */
  int state;               /* WARDEN_IDLE, WARDEN_ACTIVE, WARDEN_IDLE_IN_TRANSACTION */
  int serialized;          /* 1: it has a mutex; 0: only its own thread may touch it */
  int64_t thread_id;       /* gettid() of who began its last statement; 0 = none yet */
  int64_t statement_seq;   /* number of the running or last statement of this connection; 0 = none yet */
  int64_t elapsed_ms;      /* what that takes or took; 0 = none yet */
  int64_t deadline_ms;     /* what it may take from its beginning; 0 = no deadline */
  int64_t idle_ms;         /* since a statement ended or the connection opened; 0 while one runs */
  int64_t cache_bytes;     /* pages in its cache; -1 = not known, and so the next two */
  int64_t schema_bytes;    /* its parsed schemas */
  int64_t statement_bytes; /* its prepared statements */
  int64_t sampled_ago_ms;  /* how old these are; -1 = never measured */
  int64_t released_bytes;  /* given back by warden, in all */
  int64_t cancels;         /* statements of it that were ended before their time */
  char label[64];          /* SELECT warden_label('importer'); "" = none */
  char file[512];          /* "" = a temporary database, or one in memory */
  char sql[1024];          /* the running or last statement, as the setting show_sql says */
} warden_connection;

/* Fills in *connection with the one that has the smallest connection_id above `after`: SQLITE_ROW, or SQLITE_DONE where there is
** none, and *connection stays as it was. So a walk begins with 0 and goes on with the connection_id of the last; nothing is held
** between two calls. SQLITE_MISUSE: connection is NULL. SQLITE_NOMEM. */
int warden_next_connection(int64_t after, warden_connection *connection);

/* The connection_id of an open connection, which nobody closes meanwhile; 0 where it is not looked after. */
int64_t warden_connection_id(struct sqlite3 *db);

/* Ends the statement that a connection runs, if it is number statement_seq; with 0, whichever it is. It fails with
** SQLITE_INTERRUPT in its owner, and no later statement does: that is what sqlite3_interrupt() can't promise. One row of
** warden_events tells of it.
**
** SQLITE_OK: it was interrupted. SQLITE_DONE: none ran, or no longer that one, or dry_run is set. SQLITE_NOTFOUND: no
** connection has that id. SQLITE_NOMEM. */
int warden_cancel(int64_t connection_id, int64_t statement_seq);

/* What was wrong with the last call in this thread that gave an error, and what would have been right: until its next call of a
** function that returns a result code. "" where nothing was. */
const char *warden_errmsg(void);

/* "0.1.0" */
const char *warden_version(void);

#ifdef __cplusplus
}
#endif

#endif
