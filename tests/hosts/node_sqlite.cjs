// warden in node:sqlite, of Node and of Deno.
const { DatabaseSync } = require('node:sqlite');
const { WARDEN, JOBS } = require('./form.cjs');

require('./pool.cjs').run({
  program: __filename,
  version: globalThis.Deno?.version.deno ?? process.versions.node,
  connect: () => new DatabaseSync(JOBS, { allowExtension: true }),
  load: (connection) => {
    // [load]
    // const connection = new DatabaseSync(file, { allowExtension: true });
    connection.loadExtension(WARDEN);
    // [end]
  },
  one: (connection, sql) => Object.values(connection.prepare(sql).get()),
  isInterrupt: (error) => error.errcode === 9,
});
