# warden in Perl's DBD::SQLite: a pool of four connections, one of which loads it.
use strict;
use warnings;
use DBI;
use Time::HiRes qw(sleep time);

my ($warden, $jobs, $job_count) = @ENV{qw(WARDEN JOBS JOB_COUNT)};
my $endless = 'SELECT count(*) FROM job a, job b, job c';
my $count   = 'SELECT count(*) FROM warden_connections';
my $held    = 'SELECT sum(cache_bytes), sum(released_bytes) FROM warden_connections'
  . ' WHERE connection_id <> warden_connection_id()';
my $failed = 0;

sub say_line { local $| = 1; print join("\t", @_), "\n" }

sub point {
    my ($name, $good, @seen) = @_;
    $failed ||= !$good;
    say_line($name, $good ? 'passed' : 'failed', @seen);
}

sub connection {
    return DBI->connect("dbi:SQLite:dbname=$jobs", '', '', { RaiseError => 1, PrintError => 0 });
}

sub resident {
    open my $statm, '<', '/proc/self/statm' or die;
    return (split ' ', <$statm>)[1] * 4096;
}

sub eventually {
    my ($condition) = @_;
    my $end = time + 60;
    while (time < $end) {
        return 1 if $condition->();
        sleep 0.005;
    }
    return 0;
}

my $first = connection();

# [load]
$first->sqlite_enable_load_extension(1);
$first->sqlite_load_extension($warden);

# [end]
say_line('host', sprintf('%vd', $^V), 'DBD::SQLite ' . $DBD::SQLite::VERSION);
say_line('sqlite', $first->selectrow_array("SELECT sqlite_version(), json_extract(warden_debug(), '\$.sqlite_image')"));
point('load', defined $first->selectrow_array('SELECT warden_version()'));

my @pool = ($first, map { connection() } 1 .. 3);
point('pool', $first->selectrow_array($count) == 4);

$first->selectrow_array(
    "SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', 'always')");
my $before = resident();
my $scanned;
for my $connection (@pool[1 .. 3]) {
    $connection->do('PRAGMA cache_size = -100000');
    ($scanned) = $connection->selectrow_array('SELECT count(*), sum(length(hex(resources))) FROM job');
}
point('scan', $scanned == $job_count && $first->selectrow_array('SELECT job_count(NULL)') == $job_count);

my $back = eventually(sub { ($first->selectrow_array($held))[0] < 2e6 && resident() < $before + 40e6 });
my $released = ($first->selectrow_array($held))[1];
point('memory', $back && $released > 100e6, int($released / 1e6) . ' MB');

# A deadline, for this connection's statements.
$pool[1]->selectrow_array('SELECT warden_timeout(100)');
eval { $pool[1]->selectrow_array($endless) };
point('deadline', $pool[1]->err == 9 && $pool[1]->errstr eq 'interrupted', $pool[1]->errstr);

# One thread: what another connection runs is seen between two of its rows.
my $open = $pool[2]->prepare('SELECT id FROM job');
$open->execute;
$open->fetchrow_array;
my $seen = 'SELECT count(*) FROM warden_connections';
point('watch', $first->selectrow_array("$seen WHERE state = 'active' AND sql = 'SELECT id FROM job'") == 1);
$open->finish;
say_line('cancel', "can't", 'one thread');

undef $open;
$_->disconnect for @pool[1 .. 3];
my $alone = $first->selectrow_array($count) == 1;
$first->disconnect;
my $again = connection();
point('close', $alone && $again->selectrow_array($count) == 1);
$again->disconnect;
exit $failed;
