// Question 7: what grows. Memory of a backend after many attaches and many errors, of the gateway after many requests, in shared
// memory for each tenant; the time of tenancy.check() with the number of tables; protect() on a big table.
//
// --large asks also for what does not fit into ten minutes.

import { readFileSync } from 'node:fs'
import { cpuOfThread } from '../lib/cpu.mjs'
import { wrk } from '../lib/load.mjs'
import { execution, simple } from '../lib/postgres.mjs'
import { decimals, shown, spread } from '../lib/statistics.mjs'

const database = 'bench'
const tenants = 1000
const sessions = 10000

const large = process.env.BENCH_LARGE === 'yes'

const numbers = (quick) =>
  large
    ? { attaches: 1e6, errors: 1e5, requests: 1e6, tables: [1000, 10000], rows: 1e7 }
    : quick
      ? { attaches: 5e4, errors: 5e3, requests: 1e4, tables: [100], rows: 2e5 }
      : { attaches: 1e6, errors: 1e5, requests: 1e5, tables: [1000], rows: 1e7 }

const thousands = (value) => value.toLocaleString('en-US')

/** What a process has for itself, in bytes: without shared buffers and the program's own text. */
const memoryOf = (pid) => Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024

/** A statement's time and its backend's CPU, in seconds. */
async function timed(connection, text) {
  const [began, ran] = [performance.now(), cpuOfThread(connection.pid)]
  await connection.query(text)
  return { seconds: (performance.now() - began) / 1000, cpu: cpuOfThread(connection.pid) - ran }
}

/** Runs work in steps and notes after each; the first step warms up, so that growth is told from the second on. */
async function inSteps(total, each, work, note) {
  const notes = []
  for (let done = 0; done < total; ) {
    const before = done
    while (done < total && done - before < total / 5) done += (await work(done)) ?? each
    notes.push({ done, ...(await note()) })
  }
  return notes
}

async function makeDatabase(bench) {
  await bench.freshDatabase(database)
  await bench.sql(
    database,
    `create extension tenancy;
     create table account (user_id bigint primary key, user_name text, password_hash text, is_admin boolean);
     create table membership (user_id bigint primary key, tenant_id bigint, tenant_name text);
     insert into account select n, 'user ' || n, '$2b$04$' || repeat('x', 53), false from generate_series(1, ${sessions}) n;
     insert into membership select n, n % ${tenants} + 1, 'tenant' from generate_series(1, ${sessions}) n;
     create view accounts as select * from account;
     create view memberships as select * from membership;
     select tenancy.use_directory('accounts', 'memberships');
     create table item (id bigint primary key, tenant_id bigint not null);
     select count(*) from tenancy.protect('item');
     grant usage on schema public to tenancy_user;
     grant execute on function pg_get_backend_memory_contexts() to public;
     grant select on pg_backend_memory_contexts to public;
     analyze;
     -- Tokens that can be made up, used a moment ago: nothing is written at an attach.
     insert into tenancy.session (token_hash, user_id, tenant_id, last_used_at, expires_at, password_fingerprint)
       select sha256(convert_to(lpad(n::text, 43, 'A'), 'UTF8')), n::text, (n % ${tenants} + 1)::text, now() + interval '1 hour', now() + interval '12 hours',
              sha256(convert_to('$2b$04$' || repeat('x', 53), 'UTF8'))
         from generate_series(1, ${sessions}) n;
     analyze tenancy.session`,
  )
}

const token = (number) => String((number % sessions) + 1).padStart(43, 'A')

/** One backend, many transactions: of attaches, and of statements that fail. */
async function backend(bench, { attaches, errors }) {
  const connection = await bench.connect(database)
  const note = async () => {
    const [[bytes]] = await connection.query('select sum(total_bytes) from pg_backend_memory_contexts')
    return { contexts: Number(bytes), own: memoryOf(connection.pid) }
  }
  await connection.prepare('attach', 'select tenancy.attach($1)')
  const attached = await inSteps(attaches, 500, async (done) => {
    await connection.transactions(Array.from({ length: 500 }, (_, index) => execution('attach', [token(done + index)])))
  }, note)
  // A token that is none, a table without a context, a statement that a sealed transaction refuses, and an error of a value.
  const attach = (number) => `select tenancy.attach('${token(number)}')`
  const wrong = (number) => [
    `select tenancy.attach('${'B'.repeat(43)}')`,
    'select * from public.item',
    `${attach(number)}; lock table public.item`,
    `${attach(number)}; select 1 / (id - id) from generate_series(1, 1) id`,
  ]
  const failed = await inSteps(errors, 400, async (done) => {
    const statements = Array.from({ length: 100 }, (_, index) => wrong(done + index)).flat()
    const count = await connection.failures(statements.map(simple))
    if (count !== statements.length) throw new Error(`${statements.length - count} of ${statements.length} statements did not fail`)
  }, note)
  await connection.close()
  return { attached, failed }
}

