// warden in Bun's bun:sqlite.
const { Database } = require('bun:sqlite');
const { WARDEN, JOBS } = require('./form.cjs');

require('./pool.cjs').run({
  program: __filename,
  version: Bun.version,
  connect: () => new Database(JOBS),
  load: (connection) => {
    // [load]
    connection.loadExtension(WARDEN);
    // [end]
  },
  one: (connection, sql) => connection.query(sql).values()[0],
  isInterrupt: (error) => error.code === 'SQLITE_INTERRUPT',
});
