import { expect, test } from '@playwright/test'
import { tenantName, userNamed } from '../support/demo'
import { call, cookieName, expectClearedCookie, expectError, expectNoCookie, login, markedLogin, renewed, sql, tokenOf } from '../support/http'

// No browser takes part, so a trace would hold nothing and cost half the time.
test.use({ trace: 'off' })

const user = userNamed('t3 user2')
const admin = userNamed('t6 admin')
const credentials = { userName: user.userName, password: user.password }
const session = {
  userId: String(user.id),
  userName: user.userName,
  isAdmin: false,
  tenantId: String(user.tenant.id),
  tenantName: tenantName(user.tenant.id),
  tenants: [{ id: String(user.tenant.id), name: tenantName(user.tenant.id) }],
  expiresAt: expect.any(String),
}

test('sign-in answers who one is, and nothing besides', async () => {
  const answer = await call('POST', '/api/auth/login', { body: credentials })
  expect(answer.status).toBe(200)
  const body = JSON.parse(answer.text) as { expiresAt: string }
  expect(body).toEqual(session)
  expect(Date.parse(body.expiresAt)).toBeGreaterThan(Date.now())
  expect(answer.text, 'the token is for the cookie alone').not.toContain(tokenOf(answer))
  expect(answer.headers['cache-control']).toBe('no-store')
})

test('the cookie is out of reach for scripts and other sites', async () => {
  const answer = await call('POST', '/api/auth/login', { body: credentials })
  const attributes = answer.headers['set-cookie']![0]!.split('; ').slice(1)
  expect(attributes).toEqual(['Path=/', 'HttpOnly', 'SameSite=Lax', expect.stringMatching(/^Max-Age=[1-9]\d*$/)])
})

test('an admin has no tenant', async () => {
  const token = await login(admin)
  const answer = await call('GET', '/api/auth/session', { token })
  expect(JSON.parse(answer.text)).toMatchObject({ isAdmin: true, tenantId: null, tenantName: null })
})

test('the session answers the same as sign-in did', async () => {
  const signedIn = await call('POST', '/api/auth/login', { body: credentials })
  const answer = await call('GET', '/api/auth/session', { token: tokenOf(signedIn) })
  expect(answer.status).toBe(200)
  expect(JSON.parse(answer.text)).toEqual(JSON.parse(signedIn.text))
})

test('each sign-in is a session of its own', async () => {
  const [first, second] = [await login(user), await login(user)]
  expect(first).not.toBe(second)
  expect((await call('POST', '/api/auth/logout', { token: first })).status).toBe(204)
  expect((await call('GET', '/api/auth/session', { token: second })).status).toBe(200)
})

test('signing out ends the session in the database: a copied cookie opens nothing', async () => {
  const { token, mark } = await markedLogin(user)
  const live = `select revoked_at is null from tenancy.session where client->>'user_agent' = :'mark'`
  expect(sql(live, { mark })).toBe('t')
  const answer = await call('POST', '/api/auth/logout', { token })
  expect(answer.status).toBe(204)
  expect(answer.text).toBe('')
  expectClearedCookie(answer)
  expect(sql(live, { mark })).toBe('f')
  for (const path of ['/api/auth/session', '/api/patients', '/api/patients/1']) {
    const refused = await call('GET', path, { token })
    expectError(refused, 401, path)
    expectNoCookie(refused, path)
  }
})

test('signing out without a session, or with a forged one, is no error', async () => {
  for (const token of [undefined, 'x'.repeat(43), '']) {
    const answer = await call('POST', '/api/auth/logout', { token })
    expect(answer.status).toBe(204)
    expectClearedCookie(answer)
  }
})

test('signed out, the session answers 401', async () => {
  expectError(await call('GET', '/api/auth/session'), 401)
})

test('one may choose the own tenant, as text or as a number', async () => {
  let token = await login(user)
  for (const tenantId of [String(user.tenant.id), user.tenant.id]) {
    const answer = await call('POST', '/api/auth/tenant', { token, body: { tenantId } })
    expect(answer.status, answer.text).toBe(200)
    expect(JSON.parse(answer.text)).toEqual(session)
    token = renewed(answer, token)
  }
})

test("others' tenants and tenants that do not exist are refused alike, and the session stays as it was", async () => {
  const token = await login(user)
  const other = await call('POST', '/api/auth/tenant', { token, body: { tenantId: '1' } })
  expectError(other, 403)
  const none = await call('POST', '/api/auth/tenant', { token, body: { tenantId: '999' } })
  expectError(none, 403)
  expect(none.text.replaceAll('999', '1')).toBe(other.text)
  const patients = await call('GET', '/api/patients', { token })
  expect(JSON.parse(patients.text)).toEqual(user.patients)
})

test('a tenant that is none is a bad request', async () => {
  const token = await login(user)
  const bodies = [{}, { tenantId: '' }, { tenantId: true }, { tenantId: 1.5 }, { tenantId: ['3'] }, { tenantId: { id: '3' } }, { tenantId: '3\0' }, []]
  for (const body of bodies) {
    expectError(await call('POST', '/api/auth/tenant', { token, body }), 400, JSON.stringify(body))
  }
  const signedOut = await call('POST', '/api/auth/tenant', { body: { tenantId: '3' } })
  expectError(signedOut, 401)
})

