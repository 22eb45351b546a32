// Answers SQL with DuckDB, a line each, as answerer.hpp says: node duckdb.mjs DIRECTORY FILE THREADS
//
// DIRECTORY is where npm has installed @duckdb/node-api, FILE the database. The time is that of run(): from the text of the
// statement to its result in DuckDB's memory, without making values of JavaScript of it. Several statements stand between
// semicolons, and none within them.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [directory, file, threads] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(`${directory}/`)('@duckdb/node-api');
const instance = await DuckDBInstance.create(file, { threads });
const connection = await instance.connect();

async function time(sql) {
  const began = performance.now();
  await connection.run(sql);
  return ` ${performance.now() - began}`;
}

async function rows(sql) {
  for (const statement of sql.split(';')) {
    const reader = await connection.runAndReadAll(statement);
    for (const row of reader.getRows()) process.stdout.write(`row ${row.map((value) => value ?? '').join('|')}\n`);
  }
  return '';
}

for await (const line of createInterface({ input: process.stdin })) {
  const space = line.indexOf(' ');
  const ask = { time, rows }[line.slice(0, space)];
  try {
    process.stdout.write(`ok${await ask(line.slice(space + 1))}\n`);
  } catch (error) {
    process.stdout.write(`error ${error.message.replaceAll('\n', ' ')}\n`);
  }
}
