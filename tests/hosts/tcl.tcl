# warden in Tcl's sqlite3: a pool of four connections, one of which loads it.
package require sqlite3

set settings {SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', 'always')}
set scan {SELECT count(*), sum(length(hex(resources))) FROM job}
set endless {SELECT count(*) FROM job a, job b, job c}
set count {SELECT count(*) FROM warden_connections}
set others {FROM warden_connections WHERE connection_id <> warden_connection_id()}
set failed 0

proc say {args} { puts [join $args \t]; flush stdout }

proc point {name good {seen {}}} {
  if {!$good} { set ::failed 1 }
  say $name [expr {$good ? "passed" : "failed"}] $seen
}

proc resident {} {
  set statm [open /proc/self/statm]
  set pages [lindex [read $statm] 1]
  close $statm
  return [expr {$pages * 4096}]
}

# Waits until it is true; what never comes true is no better after a minute.
proc eventually {condition} {
  for {set end [expr {[clock milliseconds] + 60000}]} {[clock milliseconds] < $end} {after 5} {
    if {[uplevel 1 [list expr $condition]]} { return 1 }
  }
  return 0
}

# Without -fullmutex a connection has no mutex, and gives back only at the end of its own statements.
foreach name {first second third fourth} {
  sqlite3 $name $env(JOBS) -fullmutex 1
  if {$name ne "first"} continue
  # [load]
  first enable_load_extension 1
  first eval {SELECT load_extension($env(WARDEN))}
  # [end]
}
say host [info patchlevel]
say sqlite {*}[first eval {SELECT sqlite_version(), json_extract(warden_debug(), '$.sqlite_image')}]
point load [expr {[first onecolumn {SELECT warden_version()}] ne ""}]
point pool [expr {[first onecolumn $count] == 4}]

first eval $settings
set before [resident]
foreach name {second third fourth} {
  $name eval {PRAGMA cache_size = -100000}
  set scanned [$name onecolumn $scan]
}
point scan [expr {$scanned == $env(JOB_COUNT) && [first onecolumn {SELECT job_count(NULL)}] == $env(JOB_COUNT)}]

set back [eventually {[first onecolumn "SELECT sum(cache_bytes) $others"] < 2e6 && [resident] < $before + 40e6}]
set released [first onecolumn "SELECT sum(released_bytes) $others"]
point memory [expr {$back && $released > 100e6}] "[expr {$released / 1000000}] MB"

# A deadline, for this connection's statements.
second eval {SELECT warden_timeout(100)}
set ended [catch {second onecolumn $endless} message]
point deadline [expr {$ended && [second errorcode] == 9}] $message

# One thread: what another connection runs is seen between two of its rows.
third eval {SELECT id FROM job} {
  point watch [expr {[first onecolumn "$count WHERE state = 'active' AND sql = 'SELECT id FROM job'"] == 1}]
  break
}
say cancel can't {one thread}

foreach name {second third fourth} { $name close }
set alone [expr {[first onecolumn $count] == 1}]
first close
sqlite3 again $env(JOBS)
point close [expr {$alone && [again onecolumn $count] == 1}]
again close
exit $failed
