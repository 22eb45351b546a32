# warden in Ruby's sqlite3: a pool of four connections, one of which loads it.
require 'sqlite3'

SETTINGS = "SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', 'always')"
SCAN = 'SELECT count(*), sum(length(hex(resources))) FROM job'
ENDLESS = 'SELECT count(*) FROM job a, job b, job c'
COUNT = 'SELECT count(*) FROM warden_connections'
HELD = 'SELECT sum(cache_bytes), sum(released_bytes) FROM warden_connections ' \
       'WHERE connection_id <> warden_connection_id()'
JOB_COUNT = ENV['JOB_COUNT'].to_i
$stdout.sync = true
$failed = false

def say(*fields) = puts(fields.join("\t"))

def point(name, good, *seen)
  $failed ||= !good
  say(name, good ? 'passed' : 'failed', *seen)
end

def connection = SQLite3::Database.new(ENV['JOBS'])
def resident = 4096 * File.read('/proc/self/statm').split[1].to_i

def eventually
  limit = Time.now + 60
  while Time.now < limit
    return true if yield

    sleep 0.005
  end
  false
end

first = connection
# [load]
first.enable_load_extension(true)
first.load_extension(ENV['WARDEN'])
# [end]
say('host', RUBY_VERSION, "sqlite3 gem #{SQLite3::VERSION}")
say('sqlite', *first.get_first_row("SELECT sqlite_version(), json_extract(warden_debug(), '$.sqlite_image')"))
point('load', !first.get_first_value('SELECT warden_version()').nil?)

pool = [first, connection, connection, connection]
point('pool', first.get_first_value(COUNT) == 4)

first.get_first_row(SETTINGS)
before = resident
scanned = 0
pool[1..].each do |each|
  each.execute('PRAGMA cache_size = -100000')
  scanned = each.get_first_value(SCAN)
end
point('scan', scanned == JOB_COUNT && first.get_first_value('SELECT job_count(NULL)') == JOB_COUNT)

back = eventually { first.get_first_value(HELD) < 2e6 && resident < before + 40e6 }
released = first.get_first_row(HELD)[1]
point('memory', back && released > 100e6, "#{released / 1_000_000} MB")

# A deadline, for this connection's statements.
pool[1].get_first_value('SELECT warden_timeout(100)')
begin
  pool[1].get_first_value(ENDLESS)
  point('deadline', false, 'it ended by itself')
rescue SQLite3::InterruptException => e
  point('deadline', true, e.message)
end

# Ruby's other threads wait while a statement runs: what another connection runs is seen between two of its rows.
open = pool[2].prepare('SELECT id FROM job')
open.execute.next
point('watch', first.get_first_value("#{COUNT} WHERE state = 'active' AND sql = 'SELECT id FROM job'") == 1)
open.close
say('cancel', "can't", 'a statement holds the interpreter, so no other thread runs')

pool[1..].each(&:close)
alone = first.get_first_value(COUNT) == 1
first.close
again = connection
point('close', alone && again.get_first_value(COUNT) == 1)
again.close
exit($failed ? 1 : 0)
