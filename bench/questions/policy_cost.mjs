// Question 1: what a policy costs. The same statement on a protected table, and with a hand-written WHERE on its unprotected
// copy; both in a transaction that has attached, of the same role, so that the policy is the only difference. Begin, attach and
// the end of the transaction are outside of what is timed.

import { execution, simple } from '../lib/postgres.mjs'
import { decimals, median, shown, shownRatio } from '../lib/statistics.mjs'
import { batches, operations, statement, turn, written } from './statements.mjs'
import { database, fill, keysOf, makeDatabase, sizes, tenantOf, tokenOf, writerOf } from './tables.mjs'

const sides = ['guarded', 'plain']

// --- what is measured: each value of each dimension at least once, not all with all ---

const words = { small: '10,000 rows, 10 tenants', middle: '1,000,000 rows, 1,000 tenants', large: '10,000,000 rows, 100,000 tenants' }
const whose = {
  small: { ordinary: 'a tenant of 9 %' },
  middle: { ordinary: 'a tenant of 700 rows', big: 'the tenant of 30 %', single: 'the tenant of one row' },
  large: { ordinary: 'a tenant of 70 rows', big: 'the tenant of 30 %' },
}
const parallel = { max_parallel_workers_per_gather: '2' }

function cells(quick) {
  const cell = (size, tenant, mode, settings) => (operation) => ({ size, tenant, mode, settings, operation })
  const reads = ['point read', 'first 50 by key', 'filter on another index', 'count', 'aggregate']
  const few = ['point read', 'first 50 by key', 'join of four']
  return [
    ...Object.keys(operations).map(cell('middle', 'ordinary', 'prepared')),
    ...reads.map(cell('middle', 'big', 'prepared')),
    ...['count', 'aggregate'].map(cell('middle', 'big', 'parallel', parallel)),
    ...['point read', 'first 50 by key', 'count'].map(cell('middle', 'single', 'prepared')),
    ...few.map(cell('middle', 'ordinary', 'simple')),
    ...few.map(cell('middle', 'ordinary', 'generic', { plan_cache_mode: 'force_generic_plan' })),
    ...['first 50 by key', 'count'].map(cell('middle', 'ordinary', 'foreign')),
    ...['point read', 'first 50 by key', 'count', 'update'].map(cell('small', 'ordinary', 'prepared')),
    ...(quick
      ? []
      : [
          ...['point read', 'first 50 by key', 'count', 'insert 1', 'update'].map(cell('large', 'ordinary', 'prepared')),
          ...['first 50 by key', 'count'].map(cell('large', 'big', 'prepared')),
        ]),
  ]
}

const leftOut = `Left out: the other combinations of operation, size, tenant and protocol; of 10,000,000 rows the joins and the filter on
another index, which that table has not, so that filling it takes seconds (it is unlogged for the same reason). bench-quick leaves out that size.`

const heading = ({ size, tenant, mode }) => `${words[size]}; ${whose[size][tenant]}${mode === 'prepared' ? '' : `; ${modes[mode]}`}`
const modes = {
  foreign: 'a plan that the tenant of 30 % has made',
  simple: 'simple protocol: parsed and planned each time',
  generic: 'generic plan',
  parallel: 'two parallel workers',
}
const nameOf = (cell) => `${cell.operation}; ${heading(cell)}`

// --- the measuring ---

const connections = new Map()
let plans

async function connectionOf(bench, side, { mode, settings }) {
  const key = `${side} ${mode}`
  if (!connections.has(key)) {
    const connection = await bench.connect(database, { settings })
    await connection.prepare('attach', 'select tenancy.attach($1)')
    connections.set(key, connection)
  }
  return connections.get(key)
}

async function attach(connection, token) {
  await connection.query('begin')
  await connection.execute('attach', [token])
}

