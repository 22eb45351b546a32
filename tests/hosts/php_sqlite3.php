<?php
// warden in PHP's SQLite3: a pool of four connections, one of which loads it.
// php -d sqlite3.extension_dir=DIR, and the file's name within that directory.
require __DIR__ . '/form.php';

function connection(): SQLite3
{
    $connection = new SQLite3(getenv('JOBS'));
    $connection->enableExceptions(true);
    return $connection;
}

$first = connection();
// [load]
$first->loadExtension('warden.so');
// [end]
say('host', PHP_VERSION);
say('sqlite', ...array_values($first->querySingle("SELECT sqlite_version(), json_extract(warden_debug(), '$.sqlite_image')", true)));
point('load', $first->querySingle('SELECT warden_version()') !== null);

$pool = [$first, connection(), connection(), connection()];
point('pool', $first->querySingle(COUNT) === 4);

$first->querySingle(SETTINGS);
$before = resident();
foreach (array_slice($pool, 1) as $connection) {
    $connection->exec('PRAGMA cache_size = -100000');
    $scanned = $connection->querySingle(SCAN);
}
point('scan', $scanned === JOB_COUNT && $first->querySingle('SELECT job_count(NULL)') === JOB_COUNT);

$back = eventually(fn () => $first->querySingle(HELD) < 2e6 && resident() < $before + 40e6);
$released = $first->querySingle(RELEASED);
point('memory', $back && $released > 100e6, intdiv($released, 1000000) . ' MB');

// A deadline, for this connection's statements.
$pool[1]->querySingle('SELECT warden_timeout(100)');
try {
    $pool[1]->querySingle(ENDLESS);
    point('deadline', false, 'it ended by itself');
} catch (Exception $error) {
    point('deadline', $pool[1]->lastErrorCode() === 9, $error->getMessage());
}

// One thread: what another connection runs is seen between two of its rows.
$open = $pool[2]->query('SELECT id FROM job');
$open->fetchArray();
point('watch', $first->querySingle(ACTIVE) === 1);
$open->finalize();
say('cancel', "can't", 'one thread');

foreach (array_slice($pool, 1) as $connection) {
    $connection->close();
}
$alone = $first->querySingle(COUNT) === 1;
$first->close();
$again = connection();
point('close', $alone && $again->querySingle(COUNT) === 1);
$again->close();
exit($failed ? 1 : 0);