async function gateway(bench, { requests }) {
  const cookie = await bench.signIn(bench.demoDatabase, ...bench.demoUser)
  const load = async () => {
    const { operations } = await wrk({ url: `${bench.gateway.url}/api/patients`, seconds: 1, connections: 10, headers: { Cookie: `tenancy_session=${cookie}` } })
    return operations
  }
  return inSteps(requests, 0, load, async () => ({ own: memoryOf(bench.gateway.pid) }))
}

/** In the server's shared memory, by the names of what is there. */
const sharedMemory = async (bench) =>
  Number((await bench.sql(database, `select coalesce(sum(allocated_size), 0) from pg_shmem_allocations where name ~ 'tenancy'`))[0][0])

async function check(bench, tables) {
  const connection = await bench.superuser(database)
  const found = []
  let made = 0
  await connection.query('create schema many')
  for (const count of tables) {
    // Each with a key, a foreign key and an index. In portions, for a transaction cannot hold locks on ten thousand tables.
    for (; made < count; made += 100) {
      await connection.query(`do $$ begin
        for i in ${made + 1} .. ${made + 100} loop
          execute format('create table many.t%s (id bigint generated always as identity primary key, tenant_id bigint, parent bigint %s, name text)',
                         i, case when i > 1 then format('references many.t%s', i - 1) end);
          perform tenancy.protect(format('many.t%s', i)::regclass);
        end loop; end $$`)
    }
    const times = []
    for (let round = 0; round < 4; round++) times.push(await timed(connection, 'select count(*) from tenancy.check()'))
    // The first call fills the catalog caches of the session.
    const later = (of) => spread(times.slice(1).map((one) => one[of]))
    found.push({ tables: count, first: times[0].seconds, later: later('seconds'), cpu: later('cpu') })
    bench.log(`checked ${thousands(count)} tables`)
  }
  await connection.close()
  return found
}

/** protect() twice: of a table as it was found, and of one that has its index and NOT NULL already. */
async function protect(bench, rows) {
  const connection = await bench.superuser(database)
  await connection.query(`create unlogged table big (id bigint, tenant_id bigint);
    insert into big select n, n % 1000 from generate_series(1, ${rows}) n;
    alter table big add primary key (id)`)
  bench.log(`filled a table of ${thousands(rows)} rows`)
  const file = async () => (await connection.query(`select pg_relation_filenode('big')`))[0][0]
  const before = await file()
  const found = []
  const ask = async (state) => {
    await connection.query('begin')
    const took = await timed(connection, `select count(*) from tenancy.protect('big')`)
    const locks = await connection.query(`select mode from pg_locks where pid = pg_backend_pid() and relation = 'big'::regclass`)
    await connection.query('commit')
    const strongest = locks.some(([mode]) => mode === 'AccessExclusiveLock') ? 'ACCESS EXCLUSIVE' : locks.map(([mode]) => mode).join(', ')
    found.push({ state, ...took, strongest, rewritten: (await file()) !== before })
  }
  await ask('as it was: NOT NULL is checked, an index is built')
  await connection.query(`select count(*) from tenancy.unprotect('big');
    create index big_tenant on big (tenant_id, id);
    alter table big alter column tenant_id set not null`)
  await ask('with its index and NOT NULL')
  await connection.close()
  return found
}

