import { expect, test } from '@playwright/test'
import { userNamed, type User } from '../support/demo'
import { OwnGateway } from '../support/gateway'
import { Held } from '../support/held'
import { call, expectError, login, sessionOf, type Answer } from '../support/http'

// No browser takes part, so a trace would hold nothing and cost half the time.
test.use({ trace: 'off' })

const pair = [userNamed('t1 user1'), userNamed('t5 user2')] as const
const rounds = 20

async function ask(url: string, user: User, other: User, number: number): Promise<void> {
  const token = await sessionOf(user)
  const foreign = other.patients[number % other.patients.length]!
  const own = user.patients[number % user.patients.length]!
  const label = `request ${number} of ${user.userName}`
  switch (number % 4) {
    case 0: {
      expectError(await call('GET', `/api/patients/${foreign.id}`, { token, url }), 404, label)
      return
    }
    case 1: {
      const answer = await call('GET', `/api/patients/${own.id}`, { token, url })
      return expect(JSON.parse(answer.text), label).toEqual(own)
    }
    case 2: {
      const answer = await call('GET', '/api/auth/session', { token, url })
      return expect(JSON.parse(answer.text), label).toMatchObject({ userId: String(user.id) })
    }
    default: {
      const answer = await call('GET', '/api/patients', { token, url })
      return expect(JSON.parse(answer.text), label).toEqual(user.patients)
    }
  }
}

/** The same for each scope: two tenants in turn, as many clients as the quota of one lets in, a wrong token, a sign-out. */
async function suite(url: string): Promise<void> {
  async function client(number: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const side = (number + round) % 2 as 0 | 1
      await ask(url, pair[side], pair[1 - side]!, number + round)
    }
  }
  await Promise.all(Array.from({ length: 4 }, (_, number) => client(number)))
  expectError(await call('GET', '/api/patients', { token: 'x'.repeat(43), url }), 401)
  const token = await login(pair[0])
  expect((await call('GET', '/api/patients', { token, url })).status).toBe(200)
  expect((await call('POST', '/api/auth/logout', { token, url })).status).toBe(204)
  expectError(await call('GET', '/api/patients', { token, url }), 401)
}

interface Created {
  message: string
  scope: unknown
  tenant: unknown
}

async function createdUnder(
  scope: string,
  work: (gateway: OwnGateway) => Promise<void>,
  options: string[] = ['--pool-size=4'],
): Promise<Created[]> {
  const gateway = await OwnGateway.start([`--client-scope=${scope}`, ...options])
  try {
    await work(gateway)
  } finally {
    await gateway.stop()
  }
  return gateway.log
    .filter(({ message }) => / client created$/.test(message))
    .map(({ message, scope: of, tenant }) => ({ message, scope: of, tenant }))
}

test('request: the same rows as ever, and a client for each request', async () => {
  const created = await createdUnder('request', ({ url }) => suite(url))
  expect(created.shift()).toEqual({ message: 'bypass client created', scope: 'request', tenant: undefined })
  // Every request that the database attached: all of the clients', and one before the sign-out.
  expect(created).toHaveLength(4 * rounds + 1)
  for (const { id } of pair.map(({ tenant }) => tenant)) {
    const of = created.filter(({ tenant }) => tenant === String(id))
    expect(of.length).toBeGreaterThanOrEqual(2 * rounds)
    expect(of[0]).toEqual({ message: 'tenant client created', scope: 'request', tenant: String(id) })
  }
})

test('durable: the same rows, and a client for each tenant once', async () => {
  // However the clients drift, none of a tenant's eight finds its queue full.
  const created = await createdUnder('durable', ({ url }) => suite(url), ['--pool-size=8', '--workers=16', '--tenant-connections=4'])
  expect(created.shift()).toEqual({ message: 'bypass client created', scope: 'durable', tenant: undefined })
  expect(created.map(({ message }) => message)).toEqual(['tenant client created', 'tenant client created'])
  expect(created.map(({ tenant }) => tenant).sort()).toEqual(pair.map(({ tenant }) => String(tenant.id)))
})

test('singleton: the same rows, and one client, made at the start', async () => {
  const created = await createdUnder('singleton', ({ url }) => suite(url))
  const one = { scope: 'singleton', tenant: undefined }
  expect(created).toEqual([
    { message: 'bypass client created', ...one },
    { message: 'tenant client created', ...one },
  ])
})

test('durable with room for one tenant: each makes its client anew, and the rows are right', async () => {
  const created = await createdUnder(
    'durable',
    async ({ url }) => {
      for (let turn = 0; turn < 6; turn++) await ask(url, pair[(turn % 2) as 0 | 1], pair[((turn + 1) % 2) as 0 | 1], 3)
    },
    ['--tenant-clients=1'],
  )
  expect(created.slice(1).map(({ tenant }) => tenant)).toEqual(['1', '5', '1', '5', '1', '5'])
})

test('durable: a tenant that floods waits for itself, and is told so at once; another does not notice', async () => {
  const gateway = await OwnGateway.start(['--client-scope=durable', '--tenant-connections=2'])
  const { url } = gateway
  const held = new Held(4711)
  try {
    const [flooder, other] = [await sessionOf(pair[0]), await sessionOf(pair[1])]
    await held.hold()
    const answers: Answer[] = []
    const flood = Array.from({ length: 12 }, async () => answers.push(await call('GET', held.path, { token: flooder, url })))
    await held.untilWaiting(2)
    // Two are in the database and two wait; to all others it says at once to come back.
    await expect(() => expect(answers.length).toBeGreaterThanOrEqual(8)).toPass({ intervals: [20] })
    for (let round = 0; round < 30; round++) {
      const answer = await call('GET', '/api/patients', { token: other, url })
      expect(JSON.parse(answer.text)).toEqual(pair[1].patients)
    }
    await held.untilWaiting(2)
    held.letGo()
    await Promise.all(flood)
    const refused = answers.filter(({ status }) => status !== 200)
    for (const answer of refused) {
      expect(expectError(answer, 503).message).toBe('all database connections are busy')
      expect(answer.headers['retry-after']).toBe('1')
    }
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(2)
    expect((await call('GET', '/api/patients', { token: flooder, url })).status).toBe(200)
  } finally {
    await held.end()
    await gateway.stop()
  }
})
