import { expect, test } from '@playwright/test'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { userNamed } from '../support/demo'
import { call, expectError, login, sql, type Answer } from '../support/http'

// No browser takes part, so a trace would hold nothing and cost half the time.
test.use({ trace: 'off' })

const execute = promisify(execFile)
const user = userNamed('t3 user2')
const other = userNamed('t1 user1')
const credentials = { userName: user.userName, password: user.password }
type Name = 'TENANCY_TEST_PG_STOP' | 'TENANCY_TEST_PG_START' | 'TENANCY_TEST_PG_RESTART'

test.describe.configure({ mode: 'serial' })

function command(name: Name): string {
  const line = process.env[name]
  if (!line) throw new Error(`${name} is not set: this test stops the throw-away cluster of ./setup.sh test`)
  return line
}

async function run(name: Name): Promise<void> {
  await execute('/bin/sh', ['-c', command(name)])
}

async function untilReady(): Promise<void> {
  await expect(async () => expect((await call('GET', '/readyz')).status).toBe(200)).toPass({ intervals: [50] })
}

function expectUnavailable(answer: Answer, label: string): void {
  const error = expectError(answer, 503, label)
  expect(answer.headers['retry-after'], label).toMatch(/^[1-9]\d*$/)
  expect(error.message, label).toMatch(/database/)
  // Neither where it is nor who asks it.
  expect(answer.text, label).not.toMatch(/127\.0\.0\.1|demo_gateway|port|socket|terminating|server/i)
  expect(answer.headers['set-cookie'], `${label}: the session may still be good`).toBeUndefined()
}

// The commands are looked up first, so that nothing is stopped that could not be started again.
test.beforeAll(() => {
  for (const name of ['TENANCY_TEST_PG_STOP', 'TENANCY_TEST_PG_START', 'TENANCY_TEST_PG_RESTART'] as const) command(name)
})

test('without Postgres: 503 with Retry-After; with it again: everything as before, in the same gateway', async () => {
  const token = await login(user)
  try {
    await run('TENANCY_TEST_PG_STOP')
    for (const path of ['/api/patients', `/api/patients/${user.patients[0]!.id}`, '/api/nothing', '/api/auth/session']) {
      expectUnavailable(await call('GET', path, { token }), path)
    }
    expectUnavailable(await call('POST', '/api/auth/login', { body: credentials }), 'login')
    expectUnavailable(await call('POST', '/api/auth/tenant', { token, body: { tenantId: '3' } }), 'tenant')
    expectUnavailable(await call('POST', '/api/auth/logout', { token }), 'logout')
    expect((await call('GET', '/readyz')).status).toBe(503)
    // What needs no database goes on.
    expect((await call('GET', '/healthz')).status).toBe(200)
    expect((await call('GET', '/patients')).status).toBe(200)
    expectError(await call('GET', '/api/patients'), 401, 'signed out')
    expectError(await call('POST', '/api/auth/login', { body: '{' }), 400, 'malformed')
  } finally {
    await run('TENANCY_TEST_PG_START')
  }
  await untilReady()
  expect(JSON.parse((await call('GET', '/api/patients', { token })).text)).toEqual(user.patients)
  await login(other)
})

/** Asks without pause while `disturb` works, and afterwards until every client was served again. */
async function streamDuring(disturb: () => Promise<void>): Promise<{ served: number; refused: number }> {
  const sessions = [
    { who: user, token: await login(user) },
    { who: other, token: await login(other) },
  ] as const
  const count = { served: 0, refused: 0 }
  let over = false

  async function client(number: number): Promise<void> {
    for (let round = number; ; round++) {
      const last = over
      const { who, token } = sessions[round % 2]!
      const row = who.patients[round % who.patients.length]!
      const [path, rows] = round % 3 ? ['/api/patients', who.patients] : [`/api/patients/${row.id}`, row]
      const answer = await call('GET', path, { token })
      if (answer.status === 200) {
        expect(JSON.parse(answer.text)).toEqual(rows)
        count.served++
        if (last) return
      } else {
        expectUnavailable(answer, path)
        count.refused++
      }
    }
  }

  async function disturbance(): Promise<void> {
    await expect(() => expect(count.served).toBeGreaterThan(20)).toPass({ intervals: [10] })
    try {
      await disturb()
    } finally {
      over = true
    }
  }

  await Promise.all([...Array.from({ length: 12 }, (_, number) => client(number)), disturbance()])
  return count
}

test('a restart in the midst of requests: each answer is right, or a clean 503', async () => {
  const count = await streamDuring(() => run('TENANCY_TEST_PG_RESTART'))
  test.info().annotations.push({ type: 'answers', description: JSON.stringify(count) })
  expect(count.refused, 'requests met the restart').toBeGreaterThan(0)
})

test('connections that an administrator ends: the same, and no gateway restart', async () => {
  const count = await streamDuring(async () => {
    for (let times = 0; times < 5; times++) {
      sql(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'demo_gateway'`)
    }
  })
  test.info().annotations.push({ type: 'answers', description: JSON.stringify(count) })
})

test('a backend that dies of SIGKILL, with all others thrown out by crash recovery: the same', async () => {
  const count = await streamDuring(async () => {
    // The sessions must be on disk, for in this cluster a commit does not wait for that.
    sql('checkpoint')
    const kill = `select pid from pg_stat_activity where usename = 'demo_gateway' limit 1`
    const pid = sql(kill)
    expect(pid).toMatch(/^\d+$/)
    // The server's own shell may signal it. The sleep is only there to be thrown out by the crash, like everybody.
    expect(() => sql(`copy (select 1) to program 'cat >/dev/null; kill -9 ${pid}; sleep 60'`)).toThrow()
    await untilReady()
  })
  test.info().annotations.push({ type: 'answers', description: JSON.stringify(count) })
  expect(count.refused, 'requests met the crash').toBeGreaterThan(0)
})
