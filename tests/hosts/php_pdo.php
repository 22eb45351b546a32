<?php
// warden in PHP's PDO, which can't load extensions: libwarden_preload.so brings it into every connection.
require __DIR__ . '/form.php';

function connection(): PDO
{
    return new PDO('sqlite:' . getenv('JOBS'), null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
}

function one(PDO $connection, string $sql): mixed
{
    return $connection->query($sql)->fetchColumn();
}

// [load]
// LD_PRELOAD=/usr/local/lib/sqlite3/libwarden_preload.so php program.php
// [end]
$first = connection();
say('host', PHP_VERSION);
say('sqlite', one($first, 'SELECT sqlite_version()'), one($first, "SELECT json_extract(warden_debug(), '$.sqlite_image')"));
point('load', one($first, 'SELECT warden_version()') !== null);

$pool = [$first, connection(), connection(), connection()];
point('pool', one($first, COUNT) === 4);

one($first, SETTINGS);
$before = resident();
foreach (array_slice($pool, 1) as $connection) {
    $connection->exec('PRAGMA cache_size = -100000');
    $scanned = one($connection, SCAN);
}
point('scan', $scanned === JOB_COUNT && one($first, 'SELECT job_count(NULL)') === JOB_COUNT);

$back = eventually(fn () => one($first, HELD) < 2e6 && resident() < $before + 40e6);
$released = one($first, RELEASED);
point('memory', $back && $released > 100e6, intdiv($released, 1000000) . ' MB');

// A deadline, for this connection's statements.
one($pool[1], 'SELECT warden_timeout(100)');
try {
    one($pool[1], ENDLESS);
    point('deadline', false, 'it ended by itself');
} catch (PDOException $error) {
    point('deadline', $error->errorInfo[1] === 9, $error->getMessage());
}

// One thread: what another connection runs is seen between two of its rows.
$open = $pool[2]->query('SELECT id FROM job');
$open->fetch();
point('watch', one($first, ACTIVE) === 1);
$open = null;
say('cancel', "can't", 'one thread');

$connection = null;
$pool = null;
$alone = one($first, COUNT) === 1;
$first = null;
$again = connection();
point('close', $alone && one($again, COUNT) === 1);
$again = null;
exit($failed ? 1 : 0);
