import { expect, test } from '@playwright/test'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { userNamed } from '../support/demo'
import { OwnGateway } from '../support/gateway'
import { call, expectError, login, sessionOf, sql, tokenOf, type Answer } from '../support/http'

/** What operators see and do. The gateways are the tests' own: their options, signals and counts are nobody else's. */
test.use({ trace: 'off' })

const user = userNamed('t3 user2')
const admin = userNamed('t6 admin')

interface Entry {
  key: string
  labels: Record<string, string>
  value: number
}

async function metricsOf(gateway: OwnGateway): Promise<string> {
  const response = await fetch(`${gateway.metricsUrl}/metrics`)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  return response.text()
}

/** The value of one line of the metrics, or 0 when there is none. */
function count(metrics: string, line: string): number {
  const found = metrics.split('\n').find((one) => one.startsWith(`${line} `))
  return Number(found?.split(' ').at(-1) ?? 0)
}

function signInAt(url: string, userName: string, password: string): Promise<Answer> {
  return call('POST', '/api/auth/login', { url, body: { userName, password } })
}

async function withGateway(options: string[], use: (gateway: OwnGateway) => Promise<void>): Promise<void> {
  const gateway = await OwnGateway.start(options)
  try {
    await use(gateway)
  } finally {
    await gateway.stop()
  }
}

test.describe('metrics', () => {
  test('are counted by route, status and SQLSTATE, and name nobody', async () => {
    await withGateway(['--metrics-listen=127.0.0.1:0'], async (gateway) => {
      const { url } = gateway
      const token = tokenOf(await signInAt(url, user.userName, user.password))
      await signInAt(url, 'nobody of the metrics', 'x')
      for (const row of user.patients) await call('GET', `/api/patients/${row.id}`, { url, token })
      const seesAll = await sessionOf(admin)
      await call('GET', '/api/patients', { url, token: seesAll })
      for (let i = 0; i < 20; i++) await call('GET', `/api/${randomUUID()}/a/b`, { url, token })
      const metrics = await metricsOf(gateway)
      const requests = 'tenancy_gateway_requests_total'
      expect(count(metrics, `${requests}{method="GET",route="/api/*/*",status="200"}`)).toBe(user.patients.length)
      expect(count(metrics, `${requests}{method="GET",route="other",status="404"}`)).toBe(20)
      expect(count(metrics, 'tenancy_gateway_request_seconds_count{route="/api/*/*"}')).toBe(user.patients.length)
      expect(count(metrics, 'tenancy_gateway_sign_ins_total{result="ok"}')).toBe(1)
      expect(count(metrics, 'tenancy_gateway_sign_ins_total{result="refused"}')).toBe(1)
      expect(count(metrics, 'tenancy_gateway_database_errors_total{sqlstate="28P01"}')).toBe(1)
      expect(count(metrics, 'tenancy_gateway_bypass_requests_total')).toBe(1)
      expect(count(metrics, 'tenancy_gateway_pool_size')).toBe(8)
      expect(count(metrics, 'tenancy_gateway_pool_wait_seconds_count')).toBeGreaterThan(user.patients.length)
      expect(metrics).toMatch(/^tenancy_gateway_pool_connection_seconds_count /m)
      expect(metrics).not.toMatch(/gateway_tenant_|t3|nobody of|[0-9a-f]{8}-[0-9a-f]{4}/)
      expect((await fetch(`${gateway.metricsUrl}/api/patients`)).status, 'nothing else is there').toBe(404)
    })
  })

  test('name as many tenants as were asked for', async () => {
    await withGateway(['--metrics-listen=127.0.0.1:0', '--metrics-per-tenant=1'], async (gateway) => {
      const other = userNamed('t1 user1')
      for (const who of [user, other, user]) {
        await call('GET', '/api/patients', { url: gateway.url, token: await sessionOf(who) })
      }
      const lines = { url: gateway.url, token: await sessionOf(user), headers: { accept: 'application/x-ndjson' } }
      expect((await call('GET', '/api/patients?limit=2', lines)).status).toBe(200)
      await call('GET', '/api/patients', { url: gateway.url, token: await sessionOf(admin) })
      const metrics = await metricsOf(gateway)
      const ofUser = `{tenant="${user.tenant.id}"}`
      expect(count(metrics, `tenancy_gateway_tenant_requests_total${ofUser}`)).toBe(3)
      expect(count(metrics, `tenancy_gateway_tenant_rows_total${ofUser}`)).toBe(2 * user.patients.length + 2)
      expect(count(metrics, 'tenancy_gateway_tenant_requests_total{tenant=""}')).toBe(1)
      expect(count(metrics, 'tenancy_gateway_tenant_rows_total{tenant=""}')).toBe(other.patients.length)
      expect(count(metrics, 'tenancy_gateway_bypass_rows_total')).toBe(admin.patients.length)
    })
  })

  test('are not on the address that everybody reaches', async () => {
    const answer = await call('GET', '/metrics', { headers: { 'x-forwarded-for': '127.0.0.1' } })
    expect(answer.text).not.toContain('tenancy_gateway_')
    expectError(await call('GET', '/api/metrics', { token: await sessionOf(admin) }), 404)
  })

  test('are there as JSON for admins alone', async () => {
    expectError(await call('GET', '/api/stats'), 401)
    expectError(await call('GET', '/api/stats', { token: await sessionOf(user) }), 403)
    const answer = await call('GET', '/api/stats', { token: await sessionOf(admin) })
    expect(answer.status).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    const stats = JSON.parse(answer.text) as Record<string, Entry[]>
    expect(Object.keys(stats).sort()).toEqual(['counters', 'gauges', 'histograms'])
    expect(stats.gauges!.find((entry) => entry.key === 'tenancy_gateway_pool_size')!.value).toBe(8)
    const refused = stats.counters!.find(
      ({ key, labels }) => key === 'tenancy_gateway_requests_total' && labels.route === '/api/stats' && labels.status === '403',
    )
    expect(refused!.value).toBeGreaterThanOrEqual(1)
    expect(stats.histograms!.length).toBeGreaterThan(1)
  })
})

