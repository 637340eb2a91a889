// 4. HTTP through the gateway against pgbench, which runs the gateway's own statements on as many connections as the
// gateway has to PostgreSQL.

import path from 'node:path'
import { writeFileSync } from 'node:fs'
import { cpuOfEndedChildren, cpuOfProcess, cpuOfTree, meter } from '../lib/cpu.mjs'
import { pgbench, wrk } from '../lib/load.mjs'
import { startGateway, startNginx, startPgbouncer } from '../lib/servers.mjs'

const poolSize = 10
const manyConnections = [10, 50, 200, 1000]
const list = 'list of 5 rows'
const started = []

const page = `
create table app.bench_page (
    id        bigint generated always as identity primary key,
    tenant_id bigint not null,
    body      text   not null
);
insert into app.bench_page (tenant_id, body) select t.id, repeat('x', 1000) from app.tenants t, generate_series(1, 100);
select tenancy.protect('app.bench_page', 'tenant_id');
create view api.bench_page with (security_invoker = true) as select id, body from app.bench_page;
grant select on api.bench_page to tenancy_user, tenancy_admin;
analyze app.bench_page;`

const unpage = 'drop view if exists api.bench_page; drop table if exists app.bench_page'

async function ask(gateway, token, { path: asked, body }, patience = 100) {
  const headers = { cookie: `tenancy_session=${token}` }
  if (body) Object.assign(headers, { 'content-type': 'application/json', origin: gateway.url })
  const answer = await fetch(gateway.url + asked, { method: body ? 'POST' : 'GET', headers, body })
  const text = await answer.text()
  if (answer.ok) return text
  // A view that has just been made: the gateway reads the schema again.
  if (answer.status !== 404 || patience === 0) throw new Error(`${asked} is answered ${answer.status}: ${text.slice(0, 200)}`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  return ask(gateway, token, { path: asked, body }, patience - 1)
}

// The text that the gateway runs for a request, as PostgreSQL tells it; a statement is prepared when it comes again.
async function statementOf(bench, gateway, token, question) {
  for (let i = 0; i < 3; i++) await ask(gateway, token, question)
  const [[text, size]] = await bench.sql(
    bench.demoDatabase,
    `select query, octet_length(query) from pg_stat_activity
      where application_name = 'tenancy-gateway' and query like '%"${question.relation}"%' order by state_change desc limit 1`,
  )
  if (Number(size) >= 1023) throw new Error('the statement is longer than what PostgreSQL tells of it')
  return text
}

// The gateway's pipeline: what attaches, and the statement with its parameters.
function scriptOf(statement, { parameters, reads }) {
  const attach = ['tenancy.attach(:token)', 'tenancy.user_id()', 'tenancy.tenant_id()']
  if (reads) attach.push("pg_catalog.set_config('transaction_read_only', 'on', true)")
  const named = statement.replace(/\$(\d+)/g, (_, number) => `:p${number}`)
  return {
    script: ['\\startpipeline', `select ${attach.join(', ')};`, `${named};`, '\\endpipeline', ''].join('\n'),
    variables: Object.fromEntries(parameters.map((value, index) => [`p${index + 1}`, value])),
  }
}

async function prepare(bench) {
  const sql = (text) => bench.sql(bench.demoDatabase, text)
  await sql(unpage)
  await sql(page)
  // pgbench prepares before it attaches, so its role must be able to name the view then. Reading it still takes attach.
  await sql(`grant usage on schema api to ${bench.login.user}`)
  const token = await bench.signIn(bench.demoDatabase, ...bench.demoUser)
  const writer = await bench.signIn(bench.demoDatabase, 't4 user1', 'user')
  const direct = await startGateway(bench, { poolSize })
  started.push(direct)
  const bouncer = await startPgbouncer(bench, poolSize)
  started.push(bouncer)
  const socket = await startGateway(bench, { poolSize, socket: true })
  const pooled = await startGateway(bench, { poolSize, port: bouncer.port, words: ['--pooler=transaction', '--schema-poll=60'] })
  const nginx = await startNginx(bench, direct)
  started.unshift(nginx, pooled, socket)

  const id = JSON.parse(await ask(direct, token, { path: '/api/patients' }))[0].id
  const patient = JSON.stringify({ firstName: 'New', lastName: 'Patient', dob: '2000-01-01' })
  // The gateway makes an array of what is inserted.
  const inserted = `[${patient}]`
  const rows = '1000' // pgbench's limit; the gateway's own is as far beyond the rows
  const questions = [
    { name: list, path: '/api/patients', relation: 'patients', reads: true, parameters: [rows] },
    { name: 'point read', path: `/api/patients?id=eq.${id}`, relation: 'patients', reads: true, parameters: [String(id), rows] },
    { name: 'insert', path: '/api/patients', relation: 'patients', body: patient, parameters: [inserted], token: writer },
    { name: 'page of 100 rows of 1 KB', path: '/api/bench_page', relation: 'bench_page', reads: true, parameters: [rows] },
  ]
  for (const question of questions) {
    question.token ??= token
    Object.assign(question, scriptOf(await statementOf(bench, direct, question.token, question), question))
    if (question.body) {
      question.lua = path.join(bench.work, 'post.lua')
      writeFileSync(question.lua, `wrk.method = "POST"\nwrk.body = [[${question.body}]]\nwrk.headers["Content-Type"] = "application/json"\n`)
    }
  }
  for (const server of [socket, pooled, nginx]) {
    if ((await ask(server, token, questions[0])) !== (await ask(direct, token, questions[0]))) throw new Error('the ways give different answers')
  }
  bench.http = { questions, direct, socket, pooled, nginx, bouncer }
}

function variantsOf(bench) {
  const { questions, direct, socket, pooled, nginx, bouncer } = bench.http
  const postgres = () => cpuOfTree(bench.postmaster)
  const http = (name, question, connections, gateway, { way = gateway, between = () => 0 } = {}) => ({
    name,
    weight: connections > 200 ? 2 : 1,
    meter: meter({ gateway: () => cpuOfProcess(gateway.pid), postgres, between, client: cpuOfEndedChildren }),
    run: (seconds) =>
      wrk({
        url: way.url + question.path,
        connections,
        seconds,
        headers: { cookie: `tenancy_session=${question.token}`, ...(question.body && { origin: way.url }) },
        script: question.lua,
      }),
  })
  const sql = (question, connections, name = 'pgbench') => ({
    name,
    baseline: true,
    meter: meter({ gateway: () => 0, postgres, between: () => 0, client: cpuOfEndedChildren }),
    run: (seconds) =>
      pgbench(bench, {
        database: bench.demoDatabase,
        script: question.script,
        variables: { token: question.token, ...question.variables },
        seconds,
        connections,
        tcp: true,
      }),
  })
  const [listed, ...others] = questions
  const throughNginx = http('10 connections, through nginx', listed, 10, direct, { way: nginx, between: () => cpuOfTree(nginx.pid) })
  const throughBouncer = http('10 connections, pgbouncer behind', listed, 10, pooled, { between: () => cpuOfProcess(bouncer.pid) })
  if (bench.quick) {
    return [
      { name: list, variants: [sql(listed, poolSize), http('10 connections', listed, 10, direct), http('200 connections', listed, 200, direct), throughNginx, throughBouncer] },
      ...others.slice(0, 2).map((question) => ({ name: question.name, variants: [sql(question, poolSize), http('10 connections', question, 10, direct)] })),
    ]
  }
  return [
    {
      name: list,
      variants: [
        sql(listed, poolSize),
        ...manyConnections.map((connections) => http(`${connections} connections`, listed, connections, direct)),
        throughNginx,
        http('10 connections, Unix socket to PostgreSQL', listed, 10, socket),
        throughBouncer,
      ],
    },
    { name: `${list}, one at a time`, variants: [sql(listed, 1), http('1 connection', listed, 1, direct)] },
    ...others.map((question) => ({ name: question.name, variants: [sql(question, poolSize), http('10 connections', question, 10, direct)] })),
  ]
}

const measure = (bench) => bench.interleave(variantsOf(bench), { rounds: bench.quick ? 2 : bench.rounds })

const milliseconds = (seconds) => (seconds ? (seconds.median * 1000).toFixed(2) : '')
const perThousand = (spread) => (spread && spread.median > 0 ? (spread.median * 1e6).toFixed(0) : '–')

function report(measurements, bench) {
  const good = measurements.filter(({ error }) => !error)
  const find = (group, variant) => good.find((one) => one.group === group && one.variant === variant)
  const straight = find(list, '10 connections')
  const crowd = find(list, '200 connections')
  const share = straight && straight.cpu.gateway.median / straight.cpu.postgres.median
  const rate = straight?.ratio && 1 / straight.ratio.time.median
  const tail = crowd && crowd.p99.median / crowd.p50.median
  const told = (value, digits = 2) => (value ? value.toFixed(digits) : 'not measured')
  return {
    tables: [
      {
        title: 'CPU in ms for 1,000 requests',
        columns: ['question', 'how', 'requests each second', '× pgbench', 'p50, ms', 'p99, ms', 'CPU gateway', 'CPU Postgres', 'CPU of nginx or pgbouncer', 'gateway / Postgres'],
        rows: good.map(({ group, variant, rate: rates, ratio, p50, p99, cpu }) => [
          group,
          variant,
          `${rates.median.toFixed(0)} (${rates.min.toFixed(0)} to ${rates.max.toFixed(0)})`,
          ratio ? (1 / ratio.time.median).toFixed(2) : '',
          milliseconds(p50),
          milliseconds(p99),
          perThousand(cpu.gateway),
          perThousand(cpu.postgres),
          perThousand(cpu.between),
          cpu.gateway.median > 0 ? (cpu.gateway.median / cpu.postgres.median).toFixed(2) : '',
        ]),
      },
    ],
    plots: [
      {
        kind: 'rows',
        title: 'CPU for each request: gateway and PostgreSQL',
        subtitle: 'the load generator on the same cores',
        series: ['gateway', 'PostgreSQL'],
        axis: { label: 'µs of CPU' },
        rows: good.map(({ group, variant, cpu }) => ({
          label: `${group}: ${variant}`,
          points: [cpu.gateway, cpu.postgres].map(({ median, min, max }) => ({ median: median * 1e6, min: min * 1e6, max: max * 1e6 })),
        })),
      },
      ...(bench.quick ? [] : [latencyPlot(find)]),
    ],
    aims: [
      { text: `CPU of the gateway at most 0.35 of PostgreSQL's, list of 5 rows at 10 connections: ${told(share)}`, reached: share <= 0.35 },
      { text: `rate at least 0.75 of pgbench's at 10 connections, the load generator on the same cores: ${told(rate)}`, reached: rate >= 0.75 },
      { text: `p99 at 200 connections at most 5 × p50: ${told(tail, 1)} ×`, reached: tail <= 5 },
    ],
    notes: [
      `The gateway has ${poolSize} connections to PostgreSQL over TCP and logs no requests; so has pgbench, with attach and the gateway's own statement in one pipeline, prepared, without BEGIN. ${bench.quick ? 'In a hurry 10 and 200 connections alone, no Unix socket and no page of rows.' : 'Ways and questions other than the list are measured at 10 connections. Left out: the gateway listens on TCP alone, so nginx reaches it over TCP; nginx and pgbouncer together.'}`,
    ],
  }
}

function latencyPlot(find) {
  const points = (key) =>
    manyConnections.flatMap((connections) => {
      const found = find(list, `${connections} connections`)?.[key]
      return found ? [{ x: connections, median: found.median * 1000, min: found.min * 1000, max: found.max * 1000 }] : []
    })
  return {
    kind: 'lines',
    title: 'How long a list of 5 rows takes through the gateway',
    subtitle: `${poolSize} connections to PostgreSQL`,
    series: ['p50', 'p99'].map((name) => ({ name, points: points(name) })),
    axis: { label: 'ms', log: true },
    xLabel: 'connections of clients, each asking without a pause',
  }
}

async function end(bench) {
  for (const server of started.splice(0)) await server.stop()
  await bench.sql(bench.demoDatabase, `${unpage}; revoke usage on schema api from ${bench.login.user}`)
}

export default {
  name: 'gateway',
  number: 4,
  title: 'HTTP at the speed of PostgreSQL',
  seconds: { full: 130, quick: 25 },
  prepare,
  run: measure,
  report,
  end,
}