export default {
  name: 'growth',
  number: 7,
  title: 'What grows with use, tenants and tables',
  seconds: { full: large ? 600 : 60, quick: 10 },

  prepare: makeDatabase,

  async run(bench) {
    const wanted = numbers(bench.quick)
    const found = {}
    for (const [name, work] of Object.entries({
      memory: async () => ({ shared: await sharedMemory(bench), ...(await backend(bench, wanted)), sharedAfter: await sharedMemory(bench) }),
      gateway: () => gateway(bench, wanted),
      check: () => check(bench, wanted.tables),
      protect: () => protect(bench, wanted.rows),
    })) {
      bench.log(name)
      found[name] = await work().catch((error) => ({ error: error.message, group: 'growth', variant: name }))
    }
    return found
  },

  report({ memory, gateway: served, check: checked, protect: protecting }, bench) {
    const wanted = numbers(bench.quick)
    const kib = (bytes) => decimals(bytes / 1024)
    const grown = (notes, of) => notes.at(-1)[of] - notes[0][of]
    const tables = []
    const aims = []
    const rows = []
    const row = (what, notes, of) => {
      rows.push([what, thousands(notes[0].done), kib(notes[0][of]), thousands(notes.at(-1).done), kib(notes.at(-1)[of]), kib(grown(notes, of))])
      // A leak of one pointer would be eight bytes for each; some pages more are the allocator's and no growth.
      const each = grown(notes, of) / (notes.at(-1).done - notes[0].done)
      aims.push({ text: `flat: ${what}, ${decimals(Math.max(0, each))} bytes for each`, reached: each < 1 || grown(notes, of) < 128 * 1024 })
    }
    if (!memory.error) {
      row('backend, attaches: memory contexts', memory.attached, 'contexts')
      row('backend, attaches: of the process', memory.attached, 'own')
      row('backend, errors: memory contexts', memory.failed, 'contexts')
      row('backend, errors: of the process', memory.failed, 'own')
    }
    if (!served.error) row('gateway, requests: of the process', served, 'own')
    tables.push({ title: 'Memory, KiB', columns: ['what', 'after', 'KiB', 'after', 'KiB', 'more, KiB'], rows })
    const notes = []
    if (!memory.error) {
      notes.push(`Shared memory of the extension after ${thousands(tenants)} tenants: ${thousands(memory.sharedAfter)} bytes${
        memory.sharedAfter === 0 ? ', for it has none' : `, ${decimals((memory.sharedAfter - memory.shared) / tenants)} for each tenant`
      }.`)
    }
    if (!checked.error) {
      tables.push({
        title: 'tenancy.check()',
        columns: ['protected tables', 'first call, s', 'later calls, s', 'CPU of one, s'],
        rows: checked.map(({ tables: count, first, later, cpu }) => [thousands(count), decimals(first), shown(later), decimals(cpu.median)]),
      })
    }
    if (!protecting.error) {
      tables.push({
        title: `tenancy.protect() of a table of ${thousands(wanted.rows)} rows`,
        columns: ['the table', 'seconds', 'CPU, s', 'strongest lock, to the end of the transaction', 'rewritten'],
        rows: protecting.map(({ state, seconds, cpu, strongest, rewritten }) => [state, decimals(seconds), decimals(cpu), strongest, rewritten ? 'YES' : 'no']),
      })
      aims.push({ text: 'protect() does not rewrite the table', reached: protecting.every(({ rewritten }) => !rewritten) })
    }
    if (!large) notes.push('`bench/run --large growth` asks for 1,000,000 requests, and for the check of 10,000 tables.')
    const series = [
      ...(memory.error ? [] : [['backend, attaches', memory.attached], ['backend, errors', memory.failed]]),
      ...(served.error ? [] : [['gateway, requests', served]]),
    ]
    return {
      tables,
      aims,
      notes,
      plots: [
        {
          kind: 'lines',
          title: 'Memory of a backend and of the gateway',
          subtitle: `of the process, as it works; to the right ${thousands(wanted.attaches)} attaches, ${thousands(wanted.errors)} errors, ${thousands(wanted.requests)} requests`,
          series: series.map(([name, steps]) => ({
            name,
            points: steps.map(({ own }, index) => {
              const mib = own / 2 ** 20
              return { x: ((index + 1) / steps.length) * 100, median: mib, min: mib, max: mib }
            }),
          })),
          axis: { label: 'MiB' },
          xLabel: 'part of the work done, %',
        },
      ],
    }
  },

  end: (bench) => bench.dropDatabase(database),
}
