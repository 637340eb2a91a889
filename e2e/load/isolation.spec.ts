import { expect, test, type APIRequestContext, type APIResponse } from '@playwright/test'
import { users, type User } from '../support/demo'

/**
 * The shape of the reference's load test: 50 clients at once, each 50 times signs in as a random user and asks for
 * the patients, which must be exactly that user's rows. There each client was a process of its own; here the clients
 * share two, which the machine bears, and the server sees the same: 50 connections at a time.
 */
const clients = 50
const repeats = 50
const shares = 2

const seed = Number(process.env.TENANCY_TEST_SEED ?? Date.now() % 1_000_000)

/** mulberry32: the same seed picks the same users again. */
function randomNumbers(start: number): () => number {
  let state = start | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Sign-ins take turns, because each costs a processor; who would wait for too long is told when to come again. */
async function signIn(request: APIRequestContext, data: { userName: string; password: string }): Promise<APIResponse> {
  const answer = await request.post('/api/auth/login', { data })
  const pause = Number(answer.headers()['retry-after'])
  if (answer.status() !== 503 || !(pause > 0)) return answer
  await new Promise((resolve) => setTimeout(resolve, pause * 1000))
  return signIn(request, data)
}

async function checkOnce(request: APIRequestContext, user: User, label: string): Promise<void> {
  const { userName, password } = user
  const login = await signIn(request, { userName, password })
  expect(login.status(), `${label}: sign-in`).toBe(200)
  expect(await login.json(), label).toMatchObject({ userName, userId: String(user.id) })

  const answer = await request.get('/api/patients')
  expect(answer.status(), `${label}: patients`).toBe(200)
  expect(await answer.json(), label).toEqual(user.patients)
}

for (let share = 0; share < shares; share++) {
  test(`${clients / shares} clients × ${repeats} repeats, share ${share + 1} of ${shares}`, async ({ playwright, baseURL }) => {
    test.setTimeout(10 * 60_000)
    const perUser = new Map<string, number>()

    async function client(number: number): Promise<void> {
      const random = randomNumbers(seed * 1000 + number)
      const request = await playwright.request.newContext({ baseURL: baseURL! })
      for (let repeat = 0; repeat < repeats; repeat++) {
        const user = users[Math.floor(random() * users.length)]!
        await checkOnce(request, user, `seed ${seed}, client ${number}, repeat ${repeat}, ${user.userName}`)
        perUser.set(user.userName, (perUser.get(user.userName) ?? 0) + 1)
      }
      await request.dispose()
    }

    const started = Date.now()
    const numbers = Array.from({ length: clients / shares }, (_, index) => share * (clients / shares) + index)
    await Promise.all(numbers.map(client))

    const checks = [...perUser.values()].reduce((sum, count) => sum + count, 0)
    expect(checks).toBe((clients / shares) * repeats)
    expect([...perUser.keys()].sort(), 'every user had a turn').toEqual(users.map((user) => user.userName).sort())
    test.info().annotations.push({
      type: 'load',
      description: `${checks} sign-ins with exact rows in ${Math.round((Date.now() - started) / 1000)} s, seed ${seed}`,
    })
  })
}
