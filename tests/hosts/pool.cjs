// A pool of four connections of a host that is synchronous, with warden loaded by one of them. What is this host's own comes
// from its program: how to connect, how to load, how to ask for one row, and what a statement fails with that was ended.
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const {
  JOB_COUNT, ABOUT, SETTINGS, SCAN, ENDLESS, COUNT, HELD, ACTIVE, CANCEL, say, point, eventually, resident, end,
} = require('./form.cjs');

function inAnotherThread({ connect, one, isInterrupt }) {
  const connection = connect();
  try {
    one(connection, ENDLESS);
    parentPort.postMessage('it ended by itself');
  } catch (error) {
    parentPort.postMessage(isInterrupt(error) ? 'interrupted' : String(error));
  }
  connection.close();
}

async function inMainThread({ program, version, connect, load, one, isInterrupt }) {
  const first = connect();
  load(first);
  say('host', version);
  say('sqlite', ...one(first, ABOUT));
  point('load', one(first, 'SELECT warden_version()')[0] !== null);

  const pool = [first, connect(), connect(), connect()];
  point('pool', one(first, COUNT)[0] === 4);

  one(first, SETTINGS);
  const before = resident();
  let scanned;
  for (const connection of pool.slice(1)) {
    connection.exec('PRAGMA cache_size = -100000');
    scanned = one(connection, SCAN);
  }
  point('scan', scanned[0] === JOB_COUNT && one(first, 'SELECT job_count(NULL)')[0] === JOB_COUNT);

  const back = await eventually(() => one(first, HELD)[0] < 2e6 && resident() < before + 40e6);
  const released = one(first, HELD)[1];
  point('memory', back && released > 100e6, `${Math.round(released / 1e6)} MB`);

  // A deadline, for this connection's statements.
  one(pool[1], 'SELECT warden_timeout(100)');
  try {
    one(pool[1], ENDLESS);
    point('deadline', false, 'it ended by itself');
  } catch (error) {
    point('deadline', isInterrupt(error), String(error));
  }

  // A statement of another thread: seen, and ended.
  const worker = new Worker(program);
  const ended = new Promise((resolve) => worker.once('message', resolve));
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  point('watch', await eventually(() => one(first, ACTIVE)[0] === 1));
  const cancelled = one(first, CANCEL)[0];
  const error = await ended;
  point('cancel', cancelled === 1 && error === 'interrupted', error);
  await gone;

  // libsql keeps a connection until its statements have been collected.
  const alone = (connection) => eventually(() => (globalThis.gc?.(), one(connection, COUNT)[0] === 1));
  for (const connection of pool.slice(1)) connection.close();
  const others = await alone(first);
  first.close();
  const again = connect();
  point('close', others && (await alone(again)));
  again.close();
  end();
}

exports.run = (host) => (isMainThread ? inMainThread(host) : inAnotherThread(host));
