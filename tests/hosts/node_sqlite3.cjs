// warden in node-sqlite3 (npm's sqlite3). Its statements run in threads of Node's pool, so one thread can end what it waits for.
const sqlite3 = require('sqlite3');
const {
  WARDEN, JOBS, JOB_COUNT, ABOUT, SETTINGS, SCAN, ENDLESS, COUNT, HELD, ACTIVE, CANCEL, say, point, eventually, resident, end,
} = require('./form.cjs');

const called = (call) => new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));
const connect = async () => {
  let connection;
  await called((done) => (connection = new sqlite3.Database(JOBS, done)));
  return connection;
};
const one = async (connection, sql) => Object.values(await called((done) => connection.get(sql, done)));
const close = (connection) => called((done) => connection.close(done));

async function main() {
  const first = await connect();
  await called((done) => {
    // [load]
    first.loadExtension(WARDEN, done);
    // [end]
  });
  say('host', require('sqlite3/package.json').version + ', node ' + process.versions.node);
  say('sqlite', ...(await one(first, ABOUT)));
  point('load', (await one(first, 'SELECT warden_version()'))[0] !== null);

  const pool = [first, await connect(), await connect(), await connect()];
  point('pool', (await one(first, COUNT))[0] === 4);

  await one(first, SETTINGS);
  const before = resident();
  const scans = pool.slice(1).map(async (connection) => {
    await called((done) => connection.exec('PRAGMA cache_size = -100000', done));
    return (await one(connection, SCAN))[0];
  });
  const scanned = await Promise.all(scans);
  scanned.push((await one(first, 'SELECT job_count(NULL)'))[0]);
  point('scan', scanned.every((count) => count === JOB_COUNT));

  const back = await eventually(async () => (await one(first, HELD))[0] < 2e6 && resident() < before + 40e6);
  const released = (await one(first, HELD))[1];
  point('memory', back && released > 100e6, `${Math.round(released / 1e6)} MB`);

  // A deadline, for this connection's statements.
  await one(pool[1], 'SELECT warden_timeout(100)');
  const inTime = await one(pool[1], ENDLESS).catch((error) => error);
  point('deadline', inTime.code === 'SQLITE_INTERRUPT', String(inTime));

  // A statement of another thread: seen, and ended.
  const ended = one(pool[2], ENDLESS).catch((error) => error);
  point('watch', await eventually(async () => (await one(first, ACTIVE))[0] === 1));
  const cancelled = (await one(first, CANCEL))[0];
  const error = await ended;
  point('cancel', cancelled === 1 && error.code === 'SQLITE_INTERRUPT', String(error));

  for (const connection of pool.slice(1)) await close(connection);
  const alone = (await one(first, COUNT))[0] === 1;
  await close(first);
  const again = await connect();
  point('close', alone && (await one(again, COUNT))[0] === 1);
  await close(again);
  end();
}

main();
