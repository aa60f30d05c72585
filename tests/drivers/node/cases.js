// node-postgres through the router, unchanged: one line per case, exit 1 when one fails.   node cases.js DSN_FILE MODULES
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const { Client } = require(path.join(process.argv[3], 'pg'));
const assert = require('assert');

const dsn = new URL(fs.readFileSync(process.argv[2], 'utf8').trim());
const settings = {
  host: dsn.hostname, port: Number(dsn.port), user: dsn.username, password: decodeURIComponent(dsn.password),
  database: dsn.pathname.slice(1), ssl: { ca: fs.readFileSync(decodeURIComponent(dsn.searchParams.get('sslrootcert'))) },
};

async function withClient(work) {
  const client = new Client(settings);
  await client.connect();
  try { return await work(client); } finally { await client.end(); }
}

const one = async (c, text, values) => Object.values((await c.query(text, values)).rows[0])[0];

// COPY as the driver's own submittable queries do it: what it sends when the server is ready for rows, what it keeps.
class Copy {
  constructor(text, rows = []) { this.text = text; this.rows = rows; this.received = []; }

  run(client) { return new Promise((resolve, reject) => { this.callback = (e) => (e ? reject(e) : resolve(this)); client.query(this); }); }

  submit(connection) { connection.query(this.text); }

  handleCopyInResponse(connection) {
    for (const row of this.rows) connection.sendCopyFromChunk(Buffer.from(row));
    connection.endCopyFrom();
  }

  // The driver's parser uses its buffer again.
  handleCopyData(message) { this.received.push(Buffer.from(message.chunk)); }

  handleError(error) { this.callback(error); }

  handleCommandComplete() {}

  handleReadyForQuery() { this.callback(); }
}

const cases = {
  connecting: async (c) => {
    assert.ok(c.connection.stream.encrypted);
    const wrong = new Client({ ...settings, password: 'lh_api_wrong' });
    await assert.rejects(wrong.connect(), (e) => e.code === '28P01' && !e.message.includes('lh_api_wrong'));
  },
  query: (c) => one(c, 'select 1 + 1 as n').then((n) => assert.strictEqual(n, 2)),
  parameters: async (c) => assert.deepStrictEqual((await c.query('select $1::text as a, $2::int as b', ['é', 42])).rows[0], { a: 'é', b: 42 }),
  bytes: async (c) => assert.deepStrictEqual(await one(c, 'select $1::bytea', [Buffer.from([0, 1])]), Buffer.from([0, 1])),
  several_statements: async (c) => assert.strictEqual((await c.query('select 1; select 2')).length, 2),
  many_rows: async (c) => assert.strictEqual((await c.query('select generate_series(1, 10000)')).rowCount, 10000),
  transaction: async (c) => {
    await c.query('begin');
    await c.query("insert into tags (name) values ('node')");
    await c.query('commit');
    assert.strictEqual((await c.query("delete from tags where name = 'node'")).rowCount, 1);
  },
  rollback: async (c) => {
    await c.query('begin');
    await c.query("insert into tags (name) values ('node rollback')");
    await c.query('rollback');
    assert.strictEqual(await one(c, "select count(*)::int from tags where name = 'node rollback'"), 0);
  },
  error_and_go_on: async (c) => {
    await assert.rejects(c.query('select * from there_is_no_such_table'), (e) => e.code === '42P01');
    assert.strictEqual(await one(c, 'select 3'), 3);
  },
  error_in_a_transaction: async (c) => {
    await c.query('begin');
    await assert.rejects(c.query('select 1 / 0'), (e) => e.code === '22012');
    await assert.rejects(c.query('select 1'), (e) => e.code === '25P02');
    await c.query('rollback');
    assert.strictEqual(await one(c, 'select 4'), 4);
  },
  prepared_statement: async (c) => {
    for (let i = 0; i < 20; i += 1) {
      const done = await c.query({ name: 'doubled', text: 'select $1::int * 2 as n', values: [i] });
      assert.strictEqual(done.rows[0].n, 2 * i);
    }
  },
  copy_in_and_out: async (c) => {
    await c.query('begin');
    await c.query('create temporary table numbers (n int) on commit drop');
    await new Copy('copy numbers from stdin', Array.from({ length: 5000 }, (_, n) => `${n}\n`)).run(c);
    assert.strictEqual(await one(c, 'select count(*)::int from numbers'), 5000);
    const out = await new Copy('copy numbers to stdout').run(c);
    assert.strictEqual(Buffer.concat(out.received).toString().split('\n').length, 5001);
    await c.query('commit');
  },
  copy_that_fails_and_go_on: async (c) => {
    await c.query('begin');
    await c.query('create temporary table numbers (n int) on commit drop');
    await assert.rejects(new Copy('copy numbers from stdin', ['no number\n']).run(c), (e) => e.code === '22P02');
    await c.query('rollback');
    assert.strictEqual(await one(c, 'select 6'), 6);
  },
  large_row: async (c) => assert.strictEqual((await one(c, "select repeat('x', 8 * 1024 * 1024)")).length, 8 * 1024 * 1024),
  cancel: async (c) => {
    const slow = assert.rejects(c.query('select pg_sleep(30)'), (e) => e.code === '57014');
    const pid = c.processID;
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    await new Promise((resolve, reject) => {
      const socket = net.connect(settings.port, settings.host, () => {
        const request = Buffer.alloc(16);
        request.writeInt32BE(16, 0); request.writeInt32BE(80877102, 4);
        request.writeInt32BE(pid, 8); request.writeInt32BE(c.secretKey, 12);
        socket.end(request);
      });
      socket.on('close', resolve); socket.on('error', reject); socket.resume();
    });
    await slow;
    assert.strictEqual(await one(c, 'select 5'), 5);
  },
};

(async () => {
  let failed = 0;
  for (const [name, work] of Object.entries(cases)) {
    try {
      await withClient(work);
      console.log(`ok   node-postgres: ${name}`);
    } catch (e) {
      failed += 1;
      console.log(`FAIL node-postgres: ${name}\n${e.stack}`);
    }
  }
  console.log(`${Object.keys(cases).length - failed} of ${Object.keys(cases).length}`);
  process.exit(failed ? 1 : 0);
})();
