// warden in libsql.
const fs = require('node:fs');
const path = require('node:path');
const Database = require('libsql');
const { WARDEN, JOBS } = require('./form.cjs');

require('./pool.cjs').run({
  program: __filename,
  version: JSON.parse(fs.readFileSync(path.join(path.dirname(require.resolve('libsql')), 'package.json'))).version,
  connect: () => new Database(JOBS),
  load: (connection) => {
    // [load]
    connection.loadExtension(WARDEN);
    // [end]
  },
  one: (connection, sql) => connection.prepare(sql).raw().get(),
  isInterrupt: (error) => error.code === 'SQLITE_INTERRUPT',
});
