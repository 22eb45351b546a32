<?php
// What both PHP hosts have in common: what the driver expects to read, and what is asked of warden.

define('JOB_COUNT', (int) getenv('JOB_COUNT'));
// What idle connections may keep, and after how long: so little that this program need not wait.
const SETTINGS = "SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', 'always')";
const SCAN = 'SELECT count(*), sum(length(hex(resources))) FROM job';
const ENDLESS = 'SELECT count(*) FROM job a, job b, job c';
const COUNT = 'SELECT count(*) FROM warden_connections';
const OTHERS = ' FROM warden_connections WHERE connection_id <> warden_connection_id()';
const HELD = 'SELECT sum(cache_bytes)' . OTHERS;
const RELEASED = 'SELECT sum(released_bytes)' . OTHERS;
const ACTIVE = COUNT . " WHERE state = 'active' AND sql = 'SELECT id FROM job'";

$failed = false;

function say(...$fields): void
{
    echo implode("\t", $fields), "\n";
}

function point(string $name, bool $good, string $seen = ''): void
{
    global $failed;
    $failed = $failed || !$good;
    say($name, $good ? 'passed' : 'failed', $seen);
}

function resident(): int
{
    return 4096 * (int) explode(' ', file_get_contents('/proc/self/statm'))[1];
}

function eventually(callable $condition): bool
{
    for ($end = microtime(true) + 60; microtime(true) < $end; usleep(5000)) {
        if ($condition()) {
            return true;
        }
    }
    return false;
}
