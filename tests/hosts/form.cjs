// What the JavaScript hosts here have in common: what the driver expects to read, and what is asked of warden.
const fs = require('node:fs');

exports.WARDEN = process.env.WARDEN;
exports.JOBS = process.env.JOBS;
exports.JOB_COUNT = Number(process.env.JOB_COUNT);

exports.ABOUT = "SELECT sqlite_version(), json_extract(warden_debug(), '$.sqlite_image')";
// What idle connections may keep, and after how long: so little that this program need not wait.
exports.SETTINGS =
  "SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', 'always')";
exports.SCAN = 'SELECT count(*), sum(length(hex(resources))) FROM job';
exports.ENDLESS = 'SELECT count(*) FROM job a, job b, job c';
exports.COUNT = 'SELECT count(*) FROM warden_connections';
// What the other connections hold, and what was taken back from them.
exports.HELD =
  'SELECT sum(cache_bytes), sum(released_bytes) FROM warden_connections ' +
  'WHERE connection_id <> warden_connection_id()';
const ofEndless = ` FROM warden_connections WHERE state = 'active' AND sql = '${exports.ENDLESS}'`;
exports.ACTIVE = 'SELECT count(*)' + ofEndless;
exports.CANCEL = 'SELECT warden_cancel(connection_id, statement_seq)' + ofEndless;

// Synchronously, so that nothing is lost when the process ends.
exports.say = (...fields) => fs.writeSync(1, fields.join('\t') + '\n');

let failed = false;
// One line for the driver: whether it was so, and what was seen.
exports.point = (name, good, seen = '') => {
  failed ||= !good;
  exports.say(name, good ? 'passed' : 'failed', seen);
};

// Waits until it is true; what never comes true is no better after a minute.
exports.eventually = async (condition) => {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    if (await condition()) return true;
    await new Promise((resume) => setTimeout(resume, 5));
  }
  return false;
};

exports.resident = () => 4096 * Number(fs.readFileSync('/proc/self/statm', 'latin1').split(' ')[1]);
exports.end = () => (process.exitCode = failed ? 1 : 0);