test.describe('the log', () => {
  test('knows a request by the id that came along, and holds nothing that is secret', async () => {
    await withGateway([], async (gateway) => {
      const { url } = gateway
      const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
      const headers = { 'x-request-id': 'from.the_proxy-1', traceparent: `00-${trace}-00f067aa0ba902b7-01` }
      const answer = await call('GET', '/api/patients?first_name=eq.QuerySecret', { url, token: 'CookieSecret', headers })
      expect(answer.headers['x-request-id']).toBe('from.the_proxy-1')
      const line = await gateway.line((one) => one.request === 'from.the_proxy-1')
      expect(line).toMatchObject({ level: 'info', message: 'request', method: 'GET', path: '/api/patients', status: answer.status, trace })

      await signInAt(url, 'NameSecret', 'PasswordSecret')
      await call('GET', '/api/patients', { url, headers: { authorization: 'Bearer BearerSecret' } })
      for (const bad of ['a b', 'x'.repeat(65), '"},{', '']) {
        const made = await call('GET', '/healthz', { url, headers: { 'x-request-id': bad, traceparent: bad } })
        expect(made.headers['x-request-id'], bad).toMatch(/^[0-9a-f]{16}$/)
        expect(await gateway.line((one) => one.request === made.headers['x-request-id'])).not.toHaveProperty('trace')
      }
      expect(JSON.stringify(gateway.log) + gateway.said.join()).not.toContain('Secret')
    })
  })

  test('and the database learns which request it works for, when asked', async () => {
    sql(`create view api.whose_request with (security_invoker = true) as select 1 as id, current_setting('application_name') as name;
         grant select on api.whose_request to tenancy_user`)
    try {
      const token = await sessionOf(user)
      const nameAt = async (url: string, headers = {}): Promise<string> => {
        const answer = await call('GET', '/api/whose_request/1', { url, token, headers })
        expect(answer.status, answer.text).toBe(200)
        return (JSON.parse(answer.text) as { name: string }).name
      }
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
      await withGateway(['--trace-to-database', '--pool-size=1'], async ({ url }) => {
        expect(await nameAt(url, { traceparent })).toBe(traceparent)
        expect(await nameAt(url, { 'x-request-id': 'number-7' }), 'of this request, not of the one before').toBe('number-7')
        const left = "select string_agg(distinct application_name, ' ') from pg_stat_activity where application_name ~ 'number-7|4bf92f'"
        expect(sql(left)).toBe('')
      })
      await withGateway([], async ({ url }) => expect(await nameAt(url, { traceparent })).toBe('tenancy-gateway'))
    } finally {
      sql('drop view api.whose_request')
    }
  })
})