test('wrong, missing and unknown have one text', async () => {
  const bodies = [
    { userName: user.userName, password: 'wrong' },
    { userName: user.userName, password: '' },
    { userName: user.userName },
    { userName: 'nobody of that name', password: user.password },
    { userName: '', password: user.password },
    { password: user.password },
    { userName: user.userName.toUpperCase(), password: user.password },
    { userName: `${user.userName}' or '1'='1`, password: user.password },
    { userName: user.userName, password: `${user.password} ` },
    {},
  ]
  const texts = new Set<string>()
  for (const body of bodies) {
    const answer = await call('POST', '/api/auth/login', { body })
    expect(expectError(answer, 401, JSON.stringify(body)).code).toBe('28P01')
    expect(answer.headers['set-cookie']).toBeUndefined()
    texts.add(answer.text)
  }
  expect([...texts]).toHaveLength(1)
})

test('a sign-in that fails does not end the session one has', async () => {
  const token = await login(user)
  expectError(await call('POST', '/api/auth/login', { token, body: { ...credentials, password: 'wrong' } }), 401)
  expect((await call('GET', '/api/auth/session', { token })).status).toBe(200)
})

test('a sign-in ends the session that the browser had, and no other', async () => {
  const [mine, elsewhere] = [await login(user), await login(user)]
  const next = userNamed('t1 user1')
  const body = { userName: next.userName, password: next.password }
  const answer = await call('POST', '/api/auth/login', { token: mine, body })
  expect(answer.status).toBe(200)
  expect(tokenOf(answer), 'a token that somebody planted is never taken over').not.toBe(mine)
  expectError(await call('GET', '/api/auth/session', { token: mine }), 401)
  expect((await call('GET', '/api/auth/session', { token: elsewhere })).status).toBe(200)
  const now = await call('GET', '/api/patients', { token: tokenOf(answer) })
  expect(JSON.parse(now.text)).toEqual(next.patients)
})

test('a sign-in with a cookie that is worth nothing is a sign-in like others', async () => {
  for (const token of ['', 'x', 'A'.repeat(43), 'A'.repeat(4000)]) {
    const answer = await call('POST', '/api/auth/login', { token, body: credentials })
    expect(answer.status, token.slice(0, 50)).toBe(200)
    expect(tokenOf(answer)).not.toBe(token)
  }
})

test('two session cookies are refused, whichever of them is good', async () => {
  const token = await login(user)
  const other = await login(userNamed('t1 user1'))
  for (const cookie of [`${cookieName}=${token}; ${cookieName}=${other}`, `${cookieName}=${token}; ${cookieName}=${token}`, `${cookieName}=x; ${cookieName}=${token}`]) {
    expectError(await call('GET', '/api/patients', { headers: { cookie } }), 400, cookie)
  }
  const among = { cookie: `theme=dark; ${cookieName}=${token}; x${cookieName}=${other}` }
  const answer = await call('GET', '/api/patients', { headers: among })
  expect(JSON.parse(answer.text)).toEqual(user.patients)
})

const ownHost = new URL(process.env.TENANCY_URL!).host

for (const [what, headers] of Object.entries({
  'another origin': { origin: 'http://evil.example' },
  'an origin that begins like ours': { origin: `http://${ownHost}.evil.example` },
  'another port': { origin: 'http://127.0.0.1:1' },
  'an opaque origin': { origin: 'null' },
  'a cross-site fetch': { 'sec-fetch-site': 'cross-site' },
  'a fetch from a sister site': { 'sec-fetch-site': 'same-site' },
  'a cross-site fetch that names our origin': { origin: `http://${ownHost}`, 'sec-fetch-site': 'cross-site' },
})) {
  test(`${what} may change nothing`, async () => {
    const token = await login(user)
    const tries = [
      ['/api/auth/login', credentials],
      ['/api/auth/tenant', { tenantId: '3' }],
      ['/api/auth/logout', {}],
    ] as const
    for (const [path, body] of tries) {
      const answer = await call('POST', path, { token, headers, body })
      expectError(answer, 403, path)
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
    expect((await call('GET', '/api/auth/session', { token })).status).toBe(200)
  })
}

test('our own page may', async () => {
  const headers = { origin: `http://${ownHost}`, 'sec-fetch-site': 'same-origin' }
  const answer = await call('POST', '/api/auth/login', { headers, body: credentials })
  expect(answer.status).toBe(200)
})

test('a body that does not say it is JSON is refused', async () => {
  const body = JSON.stringify(credentials)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonp', 'application/json, text/plain', 'text/plain; application/json', '']) {
    expectError(await call('POST', '/api/auth/login', { headers: { 'content-type': type }, body }), 415, type)
  }
  const charset = { 'content-type': 'Application/JSON; charset=utf-8' }
  expect((await call('POST', '/api/auth/login', { headers: charset, body })).status).toBe(200)
})
