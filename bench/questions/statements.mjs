// The statements of the questions about policies, on a table with a policy and with a hand-written WHERE, and how one of them
// is measured.
//
// Two figures of each statement: the time that a client waits for one after the other, and the CPU that the backend spends
// when many come in one write. The latter leaves out the way to the server and back, which no policy changes, and so makes a
// ratio stricter than any client sees it.

import { cpuOfThread } from '../lib/cpu.mjs'

// $1 is a value of `by`; on the unprotected side :t stands for the tenant. each: how many in one write.
export const operations = {
  'point read': { by: 'id', each: 200, text: 'select id, customer_id, kind, amount from item where id = $1 and item.t' },
  'first 50 by key': { each: 50, text: 'select id, customer_id, kind, amount from item where item.t order by id limit 50' },
  'filter on another index': { by: 'kind', each: 100, text: 'select id, customer_id, amount from item where kind = $1 and item.t' },
  count: { each: 50, text: 'select count(*) from item where item.t' },
  aggregate: { each: 20, text: 'select kind, sum(amount), max(id) from item where item.t group by kind' },
  'join of two': {
    by: 'customer_id',
    each: 100,
    text: 'select i.id, i.amount, c.name from item i join customer c on c.id = i.customer_id where i.customer_id = $1 and i.t and c.t',
  },
  'join of four': {
    by: 'customer_id',
    each: 50,
    text: `select i.id, i.amount, c.name, a.name, n.words from item i join customer c on c.id = i.customer_id join area a on a.id = c.area_id
             join note n on n.item_id = i.id where i.customer_id = $1 and i.t and c.t and a.t and n.t`,
  },
  'insert 1': { by: 'id', each: 200, write: true, insert: 'customer_id, kind, amount', text: 'values (1, 1, $1)' },
  'insert 1,000': { each: 1, write: true, insert: 'customer_id, kind, amount', text: 'select n, n % 100, n from generate_series(1, 1000) n' },
  update: { by: 'id', each: 200, write: true, text: 'update item set amount = amount + 1 where id = $1 and item.t' },
  delete: { by: 'id', each: 200, write: true, once: true, text: 'delete from item where id = $1 and item.t' },
  upsert: {
    by: 'id',
    each: 200,
    write: true,
    insert: 'id, customer_id, kind, amount',
    text: 'values ($1, 1, 1, 1) on conflict (id) do update set amount = excluded.amount',
  },
}

/** A statement on the tables of a schema. By hand the tenant is the parameter after the others. */
export function statement(operation, schema, { byHand }) {
  const tenant = `$${operation.by ? 2 : 1}`
  const { insert, text } = operation
  if (insert) {
    return byHand
      ? `insert into ${schema}.item (tenant_id, ${insert}) ${text.replace('values (', `values (${tenant}, `).replace('select ', `select ${tenant}::bigint, `)}`
      : `insert into ${schema}.item (${insert}) ${text}`
  }
  const whose =
    !byHand ? text.replaceAll(/ (where|and) \w+\.t\b/g, '') : text.replaceAll(/(\w+)\.t\b/g, (_, table) => `${table}.tenant_id = ${tenant}`)
  return whose.replaceAll(/\b(from|join|update) (item|customer|area|note)\b/g, `$1 ${schema}.$2`)
}

/** The statement with values in the places of its parameters. */
export const written = (text, values) => values.reduceRight((so, value, index) => so.replaceAll(`$${index + 1}`, value), text)

/** Keys in groups for one write each. A row is changed once in a transaction. */
export function batches(keys, operation, long) {
  const each = long ? 1 : operation.write && operation.by ? Math.min(keys.length, operation.each) : operation.each
  return Array.from({ length: Math.max(1, Math.floor(keys.length / each)) }, (_, group) =>
    Array.from({ length: each }, (_, index) => keys[(group * each + index) % keys.length]),
  )
}

/**
 * Works for about so long, in transactions by turns: one statement after the other, for the time, and many in one write, for the
 * backend's CPU. Only the statements themselves are timed; begin() begins the transaction and sets the context.
 */
export async function turn({ connection, batches: all, begin, end, simple, parallel }, seconds) {
  const until = performance.now() + seconds * 1000
  const waited = { operations: 0, time: 0 }
  const piped = { operations: 0, time: 0, cpu: 0 }
  const send = (executions) => (simple ? connection.simplePipeline(executions) : connection.pipeline(executions))
  let at = 0
  const timed = async (sum, work) => {
    const batch = all[at++ % all.length]
    const [began, ran] = [performance.now(), cpuOfThread(connection.pid)]
    await work(batch)
    sum.cpu += cpuOfThread(connection.pid) - ran
    sum.time += performance.now() - began
    sum.operations += batch.length
  }
  const transaction = async (sum, work) => {
    await begin()
    const enough = Math.min(until, performance.now() + seconds * 500)
    do await timed(sum, work)
    while (end === 'commit' && performance.now() < enough)
    await connection.query(end)
  }
  do {
    await transaction(piped, send)
    // Long ones are sent one by one anyway.
    if (all[0].length > 1) await transaction(waited, async (batch) => { for (const one of batch) await send([one]) })
  } while (performance.now() < until)
  const { operations, time } = all[0].length > 1 ? waited : piped
  // Of parallel workers the CPU is not known.
  return { operations, seconds: time / 1000, cpu: parallel ? {} : { backend: (piped.cpu / piped.operations) * operations } }
}
