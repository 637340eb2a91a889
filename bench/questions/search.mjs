// Question 8: search under row security. The same searches on a protected table and, with a WHERE by hand, on its unprotected
// copy with the same rows and indexes: where tenancy.shared_index_search is on, where it is off, and with indexes of class
// tenancy.tsvector_ops and tenancy.jsonb_path_ops.
//
// Tenant 1 has three rows of ten, tenant 2 one, tenant 3 a thousandth of the rest, as in tables.mjs.

import { execution } from '../lib/postgres.mjs'
import { shown, shownRatio } from '../lib/statistics.mjs'
import { batches, turn } from './statements.mjs'
import { database, makeDatabase, tenantOf, tokenOf } from './tables.mjs'

// c4ca4 is in a quarter of the rows, 0577f8a58 in about one of a thousand.
const searches = {
  'full text, a rare word': { where: `words @@ '0577f8a58'`, each: 20 },
  'full text, a frequent word': { where: `words @@ 'c4ca4'`, each: 1, frequent: true },
  'full text, a phrase': { where: `words @@ 'c4ca4 <-> 0577f8a58'`, each: 20 },
  "like '%…%'": { where: `body like '%577f8a5%'`, each: 20 },
  "ilike '%…%'": { where: `body ilike '%577F8A5%'`, each: 20 },
  "like '…%', B-tree": { where: `title like 'title ab1%'`, each: 20 },
  'jsonb @>': { where: `data @> '{"n": 77}'`, each: 20 },
  'array &&': { where: `tags && '{t77}'`, each: 20 },
}
const whose = { big: 'the tenant of 30 %', ordinary: 'a tenant of a thousandth', single: 'the tenant of one row' }
const cells = [
  ...Object.keys(searches).map((search) => ({ search, tenant: 'big' })),
  ...['ordinary', 'single'].flatMap((tenant) =>
    Object.keys(searches).filter((search) => /rare|frequent|^like '%/.test(search)).map((search) => ({ search, tenant })),
  ),
]
const nameOf = ({ search, tenant }) => `${search}; ${whose[tenant]}`

const sides = {
  'by hand': { schema: 'plain_letter' },
  protected: { schema: 'guarded_letter' },
  'own class': { schema: 'own_letter', only: /full text|jsonb/ },
  off: { schema: 'guarded_letter', settings: { 'tenancy.shared_index_search': 'off' }, only: /rare|^like/ },
}

const connections = []
let plans

async function fillSchema(bench, schema, rows) {
  const filler = await bench.superuser(database, { synchronous_commit: 'on', maintenance_work_mem: '128MB' })
  const words = schema.startsWith('own') ? 'words tenancy.tsvector_ops' : 'words'
  const data = schema.startsWith('own') ? 'tenancy.jsonb_path_ops' : 'jsonb_path_ops'
  await filler.query(
    `create schema ${schema};
     create table ${schema}.letter (
       id bigint primary key, tenant_id bigint not null, title text not null, body text not null, data jsonb not null, tags text[] not null,
       words tsvector not null, unique (tenant_id, id));
     insert into ${schema}.letter
       select n, case when n = ${rows} then 2 when n % 10 < 3 then 1 else 3 + n % 998 end, 'title ' || md5(n::text), body, jsonb_build_object('n', n % 2000, 'k', n % 7),
              array['t' || n % 2000, 'k' || n % 7], to_tsvector('simple', body)
         from generate_series(1, ${rows}) n,
              lateral (select string_agg(substr(md5(w::text), 1, 4 + w % 6), ' ') as body
                         from (select (power((hashint8(n * 20 + m) + 2147483648.0) / 4294967296, 3) * 19999 + 1)::int as w
                                 from generate_series(1, 12) m) word) letter;
     create index on ${schema}.letter (tenant_id, title text_pattern_ops);
     create index on ${schema}.letter using gin (${words});
     create index on ${schema}.letter using gin (tenant_id, ${words});
     ${schema.startsWith('own') ? '' : `create index on ${schema}.letter using gin (body gin_trgm_ops); create index on ${schema}.letter using gin (tags);`}
     create index on ${schema}.letter using gin (data ${data});
     grant usage on schema ${schema} to tenancy_user;
     grant select on ${schema}.letter to tenancy_user;
     ${schema.startsWith('plain') ? '' : `select count(*) from tenancy.protect('${schema}.letter');`}`,
  )
  await filler.query(`vacuum (freeze, analyze) ${schema}.letter`)
  await filler.close()
}

/** The indexes that a plan reads. */
const indexesOf = (plan) => [...new Set([...JSON.stringify(plan).matchAll(/"Index Name":"([^"]+)"/g)].map(([, name]) => name))].sort()

export default {
  name: 'search',
  number: 8,
  title: 'Search under row security',
  seconds: { full: 60, quick: 15 },

  async prepare(bench) {
    plans = []
    await makeDatabase(bench)
    await bench.sql(
      database,
      `create extension pg_trgm; create extension btree_gin;
       alter database ${database} set tenancy.shared_index_search = on; alter database ${database} set tenancy.guard = off`,
    )
    const rows = bench.quick ? 50_000 : 200_000
    bench.log(`filling three tables of ${rows.toLocaleString('en-US')} rows`)
    await Promise.all([...new Set(Object.values(sides).map(({ schema }) => schema))].map((schema) => fillSchema(bench, schema, rows)))
  },

  async variants(bench) {
    const open = {}
    for (const [side, { settings }] of Object.entries(sides)) connections.push((open[side] = await bench.connect(database, { settings })))
    const groups = []
    for (const cell of cells) {
      const { where, each } = searches[cell.search]
      const tenant = tenantOf[cell.tenant]
      const token = await tokenOf(bench, tenant)
      const name = nameOf(cell)
      const group = { name, variants: [] }
      let expected
      for (const [side, { schema, only }] of Object.entries(sides)) {
        if (only && !only.test(cell.search)) continue
        const byHand = side === 'by hand'
        // The tenant is a constant by hand, so that its own plan is made and kept on both sides.
        const connection = open[side]
        const begin = () => connection.query(`begin; select tenancy.attach('${token}')`)
        const text = `select count(*), min(id) from ${schema}.letter where ${where}${byHand ? ` and tenant_id = ${tenant}::bigint` : ''}`
        await begin()
        await connection.prepare(name, text)
        const [[explained]] = await connection.query(`explain (costs off, format json) ${text}`)
        const answer = JSON.stringify(await connection.execute(name, []))
        await connection.query('commit')
        expected ??= answer
        plans.push({ cell: name, side, indexes: indexesOf(JSON.parse(explained)), plan: JSON.parse(explained)[0].Plan })
        const wrong = expected !== answer && new Error('does not answer as the others do')
        const all = batches([''], { each: side === 'off' && !/B-tree/.test(cell.search) ? 1 : each }).map((batch) => batch.map(() => execution(name, [])))
        group.variants.push({
          name: side,
          baseline: byHand,
          run: (seconds) => (wrong ? Promise.reject(wrong) : turn({ connection, batches: all, begin, end: 'commit' }, seconds)),
        })
      }
      groups.push(group)
    }
    return groups
  },

  report(measurements) {
    const found = (cell, side) => measurements.find(({ group, variant }) => group === nameOf(cell) && variant === side)
    const indexes = (cell, side) => plans.find((plan) => plan.cell === nameOf(cell) && plan.side === side)?.indexes.join(', ')
    const time = (one) => (one?.time ? shown(one.time, 1e6) : '–')
    const ratio = (one) => (one?.ratio ? shownRatio(one.ratio.time) : '–')
    const cpu = (one) => (one?.ratio?.cpu.backend ? shownRatio(one.ratio.cpu.backend) : '–')
    const measured = cells.filter((cell) => found(cell, 'protected')?.ratio)
    // Where there is a class of ours, that is what we advise.
    const advised = (cell) => found(cell, 'own class') ?? found(cell, 'protected')
    const over = measured.filter((cell) => advised(cell).ratio?.time.median > 1.2)
    const busy = measured.filter((cell) => advised(cell).ratio?.cpu.backend?.median > 1.2)
    return {
      tables: [
        {
          title: 'Time of a search in µs, and as a multiple of the WHERE by hand; CPU of the backend as a multiple',
          columns: ['search', 'by hand', ...['protected', 'own class', 'setting off'].flatMap((side) => [side, 'ratio', 'CPU']), 'indexes by hand', 'indexes protected'],
          rows: cells.map((cell) => [
            nameOf(cell),
            time(found(cell, 'by hand')),
            ...['protected', 'own class', 'off'].flatMap((side) => [time(found(cell, side)), ratio(found(cell, side)), cpu(found(cell, side))]),
            indexes(cell, 'by hand'),
            indexes(cell, 'protected'),
          ]),
        },
      ],
      plots: [
        {
          title: 'Search under row security',
          subtitle: 'time as a multiple of a hand-written WHERE on the unprotected copy, median and range of the rounds',
          series: ['protected', 'own class', 'off'],
          rows: cells.map((cell) => ({ label: nameOf(cell), points: ['protected', 'own class', 'off'].map((side) => found(cell, side)?.ratio?.time) })),
          axis: { label: 'times the time of the hand-written WHERE', log: true, line: 1, from: 0.5 },
        },
      ],
      aims: [
        {
          text: `the backend's CPU alone at most 1.2: ${measured.length - busy.length} of ${measured.length}${busy
            .map((cell) => `\n  - ${advised(cell).ratio.cpu.backend.median.toFixed(2)} ${nameOf(cell)}`)
            .join('')}`,
          reached: busy.length === 0,
        },
        {
          text: `a search at most 1.2 of the hand-written WHERE, with the index that the docs advise: ${measured.length - over.length} of ${measured.length}${over
            .map((cell) => `\n  - ${advised(cell).ratio.time.median.toFixed(2)} ${nameOf(cell)}`)
            .join('')}`,
          reached: over.length === 0,
        },
      ],
      notes: ['"setting off" is tenancy.shared_index_search = off, the default: a tenant\'s search reads the tenant\'s own rows only, as without these operators.'],
      facts: { plans },
    }
  },

  async end(bench) {
    while (connections.length > 0) await connections.pop().close()
    await bench.dropDatabase(database)
  },
}
