// Several copies of SQLite in one process, with one warden.so. Each answers as itself, while the others run and after they have
// been closed; a row of warden_connections says whose it is, and a statement of one copy is cancelled from another.
// node copies.cjs PACKAGE...: better-sqlite3-13, sqlite3, libsql, node:sqlite
const { WARDEN, JOBS, ENDLESS, COUNT, ACTIVE, CANCEL, point, eventually, end } = require('./form.cjs');

const called = (call) => new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));

// Each as {one(sql), close()}.
async function open(name) {
  if (name === 'node:sqlite') {
    const connection = new (require(name).DatabaseSync)(JOBS, { allowExtension: true });
    connection.loadExtension(WARDEN);
    return { one: async (sql) => Object.values(connection.prepare(sql).get()), close: async () => connection.close() };
  }
  if (name === 'sqlite3') {
    const sqlite3 = require(name);
    let connection;
    await called((done) => (connection = new sqlite3.Database(JOBS, done)));
    await called((done) => connection.loadExtension(WARDEN, done));
    return {
      one: async (sql) => Object.values(await called((done) => connection.get(sql, done))),
      close: () => called((done) => connection.close(done)),
    };
  }
  const connection = new (require(name))(JOBS);
  connection.loadExtension(WARDEN);
  return { one: async (sql) => connection.prepare(sql).raw().get(), close: async () => connection.close() };
}

async function main() {
  const names = process.argv.slice(2);
  const copies = [];
  for (const name of names) copies.push(await open(name));

  // What each says of itself by a routine of its own, and what warden says of it.
  const OWN =
    "SELECT sqlite_version(), json_extract(warden_debug(), '$.sqlite_version'), sqlite_version, " +
    "json_extract(warden_debug(), '$.sqlite_copy') = sqlite_copy, sqlite_copy " +
    'FROM warden_connections WHERE connection_id = warden_connection_id()';
  const answers = async () => {
    const rows = [];
    for (const copy of copies) rows.push(await copy.one(OWN));
    return rows;
  };
  const rows = await answers();
  const honest = rows.every(([own, told, shown, same]) => own === told && own === shown && same === 1);
  const distinct = new Set(rows.map((row) => row[4])).size === names.length;
  point('as itself', honest && distinct, rows.map((row) => row[0]).join(' '));
  point('seen', (await copies[0].one(COUNT))[0] === names.length);

  // Deadlines in each, one after the other.
  const ended = [];
  for (const copy of copies) {
    await copy.one('SELECT warden_timeout(50)');
    ended.push(String(await copy.one(ENDLESS).catch((error) => error)));
    await copy.one('SELECT warden_timeout(NULL)');
  }
  point('deadlines', ended.every((error) => /interrupted/.test(error)), ended.join('; '));

  // A statement of one copy, seen and cancelled from another.
  const other = copies[names.indexOf('sqlite3')];
  if (other !== undefined && other !== copies[0]) {
    const running = other.one(ENDLESS).catch((error) => error);
    await eventually(async () => (await copies[0].one(ACTIVE))[0] === 1);
    const cancelled = (await copies[0].one(CANCEL))[0];
    point('across', cancelled === 1 && /interrupted/.test(String(await running)));
  }
  point('still', JSON.stringify(await answers()) === JSON.stringify(rows));
  for (const copy of copies) await copy.close();
  end();
}

main();
