// A worker_thread that loaded warden into node-sqlite3 is terminated: Node unloads the addon, and SQLite with it, unless warden
// holds on to it. Its threads, as busy as they can be, must go on without a crash; and the next worker is served as the first was.
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { WARDEN, JOBS, point, end } = require('./form.cjs');

if (isMainThread) {
  (async () => {
    let served = 0;
    for (let i = 0; i < 5; ++i) {
      const worker = new Worker(__filename);
      await new Promise((resolve) => worker.once('message', resolve));
      ++served;
      await worker.terminate();
      await new Promise((resume) => setTimeout(resume, 100)); // many looks of the watchdog
    }
    point('terminated', served === 5);
    end();
  })();
} else {
  const sqlite3 = require('sqlite3');
  const connection = new sqlite3.Database(JOBS, () =>
    connection.loadExtension(WARDEN, () =>
      connection.get('SELECT warden_version()', (error) => error || parentPort.postMessage('loaded'))));
}