/** Everything that a turn needs: connections, statements encoded, and the two plans compared. */
async function makeReady(bench, cell) {
  const operation = operations[cell.operation]
  const tenant = operation.write ? writerOf(sizes[cell.size]) : tenantOf[cell.tenant]
  const token = await tokenOf(bench, tenant)
  const keys = operation.by ? await keysOf(bench, cell.size, tenant, operation.by) : ['']
  const plan = {}
  const ready = {}
  for (const side of sides) {
    const text = statement(operation, `${side}_${cell.size}`, { byHand: side === 'plain' })
    const values = (key, whose = tenant) => [...(operation.by ? [key] : []), ...(side === 'plain' ? [whose] : [])]
    const connection = await connectionOf(bench, side, cell)
    const name = nameOf(cell)
    if (cell.mode === 'foreign') await planFor(bench, connection, tenantOf.big, name, text, values)
    await attach(connection, token)
    // In the transaction: before it the login may not even name the schemas.
    if (!['simple', 'foreign'].includes(cell.mode)) await connection.prepare(name, text)
    const [[explained]] = await connection.query(`explain (costs off, format json) ${written(text, values(keys[0]))}`)
    plan[side] = JSON.parse(explained)[0].Plan
    ready[side] = { answer: operation.write ? undefined : await connection.query(written(text, values(keys[0]))) }
    await connection.query('rollback')
    const encode = (key) => (cell.mode === 'simple' ? simple(written(text, values(key))) : execution(name, values(key)))
    ready[side].batches = batches(keys, operation, isLong(cell)).map((batch) => batch.map(encode))
    ready[side].connection = connection
  }
  if (JSON.stringify(ready.guarded.answer) !== JSON.stringify(ready.plain.answer)) throw new Error(`${nameOf(cell)}: the two sides do not answer alike`)
  plans.push({ cell: nameOf(cell), same: samePlan(plan.guarded, plan.plain, tenant), ...plan })
  const same = { end: operation.write ? 'rollback' : 'commit', simple: cell.mode === 'simple', parallel: cell.mode === 'parallel' }
  return Object.fromEntries(sides.map((side) => [side, { ...ready[side], begin: () => attach(ready[side].connection, token), ...same }]))
}

/** Prepares a statement and lets another tenant ask until the plan is kept: PostgreSQL plans five times for the values. */
async function planFor(bench, connection, tenant, name, text, values) {
  await attach(connection, await tokenOf(bench, tenant))
  await connection.prepare(name, text)
  for (let times = 0; times < 7; times++) await connection.execute(name, values(undefined, tenant))
  await connection.query('commit')
}

/** Takes milliseconds, so that one in a write is enough. */
const isLong = ({ operation, tenant, mode }) => mode === 'foreign' || (tenant === 'big' && !['point read', 'first 50 by key'].includes(operation))

/** The whole trees, but for the reader of the context in the place of the tenant's number and the order of conditions. */
function samePlan(guarded, plain, tenant) {
  const conditions = (text) => text.replaceAll('tenancy.tenant_bigint()', tenant).replaceAll(/^\(|\)$/g, '').split(' AND ').map((part) => part.replaceAll(/[()]/g, '')).sort().join(' AND ')
  const told = (plan) => JSON.stringify(plan, (key, value) => (/Cond|Filter/.test(key) ? conditions(value) : key === 'Schema' ? undefined : value))
  return told(guarded) === told(plain)
}

const variantName = { guarded: 'protected', plain: 'by hand' }

