import { expect, test } from '@playwright/test'
import { randomUUID } from 'node:crypto'
import http from 'node:http'
import { userNamed } from '../support/demo'
import { call, expectError, expectHarmless, sessionOf, sql, type Answer } from '../support/http'

/**
 * Many wrong sign-ins at once: what is counted are answers, never times. Clients have loopback addresses of their own, and
 * the victim is an account of this file: other files sign in from 127.0.0.1 at the same time.
 */
test.use({ trace: 'off' })

const base = new URL(process.env.TENANCY_URL!)
const victim = { userName: 'flooded', password: 'correct horse' }
const home = '127.9.1.1'
const elsewhere = '127.9.4.1'
const attempts = 120
const atOnce = 40 // fewer than the gateway lets wait: other files sign in meanwhile

async function signInFrom(localAddress: string, credentials: { userName: string; password: string }): Promise<Answer> {
  const body = JSON.stringify(credentials)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const answer = await new Promise<Answer>((resolve, reject) => {
    const request = http.request(
      { host: base.hostname, port: base.port, method: 'POST', path: '/api/auth/login', headers, localAddress, agent: false },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, text: Buffer.concat(parts).toString() }),
        )
      },
    )
    request.on('error', reject)
    request.end(body)
  })
  expectHarmless(answer, `sign-in from ${localAddress}`)
  return answer
}

/** All attempts, some at once, each from an address of its own. */
async function flood(userName: string, network: number): Promise<Answer[]> {
  const answers: Answer[] = []
  let next = 0
  async function attacker() {
    while (next < attempts) {
      const number = ++next
      answers.push(await signInFrom(`127.9.${network}.${number}`, { userName, password: `guess ${number}` }))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, attacker))
  return answers
}

function expectRefusals(answers: Answer[]): void {
  const guesses = answers.filter((answer) => answer.status === 401)
  expect(guesses.length, 'of all guesses a few are looked at').toBeGreaterThanOrEqual(5)
  expect(guesses.length, 'a wait that ends lets one more in').toBeLessThan(20)
  for (const answer of answers.filter((one) => one.status !== 401)) {
    const error = expectError(answer, 429)
    expect(error).toMatchObject({ code: '53400', message: 'too many attempts' })
    expect(error.hint).toMatch(/^Try again in \d+ seconds?\.$/)
    expect(answer.headers['retry-after']).toBe(/\d+/.exec(error.hint!)![0])
  }
}

test.describe.configure({ mode: 'serial' })

test.beforeAll(() => {
  sql(
    `with made as (insert into app.users (tenant_id, user_name) values (1, :'name') returning id)
     insert into app.credentials select id, tenancy.hash_password(:'password') from made`,
    { name: victim.userName, password: victim.password },
  )
})

test.afterAll(() => {
  sql(
    `delete from tenancy.session where user_id = (select id::text from app.users where user_name = :'name');
     delete from app.users where user_name = :'name';
     delete from tenancy.sign_in_attempt
      where key in (tenancy.sign_in_key(:'name', null), tenancy.sign_in_key(:'name', :'home'), tenancy.sign_in_key(:'name', :'elsewhere'))`,
    { name: victim.userName, home, elsewhere },
  )
})

test('under a flood of wrong sign-ins every read is answered', async () => {
  expect((await signInFrom(home, victim)).status).toBe(200)
  const reader = userNamed('t1 user1')
  const token = await sessionOf(reader)
  let flooding = true
  async function read(): Promise<number> {
    let reads = 0
    while (flooding || reads < 20) {
      const answer = await call('GET', '/api/patients', { token })
      expect(answer.status).toBe(200)
      expect(JSON.parse(answer.text)).toEqual(reader.patients)
      reads++
    }
    return reads
  }
  const readers = Promise.all([read(), read(), read(), read()])
  const answers = await flood(victim.userName, 2)
  flooding = false
  expect(answers).toHaveLength(attempts)
  expectRefusals(answers)
  expect((await readers).every((reads) => reads >= 20)).toBe(true)
})

test('a name that does not exist is treated the same', async () => {
  expectRefusals(await flood(`nobody ${randomUUID()}`, 3))
})

test('the true user gets in: at once from a known address, elsewhere after the wait', async () => {
  // As if the flood had gone on until this moment.
  sql(`update tenancy.sign_in_attempt set failures = 15, failed_at = clock_timestamp()
        where key = tenancy.sign_in_key(:'name', null)`, { name: victim.userName })
  expectError(await signInFrom(elsewhere, victim), 429, 'a new address')
  expect((await signInFrom(home, victim)).status, 'the known address').toBe(200)
  expectError(await signInFrom(elsewhere, victim), 429, 'which is nothing to others')
  sql(`update tenancy.sign_in_attempt set failed_at = failed_at - interval '15 minutes'
        where key = tenancy.sign_in_key(:'name', null)`, { name: victim.userName })
  expect((await signInFrom(elsewhere, victim)).status, 'after the wait').toBe(200)
})

test('a sign-in that is refused ends no session', async () => {
  const token = await sessionOf(userNamed('t1 user1'))
  expect((await call('GET', '/api/auth/session', { token })).status).toBe(200)
})
