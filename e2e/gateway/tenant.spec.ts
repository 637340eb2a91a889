import { expect, test } from '@playwright/test'
import { expectError, expectNoCookie, renewed, type ErrorBody } from '../support/http'
import { ask, manyLogin, manyUser, membersOf, patients, patientsOf, tenants, users } from '../support/many'

// No browser takes part, so a trace would hold nothing and cost half the time.
test.use({ trace: 'off' })

const [joe, jeremy, yeezy] = [manyUser('joe'), manyUser('jeremy'), manyUser('yeezy')]

/** The token that counts after the choice. */
async function choose(token: string, tenantId: number | null): Promise<string> {
  const answer = await ask('POST', '/api/auth/tenant', { token, body: { tenantId } })
  expect(answer.status, answer.text).toBe(200)
  const shown = tenantId === null ? null : String(tenantId)
  expect(JSON.parse(answer.text)).toMatchObject({ tenantId: shown })
  return renewed(answer, token)
}

async function rows(token: string, path: string): Promise<unknown> {
  const answer = await ask('GET', path, { token })
  expect(answer.status, `${path} ${answer.text}`).toBe(200)
  return JSON.parse(answer.text)
}

function withoutId(error: ErrorBody): string {
  return JSON.stringify(error).replaceAll(/\d+/g, '#')
}

for (const user of users) {
  test(`${user.userName} signs in ${user.isAdmin ? 'to all tenants' : user.tenantIds.length === 1 ? 'to the only tenant' : 'to none yet'}`, async () => {
    const token = await manyLogin(user)
    const only = user.isAdmin || user.tenantIds.length > 1 ? null : user.tenantIds[0]!
    const own = tenants.filter((tenant) => user.tenantIds.includes(tenant.id))
    expect(await rows(token, '/api/auth/session')).toMatchObject({
      userId: String(user.id),
      isAdmin: user.isAdmin,
      tenantId: only === null ? null : String(only),
      tenants: own.map(({ id, displayName }) => ({ id: String(id), name: displayName })),
    })
    if (only !== null) expect(await rows(token, '/api/patients')).toEqual(patientsOf(only))
    if (user.isAdmin) expect(await rows(token, '/api/patients')).toEqual(patients)
  })
}

test('before a tenant is chosen everything but the own list is refused, with a word on what to do', async () => {
  const token = await manyLogin(jeremy)
  const refusals = new Set<string>()
  // Also what would have no row or is not there: neither may be told apart.
  for (const path of ['patients', 'patients/1', 'patients/6', 'patients/999', 'users', 'users/3', 'tenants', 'tenants/1', 'nothing', 'user_tenants']) {
    const answer = await ask('GET', `/api/${path}`, { token })
    const error = expectError(answer, 403, path)
    expect(error.hint, path).toMatch(/^Choose a tenant first: POST auth\/tenant/)
    expectNoCookie(answer, path)
    refusals.add(answer.text)
  }
  expect([...refusals]).toHaveLength(1)
  const session = await ask('GET', '/api/auth/session', { token })
  expect(session.status).toBe(200)
  expect(session.headers['tenancy-context']).toBeUndefined()
})

test('chosen, switched and left again, each answer is of the tenant of the moment and says so', async () => {
  let token = await manyLogin(jeremy)
  for (const tenantId of [1, 2, 1, 1, 2]) {
    token = await choose(token, tenantId)
    const answer = await ask('GET', '/api/patients', { token })
    expect(JSON.parse(answer.text)).toEqual(patientsOf(tenantId))
    expect(answer.headers['tenancy-context']).toBe(`user=${jeremy.id}&tenant=${tenantId}`)
    expect(await rows(token, '/api/users')).toEqual(membersOf(tenantId))
    expect(await rows(token, '/api/tenants')).toEqual(tenants.filter((tenant) => tenant.id === tenantId))
    for (const other of patients.filter((row) => row.tenantId !== tenantId)) {
      expectError(await ask('GET', `/api/patients/${other.id}`, { token }), 404)
    }
  }
  token = await choose(token, null)
  expectError(await ask('GET', '/api/patients', { token }), 403)
})

