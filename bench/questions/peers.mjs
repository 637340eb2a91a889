// 5. The same list by the gateway and by what people build with Node: bench/peers has the programs.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { cpuOfProcess, cpuOfTree, meter } from '../lib/cpu.mjs'
import { run, wrk } from '../lib/load.mjs'
import { databaseUrl, freePort, serve, startGateway } from '../lib/servers.mjs'

const database = 'bench_peers'
const connections = 10
const gatewayName = 'tenancy-gateway'
const peers = [
  { name: 'Fastify + pg, one statement', program: 'fastify_single', aim: 2 },
  { name: 'Fastify + pg, BEGIN … COMMIT', program: 'fastify_transaction', aim: 3.5 },
  { name: 'NestJS + Prisma', program: 'nest_prisma', aim: 25 },
  { name: 'PostGraphile', program: 'postgraphile', graphql: '{ allPatients(orderBy: ROW_ID_ASC) { nodes { id: rowId tenantId firstName lastName dob } } }' },
]
const started = []

async function makeDatabase(bench) {
  await bench.freshDatabase(database)
  const psql = (name, words, input) => run(path.join(bench.pgBin, 'psql'), ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', bench.socket, '-p', bench.port, '-U', 'postgres', '-d', name, ...words].map(String), { input })
  const rows = await psql(bench.demoDatabase, ['-c', 'copy (select id, tenant_id, first_name, last_name, dob from app.patients) to stdout csv'])
  await psql(database, ['-v', `peer=${bench.login.user}`, '-f', path.join(bench.root, 'bench/peers/database.sql')], rows.out)
}

// What all of them answer, whatever they make of a bigint.
const plain = (rows) => JSON.stringify(rows.map(({ id, tenantId, firstName, lastName, dob }) => [String(id), String(tenantId), firstName, lastName, dob]))

async function answerOf({ url, headers, body }) {
  const answer = await fetch(url, body ? { method: 'POST', headers, body } : { headers })
  if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}: ${(await answer.text()).slice(0, 200)}`)
  const told = await answer.json()
  return plain(body ? told.data.allPatients.nodes : told)
}

async function prepare(bench) {
  const folder = path.join(bench.root, 'bench/peers')
  const node = path.join(folder, 'node_modules/node/bin/node')
  if (!existsSync(path.join(folder, 'dist/settings.js'))) throw new Error('the peers are not built: run bench/peers/build')
  await makeDatabase(bench)
  const token = await bench.signIn(bench.demoDatabase, ...bench.demoUser)
  const cookie = `tenancy_session=${token}`
  const gateway = await startGateway(bench, { poolSize: connections })
  started.push(gateway)
  const asked = { url: `${gateway.url}/api/patients`, headers: { cookie } }
  const told = await (await fetch(asked.url, { headers: asked.headers })).json()
  if (told.length !== 5) throw new Error(`the gateway tells of ${told.length} patients`)
  const sides = [{ name: gatewayName, pid: gateway.pid, ...asked }]
  for (const { name, program, graphql } of peers) {
    const port = await freePort()
    const server = await serve(node, [path.join(folder, `dist/${program}.js`)], {
      port,
      env: { NODE_ENV: 'production', GRAPHILE_ENV: 'production', PORT: String(port), POOL_SIZE: String(connections), DATABASE_URL: databaseUrl(bench, database) },
    })
    started.push(server)
    const headers = { 'x-tenant': String(told[0].tenantId) }
    sides.push({
      name,
      pid: server.pid,
      headers: graphql ? { ...headers, 'content-type': 'application/json' } : headers,
      url: `${server.url}${graphql ? '/graphql' : '/api/patients'}`,
      body: graphql && JSON.stringify({ query: graphql }),
    })
  }
  for (const side of sides) {
    if ((await answerOf(side)) !== plain(told)) throw new Error(`${side.name} answers something else than the gateway`)
    if (side.body) {
      side.script = path.join(bench.work, 'graphql.lua')
      writeFileSync(side.script, `wrk.method = "POST"\nwrk.body = [[${side.body}]]\n`)
    }
  }
  bench.sides = sides
}

async function measure(bench) {
  const variants = bench.sides.map(({ name, pid, url, headers, script }) => ({
    name,
    baseline: name === gatewayName,
    meter: meter({
      server: () => cpuOfProcess(pid),
      postgres: () => cpuOfTree(bench.postmaster),
      together: () => cpuOfProcess(pid) + cpuOfTree(bench.postmaster),
    }),
    run: (seconds) => wrk({ url, headers, script, seconds, connections }),
  }))
  return bench.interleave([{ name: 'list of 5 rows', variants }], { rounds: bench.quick ? 2 : bench.rounds })
}

const microseconds = ({ median, min, max }) => `${(median * 1e6).toFixed(0)} (${(min * 1e6).toFixed(0)} to ${(max * 1e6).toFixed(0)})`

function report(measurements, bench) {
  const good = measurements.filter(({ error }) => !error)
  const times = ({ median, min, max }) => `${median.toFixed(1)} (${min.toFixed(1)} to ${max.toFixed(1)})`
  const versions = JSON.parse(readFileSync(path.join(bench.root, 'bench/peers/package.json'), 'utf8')).dependencies
  const node = execFileSync(path.join(bench.root, 'bench/peers/node_modules/node/bin/node'), ['--version'], { encoding: 'utf8' }).trim()
  return {
    tables: [
      {
        title: `A list of 5 rows, ${connections} connections; CPU in µs for each request`,
        columns: ['', 'requests each second', 'CPU of the server', 'CPU of Postgres', 'requests per CPU second', 'the gateway does, × as many', 'p99, ms'],
        rows: good.map(({ variant, rate, cpu, ratio, p99 }) => [
          variant,
          rate.median.toFixed(0),
          microseconds(cpu.server),
          microseconds(cpu.postgres),
          (1 / cpu.together.median).toFixed(0),
          ratio ? times(ratio.cpu.together) : '',
          (p99.median * 1000).toFixed(1),
        ]),
      },
    ],
    plots: [
      {
        kind: 'rows',
        title: 'Requests per CPU second of server and Postgres together',
        subtitle: `the list of 5 patients, ${connections} connections`,
        series: ['requests per CPU second'],
        axis: { log: true, label: 'requests per CPU second' },
        rows: good.map(({ variant, cpu }) => ({
          label: variant,
          points: [{ median: 1 / cpu.together.median, min: 1 / cpu.together.max, max: 1 / cpu.together.min }],
        })),
      },
    ],
    aims: peers
      .filter(({ aim }) => aim)
      .map(({ name, aim }) => {
        const found = good.find(({ variant }) => variant === name)?.ratio?.cpu.together.median
        return { text: `requests per CPU second at least ${aim} × ${name}: ${found ? found.toFixed(1) : 'not measured'}`, reached: found >= aim }
      }),
    notes: [
      'Before the first round all have given the same five rows. The peers believe a header that names the tenant; the gateway has the session, the user and the membership looked up in the database with each request.',
    ],
    facts: { node, versions },
  }
}

async function end(bench) {
  for (const server of started.splice(0)) await server.stop()
  await bench.dropDatabase(database)
}

export default {
  name: 'peers',
  number: 5,
  title: 'Requests per CPU second, against what people build with Node',
  seconds: { full: 60, quick: 15 },
  prepare,
  run: measure,
  report,
  end,
}