test.describe('the configuration', () => {
  let folder = ''
  let file = ''
  test.beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-'))
    chmodSync(folder, 0o755)
    file = join(folder, 'gateway.conf')
  })
  test.afterAll(() => rmSync(folder, { recursive: true }))

  test('is shown with its sources and without passwords', async () => {
    writeFileSync(file, 'pool-size = 3\nworkers = 5\n')
    const gateway = new OwnGateway(['--show-config', `--config=${file}`, '--workers=7'], {
      TENANCY_GATEWAY_URL: 'postgresql://gateway:hunter2@db/x',
    })
    expect(await gateway.ended()).toBe(0)
    const said = gateway.said.join('\n')
    expect(said).toContain(`# ${file}, line 1\npool-size = 3\n`)
    expect(said).toContain('# command line\nworkers = 7\n')
    expect(said).toContain('# environment, TENANCY_GATEWAY_URL\ndatabase-url = user=gateway password=**** dbname=x host=db\n')
    expect(said).not.toContain('hunter2')
  })

  test('is refused with a reason', async () => {
    for (const [text, reason] of [
      ['no-such-option = 1', `${file}, line 1: there is no option 'no-such-option'`],
      ['listen = nowhere', `It stands in ${file}, line 1.`],
      ['hunter2', `${file}, line 1: not NAME = VALUE`],
    ] as const) {
      writeFileSync(file, text)
      const gateway = new OwnGateway([`--config=${file}`])
      expect(await gateway.ended(), text).toBe(2)
      expect(gateway.said.join('\n')).toContain(reason)
      expect(gateway.said.join('\n')).not.toContain('hunter2')
    }
  })

  test('is read again at SIGHUP; a wrong one changes nothing', async () => {
    const origin = 'https://app.example.com'
    const isNamed = async (url: string) =>
      'access-control-allow-origin' in (await call('GET', '/api/demo', { url, headers: { origin } })).headers
    writeFileSync(file, 'pool-size = 3\n')
    await withGateway([`--config=${file}`], async (gateway) => {
      const { url } = gateway
      expect(await isNamed(url)).toBe(false)
      writeFileSync(file, `cors-origin = ${origin}\npool-size = 4\n`)
      gateway.signal('SIGHUP')
      expect(await gateway.line((line) => line.message === 'these options take a restart')).toMatchObject({ options: 'pool-size' })
      expect(await isNamed(url)).toBe(true)
      writeFileSync(file, 'cors-origin = *\n')
      gateway.signal('SIGHUP')
      const refusal = await gateway.line((line) => line.message.startsWith('the new configuration is refused'))
      expect(refusal.reason).toContain('every site could read')
      expect(await isNamed(url)).toBe(true)
      const lines = gateway.log.length
      writeFileSync(file, 'log-level = error\n')
      gateway.signal('SIGHUP')
      await expect(async () => expect(await isNamed(url)).toBe(false)).toPass({ intervals: [20] })
      expect(gateway.log.slice(lines).filter((line) => line.level === 'info').length, 'asked before the reload').toBeLessThan(3)
    })
  })
})

test.describe('at the end', () => {
  test.describe.configure({ mode: 'serial' })

  test.beforeAll(() => 
    sql(`create table api.drain_probe (id int primary key);
         alter table api.drain_probe enable row level security;
         grant select on api.drain_probe to tenancy_user`),
  )
  test.afterAll(() => sql('drop table api.drain_probe'))

  /** With a request under way that waits for a lock, until `release` is called. */
  async function withRequestUnderWay(
    options: string[],
    use: (gateway: OwnGateway, request: Promise<Answer>, release: () => void) => Promise<void>,
  ): Promise<void> {
    const gateway = await OwnGateway.start(options)
    const psql = spawn('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1'])
    const gone = new Promise((resolve) => psql.on('close', resolve))
    try {
      psql.stdin.write("begin; lock table api.drain_probe; select 'locked';\n")
      await new Promise<void>((resolve) => psql.stdout.once('data', () => resolve()))
      const request = call('GET', '/api/drain_probe', { url: gateway.url, token: await login(user) })
      request.catch(() => undefined) // judged by the test; here only against an unhandled rejection
      const waiting = "select count(*) from pg_locks where relation = 'api.drain_probe'::regclass and not granted"
      await expect(async () => expect(sql(waiting)).toBe('1')).toPass({ intervals: [20] })
      await use(gateway, request, () => psql.stdin.end('commit;\n'))
    } finally {
      if (!psql.stdin.writableEnded) psql.stdin.end()
      await gone
      await gateway.stop()
    }
  }

  async function untilClosed(url: string): Promise<void> {
    await expect(async () => await expect(call('GET', '/healthz', { url, headers: { connection: 'close' } })).rejects.toThrow()).toPass({
      intervals: [20],
    })
  }

  test('SIGTERM lets requests under way end', async () => {
    await withRequestUnderWay(['--drain-timeout=60'], async (gateway, request, release) => {
      gateway.signal('SIGTERM')
      await untilClosed(gateway.url)
      release()
      expect((await request).status).toBe(200)
      expect(await gateway.ended()).toBe(0)
    })
  })

  test('but for no longer than asked for', async () => {
    await withRequestUnderWay(['--drain-timeout=0'], async (gateway, request) => {
      gateway.signal('SIGTERM')
      expectError(await request, 503)
      expect(await gateway.ended()).toBe(0)
    })
  })

  test('and a second SIGTERM ends it at once', async () => {
    await withRequestUnderWay(['--drain-timeout=3600'], async (gateway, request) => {
      gateway.signal('SIGTERM')
      await untilClosed(gateway.url)
      gateway.signal('SIGTERM')
      expect(await gateway.ended()).toBe(1)
      await expect(request).rejects.toThrow()
    })
  })
})