test('a switch hands the new cookie to the browser, and the old one is worth nothing and takes none away', async () => {
  const before = await manyLogin(jeremy)
  const chosen = await ask('POST', '/api/auth/tenant', { token: before, body: { tenantId: '1' } })
  const after = renewed(chosen, before)
  expect(chosen.text, 'the token is for the cookie alone').not.toContain(after)
  const attributes = chosen.headers['set-cookie']![0]!.split('; ').slice(1)
  expect(attributes).toEqual(['Path=/', 'HttpOnly', 'SameSite=Lax', expect.stringMatching(/^Max-Age=[1-9]\d*$/)])
  for (const [method, path, body] of [
    ['GET', '/api/patients', undefined],
    ['GET', '/api/auth/session', undefined],
    ['POST', '/api/auth/tenant', { tenantId: '2' }],
  ] as const) {
    const refused = await ask(method, path, { token: before, body })
    expectError(refused, 401, path)
    expectNoCookie(refused, path)
  }
  expect(await rows(after, '/api/patients')).toEqual(patientsOf(1))
})

test("a tenant of others and one that is not there get one answer, and the session stays where it was", async () => {
  for (const [user, refused] of [
    [joe, [2, 999]],
    [jeremy, [3, 999]],
  ] as const) {
    let token = await manyLogin(user)
    token = await choose(token, 1)
    const texts = new Set<string>()
    for (const tenantId of refused) {
      const answer = await ask('POST', '/api/auth/tenant', { token, body: { tenantId } })
      const error = expectError(answer, 403, String(tenantId))
      expect(error.hint).toBe('Choose one of the tenants that GET auth/session lists.')
      expectNoCookie(answer)
      texts.add(withoutId(error))
    }
    expect([...texts]).toHaveLength(1)
    expect(await rows(token, '/api/patients')).toEqual(patientsOf(1))
  }
})

test('an admin steps into a tenant, sees no more than it, and goes back to all', async () => {
  let token = await manyLogin(yeezy)
  const all = await ask('GET', '/api/patients', { token })
  expect(all.headers['tenancy-context']).toBe(`user=${yeezy.id}`)
  expect(await rows(token, '/api/users')).toHaveLength(users.length)
  token = await choose(token, 2)
  const one = await ask('GET', '/api/patients', { token })
  expect(JSON.parse(one.text)).toEqual(patientsOf(2))
  expect(one.headers['tenancy-context']).toBe(`user=${yeezy.id}&tenant=2`)
  expect(await rows(token, '/api/users')).toEqual(membersOf(2))
  token = await choose(token, null)
  expect(await rows(token, '/api/patients')).toEqual(patients)
})

test('switching under load: no answer of the other tenant, whatever was under way', async () => {
  let token = await manyLogin(jeremy)
  token = await choose(token, 1)
  let switches = 0
  let done = false
  const counts = { own: 0, refused: 0 }
  async function reader(): Promise<void> {
    while (!done) {
      const answer = await ask('GET', '/api/patients', { token })
      if (answer.status === 401) {
        counts.refused++ // asked with the token of before
        continue
      }
      expect(answer.status, answer.text).toBe(200)
      const tenantId = /tenant=(\d)$/.exec(answer.headers['tenancy-context'] as string)?.[1]
      expect(JSON.parse(answer.text)).toEqual(patientsOf(Number(tenantId)))
      counts.own++
    }
  }
  async function switcher(): Promise<void> {
    try {
      for (; switches < 40; switches++) token = await choose(token, 1 + (switches % 2))
    } finally {
      done = true
    }
  }
  await Promise.all([...Array.from({ length: 6 }, reader), switcher()])
  expect(switches).toBe(40)
  expect(counts.own).toBeGreaterThan(0)
})

test('nobody writes memberships', async () => {
  for (const user of [joe, jeremy, yeezy]) {
    let token = await manyLogin(user)
    if (user === jeremy) token = await choose(token, 1)
    const before = await rows(token, '/api/auth/session')
    for (const resource of ['user_tenants', 'memberships', 'users', 'tenants', 'app.user_tenants']) {
      for (const [method, path] of [
        ['POST', resource],
        ['PATCH', `${resource}/1`],
        ['PUT', `${resource}/1`],
        ['DELETE', `${resource}/1`],
      ] as const) {
        const body = { id: 99, tenant_id: 2, user_id: user.id, tenantId: 2, userId: user.id, isAdmin: true }
        const answer = await ask(method, `/api/${path}`, { token, body })
        expect([400, 403, 404, 405], `${method} ${path}: ${answer.text}`).toContain(answer.status)
      }
    }
    expect(await rows(token, '/api/auth/session')).toEqual(before)
  }
})
