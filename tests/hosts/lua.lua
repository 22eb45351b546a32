-- warden in Lua's luasql, which can't load extensions: libwarden_preload.so brings it into every connection.
-- [load]
-- LD_PRELOAD=/usr/local/lib/sqlite3/libwarden_preload.so lua program.lua
-- [end]
local environment = require("luasql.sqlite3").sqlite3()

local settings = "SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', 'always')"
local scan = "SELECT count(*), sum(length(hex(resources))) FROM job"
local endless = "SELECT count(*) FROM job a, job b, job c"
local count = "SELECT count(*) FROM warden_connections"
local others = " FROM warden_connections WHERE connection_id <> warden_connection_id()"
local jobs = tonumber(os.getenv("JOB_COUNT"))
local failed = false

local function say(...)
  print(table.concat({ ... }, "\t"))
end

local function point(name, good, seen)
  failed = failed or not good
  say(name, good and "passed" or "failed", seen or "")
end

local function connection()
  return assert(environment:connect(os.getenv("JOBS")))
end

-- A column of the first row; nil and the message where that is an error.
local function one(from, sql)
  local cursor, message = from:execute(sql)
  if type(cursor) ~= "userdata" then -- an error, or how many rows a statement without columns has changed
    return cursor, message
  end
  local row = cursor:fetch({}, "n")
  cursor:close()
  return row and row[1]
end

local function resident()
  for line in io.lines("/proc/self/statm") do
    return 4096 * tonumber(line:match("%d+ (%d+)"))
  end
end

-- Waits until it is true; what never comes true is no better after a minute.
local function eventually(condition)
  local limit = os.time() + 60
  while os.time() < limit do
    if condition() then
      return true
    end
  end
  return false
end

local first = connection()
say("host", _VERSION)
say("sqlite", one(first, "SELECT sqlite_version()"), one(first, "SELECT json_extract(warden_debug(), '$.sqlite_image')"))
point("load", one(first, "SELECT warden_version()") ~= nil)

local pool = { connection(), connection(), connection() }
point("pool", tonumber(one(first, count)) == 4)

one(first, settings)
local before = resident()
local scanned = one(first, "SELECT job_count(NULL)")
local all = tonumber(scanned) == jobs
for _, each in ipairs(pool) do
  one(each, "PRAGMA cache_size = -100000")
  all = all and tonumber(one(each, scan)) == jobs
end
point("scan", all)

local back = eventually(function()
  return tonumber(one(first, "SELECT sum(cache_bytes)" .. others)) < 2e6 and resident() < before + 40e6
end)
local released = tonumber(one(first, "SELECT sum(released_bytes)" .. others))
point("memory", back and released > 100e6, released // 1000000 .. " MB")

-- A deadline, for this connection's statements.
one(pool[1], "SELECT warden_timeout(100)")
local _, message = one(pool[1], endless)
point("deadline", message ~= nil and message:find("interrupted") ~= nil, message)

-- One thread: what another connection runs is seen between two of its rows.
local open = pool[2]:execute("SELECT id FROM job")
open:fetch()
local active = count .. " WHERE state = 'active' AND sql = 'SELECT id FROM job'"
point("watch", tonumber(one(first, active)) == 1)
open:close()
say("cancel", "can't", "one thread")

for _, each in ipairs(pool) do
  each:close()
end
local alone = tonumber(one(first, count)) == 1
first:close()
local again = connection()
point("close", alone and tonumber(one(again, count)) == 1)
again:close()
environment:close()
os.exit(failed and 1 or 0, true)
