# warden in R's RSQLite: a pool of four connections, one of which loads it.
suppressPackageStartupMessages({
  library(DBI)
  library(RSQLite)
})

settings <- "SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', 'always')"
scan <- "SELECT count(*), sum(length(hex(resources))) FROM job"
endless <- "SELECT count(*) FROM job a, job b, job c"
count <- "SELECT count(*) FROM warden_connections"
held <- paste(
  "SELECT sum(cache_bytes), sum(released_bytes) FROM warden_connections",
  "WHERE connection_id <> warden_connection_id()"
)
job_count <- as.numeric(Sys.getenv("JOB_COUNT"))
failed <- FALSE

say <- function(...) cat(paste(..., sep = "\t"), "\n", sep = "")

point <- function(name, good, seen = "") {
  failed <<- failed || !good
  say(name, if (good) "passed" else "failed", seen)
}

connection <- function() dbConnect(SQLite(), Sys.getenv("JOBS"))
one <- function(connection, sql) dbGetQuery(connection, sql)[1, ]
resident <- function() 4096 * as.numeric(strsplit(readLines("/proc/self/statm"), " ")[[1]][2])

# Waits until it is true; what never comes true is no better after a minute.
eventually <- function(condition) {
  end <- Sys.time() + 60
  while (Sys.time() < end) {
    if (condition()) return(TRUE)
    Sys.sleep(0.005)
  }
  FALSE
}

first <- connection()
warden <- Sys.getenv("WARDEN")
# [load]
invisible(dbGetQuery(first, "SELECT load_extension(?)", params = list(warden)))
# [end]
say("host", paste(R.version$major, R.version$minor, sep = "."), paste("RSQLite", packageVersion("RSQLite")))
about <- one(first, "SELECT sqlite_version(), json_extract(warden_debug(), '$.sqlite_image')")
say("sqlite", about[[1]], about[[2]])
point("load", !is.na(one(first, "SELECT warden_version()")))

pool <- c(first, connection(), connection(), connection())
point("pool", one(first, count) == 4)

invisible(one(first, settings))
before <- resident()
for (each in pool[2:4]) {
  dbExecute(each, "PRAGMA cache_size = -100000")
  scanned <- one(each, scan)[[1]]
}
point("scan", scanned == job_count && one(first, "SELECT job_count(NULL)") == job_count)

back <- eventually(function() one(first, held)[[1]] < 2e6 && resident() < before + 40e6)
released <- one(first, held)[[2]]
point("memory", back && released > 100e6, paste(released %/% 1e6, "MB"))

# A deadline, for this connection's statements.
invisible(one(pool[[2]], "SELECT warden_timeout(100)"))
message <- tryCatch(one(pool[[2]], endless), error = conditionMessage)
point("deadline", message == "interrupted", message)

# One thread: what another connection runs is seen between two of its rows.
open <- dbSendQuery(pool[[3]], "SELECT id FROM job")
invisible(dbFetch(open, n = 1))
point("watch", one(first, paste(count, "WHERE state = 'active' AND sql = 'SELECT id FROM job'")) == 1)
dbClearResult(open)
say("cancel", "can't", "one thread")

for (each in pool[2:4]) dbDisconnect(each)
alone <- one(first, count) == 1
dbDisconnect(first)
again <- connection()
point("close", alone && one(again, count) == 1)
dbDisconnect(again)
quit(status = as.integer(failed))
