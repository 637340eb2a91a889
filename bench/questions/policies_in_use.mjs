// Question 2: the policies that people write today. The same statements under each, on one table with one policy for each
// role, so that rows, pages and indexes are the same; ours, and the hand-written WHERE, beside them. Each context is set before
// the timed part.

import { execution } from '../lib/postgres.mjs'
import { decimals, shown } from '../lib/statistics.mjs'
import { batches, operations, statement, turn } from './statements.mjs'
import { database, fill, keysOf, makeDatabase, sizes, tenantOf, tokenOf } from './tables.mjs'

const size = 'hundredth'
const asked = ['point read', 'first 50 by key', 'filter on another index', 'count']
const setting = `current_setting('app.tenant')`

/** What stands in USING; none: the role reads past row security and writes its WHERE by hand. */
const policies = [
  { name: 'by hand', label: 'a WHERE by hand, no policy', role: 'bench_by_hand' },
  { name: 'pgtenancy', label: 'tenancy.protect()' },
  { name: 'setting', label: `tenant_id = ${setting}::bigint`, using: `tenant_id = ${setting}::bigint` },
  { name: 'subselect', label: `tenant_id = (select ${setting}::bigint)`, using: `tenant_id = (select ${setting}::bigint)` },
  { name: 'bypass', label: 'a bypass OR-ed in', using: `tenant_id = ${setting}::bigint or current_setting('app.bypass', true) = 'on'` },
  { name: 'column', label: 'a cast on the column: tenant_id::text = …', using: `tenant_id::text = ${setting}` },
  { name: 'plpgsql', label: 'a function in PL/pgSQL', using: 'tenant_id = wild.tenant()' },
  { name: 'in', label: 'tenant_id in (select … from memberships)', using: `tenant_id in (select m.tenant_id from wild.membership m where m.user_id = current_setting('app.user_id')::bigint)` },
  { name: 'membership', label: 'a SECURITY DEFINER function of each row', using: 'wild.is_member(tenant_id)' },
].map((policy) => ({ role: policy.using && `bench_${policy.name}`, ...policy }))

const connections = []

export default {
  name: 'policies_in_use',
  number: 2,
  title: 'What people use today: policies found in the wild',
  seconds: { full: 40, quick: 10 },

  async prepare(bench) {
    await makeDatabase(bench)
    await fill(bench, size)
    const roles = policies.filter(({ role }) => role)
    await bench.sql(
      database,
      `drop role if exists ${roles.map(({ role }) => role).join(', ')};
       ${roles.map(({ role, using }) => `create role ${role} ${using ? '' : 'bypassrls'}; grant ${role} to ${bench.login.user};`).join('\n')}
       create schema wild;
       create table wild.membership (user_id bigint, tenant_id bigint, primary key (user_id, tenant_id));
       insert into wild.membership select n, n from generate_series(1, ${sizes[size].tenants}) n;
       create function wild.tenant() returns bigint language plpgsql stable as $$ begin return ${setting}::bigint; end $$;
       create function wild.is_member(tenant bigint) returns boolean language sql stable security definer set search_path = pg_catalog, pg_temp
         as $$ select exists (select from wild.membership m where m.user_id = current_setting('app.user_id')::bigint and m.tenant_id = tenant) $$;
       analyze wild.membership;
       grant usage on schema wild, plain_${size} to ${roles.map(({ role }) => role).join(', ')};
       grant select on all tables in schema wild, plain_${size} to ${roles.map(({ role }) => role).join(', ')};
       alter table plain_${size}.item enable row level security;
       ${roles.filter(({ using }) => using).map(({ role, using }) => `create policy ${role} on plain_${size}.item to ${role} using (${using});`).join('\n')}`,
    )
  },

  async variants(bench) {
    const tenant = tenantOf.ordinary
    const token = await tokenOf(bench, tenant)
    const groups = asked.map((name) => ({ name, variants: [] }))
    for (const { name, role, using } of policies) {
      const connection = await bench.connect(database)
      connections.push(connection)
      // Session settings, as a pool's connection has them; only ours end with the transaction.
      const context = role ? `set local role ${role}; set local app.tenant = '${tenant}'; set local app.user_id = '${tenant}'` : `select tenancy.attach('${token}')`
      const begin = () => connection.query(`begin; ${context}`)
      const byHand = role && !using
      for (const group of groups) {
        const operation = operations[group.name]
        const keys = operation.by ? await keysOf(bench, size, tenant, operation.by) : ['']
        await begin()
        await connection.prepare(group.name, statement(operation, role ? `plain_${size}` : `guarded_${size}`, { byHand }))
        const values = (key) => [...(operation.by ? [key] : []), ...(byHand ? [tenant] : [])]
        const encode = (key) => execution(group.name, values(key))
        const answer = await connection.execute(group.name, values(keys[0]))
        await connection.query('commit')
        group.answer ??= JSON.stringify(answer)
        const wrong = group.answer !== JSON.stringify(answer) && new Error('does not answer as the others do')
        // A policy that looks at each row takes as long for one statement as the others for a thousand.
        const slow = ['membership', 'in', 'bypass', 'column'].includes(name) && group.name !== 'point read'
        const all = batches(keys, slow ? { ...operation, each: 1 } : operation, slow).map((batch) => batch.map(encode))
        group.variants.push({
          name,
          baseline: byHand,
          run: (seconds) => (wrong ? Promise.reject(wrong) : turn({ connection, batches: all, begin, end: 'commit' }, seconds)),
        })
      }
    }
    return groups
  },

  report(measurements) {
    const found = (name, group) => measurements.find((one) => one.variant === name && one.group === group)
    return {
      tables: [
        {
          title: 'Time of a statement in µs, and how often the backend\'s CPU of the hand-written WHERE',
          columns: ['policy', ...asked.flatMap((group) => [`${group}, µs`, 'CPU'])],
          rows: policies.map(({ name, label }) => [
            label,
            ...asked.flatMap((group) => {
              const one = found(name, group)
              if (one.error) return ['–', '–']
              return [shown(one.time, 1e6), one.ratio?.cpu.backend ? `${decimals(one.ratio.cpu.backend.median)} ×` : '1 ×']
            }),
          ]),
        },
      ],
      plots: [
        {
          title: 'Policies found in the wild',
          subtitle: `the backend's CPU for one statement, as a multiple of the hand-written WHERE's; 100,000 rows, a tenant of 700`,
          series: asked,
          rows: policies.slice(1).map(({ name, label }) => ({ label, points: asked.map((group) => found(name, group).ratio?.cpu.backend) })),
          axis: { label: 'times the CPU of the hand-written WHERE', log: true, line: 1, from: 0.7 },
        },
      ],
      notes: [
        'By hand the tenant is a parameter: PostgreSQL may go on planning for its value at each execution, where it keeps the plan of a policy. That is what ratios far below 1 are.',
        'One table of 100,000 rows for all but tenancy.protect(), which has a copy; of ten times the rows what looks at each row takes ten times as long.',
      ],
    }
  },

  async end(bench) {
    while (connections.length > 0) await connections.pop().close()
    await bench.sql('postgres', `drop database if exists ${database} with (force)`)
    await bench.sql('postgres', `drop role if exists ${policies.filter(({ role }) => role).map(({ role }) => role).join(', ')}`)
  },
}