export default {
  name: 'policy_cost',
  number: 1,
  title: 'What a policy costs: a protected table against a hand-written WHERE',
  seconds: { full: 130, quick: 24 },

  async prepare(bench) {
    plans = []
    await makeDatabase(bench)
    for (const size of bench.quick ? ['small', 'middle'] : ['small', 'middle', 'large']) await fill(bench, size)
  },

  async variants(bench) {
    const groups = []
    for (const cell of cells(bench.quick)) {
      const ready = await makeReady(bench, cell).catch((error) => ({ error }))
      const run = (side) => (seconds) => (ready.error ? Promise.reject(ready.error) : turn(ready[side], seconds))
      groups.push({
        name: nameOf(cell),
        variants: sides.map((side) => ({ name: variantName[side], baseline: side === 'plain', run: run(side) })),
      })
    }
    return groups
  },

  report(measurements, bench) {
    const all = cells(bench.quick).map((cell) => ({
      cell,
      guarded: measurements.find(({ group, variant }) => group === nameOf(cell) && variant === variantName.guarded),
      plain: measurements.find(({ group, variant }) => group === nameOf(cell) && variant === variantName.plain),
      plan: plans.find(({ cell: name }) => name === nameOf(cell)),
    }))
    const measured = all.filter(({ guarded, plain }) => guarded.ratio && plain.time)
    const tables = []
    const rows = []
    for (const title of new Set(measured.map(({ cell }) => heading(cell)))) {
      const here = measured.filter(({ cell }) => heading(cell) === title)
      // The plan of another tenant would be off the scale; it has a table and a note.
      if (here[0].cell.mode !== 'foreign') {
        rows.push({ label: title }, ...here.map(({ cell, guarded }) => ({ label: cell.operation, points: [guarded.ratio.time, guarded.ratio.cpu.backend] })))
      }
      tables.push({
        title,
        columns: ['statement', 'protected, µs', 'by hand, µs', 'ratio', 'CPU, µs', 'by hand, µs', 'ratio of CPU', 'same plan'],
        rows: here.map(({ cell, guarded, plain, plan }) => [
          cell.operation,
          shown(guarded.time, 1e6),
          shown(plain.time, 1e6),
          shownRatio(guarded.ratio.time),
          guarded.cpu.backend ? decimals(guarded.cpu.backend.median * 1e6) : '–',
          plain.cpu.backend ? decimals(plain.cpu.backend.median * 1e6) : '–',
          guarded.ratio.cpu.backend ? shownRatio(guarded.ratio.cpu.backend) : '–',
          plan.same ? 'yes' : 'NO',
        ]),
      })
    }
    const planning = planningOverhead(measured)
    tables.push({
      title: 'What a policy adds to parsing and planning: CPU of the simple protocol less that of the generic plan, protected less by hand',
      columns: ['statement', 'more, µs'],
      rows: planning.map(({ operation, more }) => [operation, decimals(more)]),
    })
    const compared = measured.filter(({ cell }) => cell.mode !== 'foreign')
    const over = (of) => compared.filter(({ guarded }) => of(guarded.ratio)?.median > 1.05)
    const told = (of) => {
      const found = over(of)
      const title = ({ cell, guarded }) => `\n  - ${of(guarded.ratio).median.toFixed(2)} ${nameOf(cell)}`
      return `${compared.length - found.length} of ${compared.length}${found.length > 0 ? '; not:' : ''}${found.map(title).join('')}`
    }
    const unlike = plans.filter(({ same }) => !same)
    const worst = Math.max(...planning.map(({ more }) => more))
    return {
      tables,
      plots: [
        {
          title: 'A protected table against a hand-written WHERE on its unprotected copy',
          subtitle: 'protected / by hand, median and range of the rounds; 1 is: as fast',
          series: ['time of a statement, as a client waits for it', "the backend's CPU, statements sent many at once"],
          rows,
          axis: { label: 'ratio', line: 1, from: 0.6, to: 1.4 },
          format: (value) => value.toFixed(2),
        },
      ],
      aims: [
        { text: `time at most 1.05 of the hand-written WHERE: ${told(({ time }) => time)}`, reached: over(({ time }) => time).length === 0 },
        { text: `the backend's CPU alone at most 1.05: ${told(({ cpu }) => cpu.backend)}`, reached: over(({ cpu }) => cpu.backend).length === 0 },
        { text: `planning at most 10 µs more: at most ${decimals(worst)} µs`, reached: worst <= 10 },
        { text: `the same plan: ${plans.length - unlike.length} of ${plans.length}${unlike.map(({ cell }) => `; not: ${cell}`).join('')}`, reached: unlike.length === 0 },
      ],
      notes: [
        `Both sides attached, in the same role; begin, attach and commit are not in the times. Times are of one statement after the other over the Unix
socket; CPU is of the backend while statements come many in one write, so that no way to the server and back is in it.`,
        'By hand the tenant is a parameter: PostgreSQL may go on planning for its value at each execution, where it keeps the plan of a policy. That is what ratios far below 1 are.',
        `A prepared statement without parameters is planned once, with the statistics of the tenant that asks first. "${modes.foreign}"
shows what that costs another one: by hand the tenant is a parameter, and the kept plan is made for no tenant.`,
        leftOut,
      ],
      facts: { plans },
    }
  },

  async end(bench) {
    for (const connection of connections.values()) await connection.close()
    connections.clear()
    await bench.dropDatabase(database)
  },
}

function planningOverhead(measured) {
  const of = (operation, mode) => measured.find(({ cell }) => cell.operation === operation && cell.mode === mode)
  return measured
    .filter(({ cell }) => cell.mode === 'simple' && of(cell.operation, 'generic'))
    .map(({ cell: { operation }, guarded, plain }) => {
      const generic = of(operation, 'generic')
      const cpu = ({ rounds }, index) => rounds[index].cpu.backend / rounds[index].operations
      const more = guarded.rounds.map((_, index) => cpu(guarded, index) - cpu(plain, index) - cpu(generic.guarded, index) + cpu(generic.plain, index))
      return { operation, more: median(more) * 1e6 }
    })
}
