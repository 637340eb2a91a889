import { expect, test } from '@playwright/test'
import { userNamed, type User } from '../support/demo'
import { call, expectError, login } from '../support/http'

// No browser takes part, so a trace would hold nothing and cost half the time.
test.use({ trace: 'off' })

const clients = 30
const rounds = 20
const pair = [userNamed('t1 user1'), userNamed('t5 user2')] as const

/** Every kind of answer that could hold somebody else's rows, in turn. */
async function ask(user: User, other: User, token: string, number: number): Promise<void> {
  const row = user.patients[number % user.patients.length]!
  const foreign = other.patients[number % other.patients.length]!
  const label = `request ${number} of ${user.userName}`
  switch (number % 5) {
    case 0: {
      const answer = await call('GET', `/api/patients/${row.id}`, { token })
      expect(answer.status, label).toBe(200)
      return expect(JSON.parse(answer.text), label).toEqual(row)
    }
    case 1: {
      expectError(await call('GET', `/api/patients/${foreign.id}`, { token }), 404, label)
      return
    }
    case 2: {
      const answer = await call('GET', '/api/tenants', { token })
      return expect(JSON.parse(answer.text), label).toEqual([user.tenant])
    }
    case 3: {
      const answer = await call('GET', '/api/auth/session', { token })
      const { id } = user.tenant
      return expect(JSON.parse(answer.text), label).toMatchObject({ userId: String(user.id), tenantId: String(id) })
    }
    default: {
      const answer = await call('GET', '/api/patients', { token })
      return expect(JSON.parse(answer.text), label).toEqual(user.patients)
    }
  }
}

test(`${clients * rounds} requests of two tenants, interleaved on shared connections: to each the own rows`, async () => {
  const tokens = [await login(pair[0]), await login(pair[1])] as const
  let asked = 0
  // More clients than the gateway has connections, so that each connection serves both tenants in turn.
  async function client(number: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const side = (number + round) % 2 as 0 | 1
      await ask(pair[side], pair[1 - side]!, tokens[side], number * 7 + round * 3)
      asked++
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
  expect(asked).toBe(clients * rounds)
})

test('a session that ends in the midst of others takes nothing of theirs along', async () => {
  const tokens = [await login(pair[0]), await login(pair[1])] as const
  let ended = false
  async function reader(): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const asked = ended
      const answer = await call('GET', '/api/patients', { token: tokens[0] })
      if (answer.status === 200) {
        expect(asked, 'an answer after the session had ended').toBe(false)
        expect(JSON.parse(answer.text)).toEqual(pair[0].patients)
      } else {
        expectError(answer, 401)
      }
      const other = await call('GET', '/api/patients', { token: tokens[1] })
      expect(JSON.parse(other.text)).toEqual(pair[1].patients)
    }
  }
  async function leaver(): Promise<void> {
    expect((await call('POST', '/api/auth/logout', { token: tokens[0] })).status).toBe(204)
    ended = true
  }
  await Promise.all([...Array.from({ length: 8 }, reader), leaver()])
  expectError(await call('GET', '/api/patients', { token: tokens[0] }), 401)
})
