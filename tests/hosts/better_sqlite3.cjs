// warden in better-sqlite3.
const name = process.env.BETTER_SQLITE3 ?? 'better-sqlite3';
const Database = require(name);
const { WARDEN, JOBS } = require('./form.cjs');

require('./pool.cjs').run({
  program: __filename,
  version: require(name + '/package.json').version + ', node ' + process.versions.node,
  connect: () => new Database(JOBS),
  load: (connection) => {
    // [load]
    connection.loadExtension(WARDEN);
    // [end]
  },
  one: (connection, sql) => connection.prepare(sql).raw().get(),
  isInterrupt: (error) => error.code === 'SQLITE_INTERRUPT',
});
