import { expect, test } from '@playwright/test'
import { createHmac, randomBytes } from 'node:crypto'
import { expectError, expectNoCookie } from '../support/http'
import { ask, manyLogin, manySql, manyUser, patientsOf, patients } from '../support/many'

test.use({ trace: 'off' })

const issuer = `https://id.example/${randomBytes(6).toString('hex')}`
const secret = randomBytes(48)
const [joe, jeremy, yeezy] = [manyUser('joe'), manyUser('jeremy'), manyUser('yeezy')]

function url(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function signed(user: { id: number }, more: object = {}, key = secret): string {
  const now = Math.floor(Date.now() / 1000)
  const text = `${url({ alg: 'HS256' })}.${url({ iss: issuer, aud: 'demo', sub: user.id, iat: now, exp: now + 300, ...more })}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

function bearer(token: string, tenant?: string | string[]): { headers: Record<string, string | string[]> } {
  return { headers: { authorization: `Bearer ${token}`, ...(tenant === undefined ? {} : { 'tenancy-tenant': tenant }) } }
}

test.beforeAll(() =>
  manySql(`select tenancy.trust_issuer(:'issuer', :'key', array['demo'])`, {
    issuer,
    key: JSON.stringify({ kty: 'oct', k: secret.toString('base64url') }),
  }),
)
test.afterAll(() => manySql(`select tenancy.distrust_issuer(:'issuer')`, { issuer }))

test('a signed token opens the one tenant of its user', async () => {
  const answer = await ask('GET', '/api/patients', bearer(signed(joe)))
  expect(answer.status, answer.text).toBe(200)
  expect(JSON.parse(answer.text)).toEqual(patientsOf(joe.tenantIds[0]!))
  expectNoCookie(answer)
})

test('of several tenants the request names one, another in the next request', async () => {
  const token = signed(jeremy)
  expectError(await ask('GET', '/api/patients', bearer(token)), 403)
  for (const tenant of jeremy.tenantIds) {
    const answer = await ask('GET', '/api/patients', bearer(token, String(tenant)))
    expect(answer.status, answer.text).toBe(200)
    expect(JSON.parse(answer.text)).toEqual(patientsOf(tenant))
    expect(answer.headers['tenancy-context']).toBe(`user=${jeremy.id}&tenant=${tenant}`)
    const session = await ask('GET', '/api/auth/session', bearer(token, String(tenant)))
    expect(JSON.parse(session.text)).toMatchObject({ userName: 'jeremy', tenantId: String(tenant), expiresAt: null })
  }
  const session = await ask('GET', '/api/auth/session', bearer(token))
  expect(JSON.parse(session.text)).toMatchObject({
    userName: 'jeremy',
    tenantId: null,
    tenants: jeremy.tenantIds.map((id) => ({ id: String(id) })),
  })
})

test('a tenant of others and one that is not there are the same refusal', async () => {
  const texts = new Set<string>()
  for (const tenant of ['2', '999999', 'x', '01', ' '.repeat(3) + '1 2'])
    texts.add(expectError(await ask('GET', '/api/patients', bearer(signed(joe), tenant)), 403, tenant).message)
  expect([...texts]).toHaveLength(1)
})

test('an admin names a tenant, or sees all', async () => {
  const all = await ask('GET', '/api/patients', bearer(signed(yeezy)))
  expect(JSON.parse(all.text)).toEqual(patients)
  const one = await ask('GET', '/api/patients', bearer(signed(yeezy), '2'))
  expect(JSON.parse(one.text)).toEqual(patientsOf(2))
})

test('only a signed token is used for a tenant that the request names', async () => {
  const session = await manyLogin(joe)
  expectError(await ask('GET', '/api/patients', { token: session, headers: { 'tenancy-tenant': '1' } }), 400)
  expectError(await ask('GET', '/api/patients', bearer(session, '1')), 400)
  expectError(await ask('GET', '/api/patients', { headers: { 'tenancy-tenant': '1' } }), 400)
  expectError(await ask('GET', '/api/patients', bearer(signed(jeremy), ['1', '2'])), 400)
  expectError(await ask('GET', '/api/patients', bearer(signed(jeremy), '1'.repeat(256))), 400)
})

test('a signed token keeps no choice, and the answer says what to do instead', async () => {
  const answer = await ask('POST', '/api/auth/tenant', { ...bearer(signed(jeremy)), body: { tenantId: '1' } })
  expect(expectError(answer, 400).hint).toContain('Tenancy-Tenant')
})

test('a forged, a foreign and an old token are refused', async () => {
  const now = Math.floor(Date.now() / 1000)
  for (const token of [
    signed(joe, {}, randomBytes(48)),
    signed(joe, { aud: 'another' }),
    signed(joe, { exp: now - 60 }),
    signed({ id: 999_999 }),
    signed(joe).replace(/[^.]+$/, ''),
  ])
    expectError(await ask('GET', '/api/patients', bearer(token)), 401)
})

test('tokens that operators take back are refused', async () => {
  // The only test that takes anybody's tokens back, so the cut-off goes again.
  const old = signed(joe, { iat: Math.floor(Date.now() / 1000) - 10 })
  expect((await ask('GET', '/api/patients', bearer(old))).status).toBe(200)
  await manySql(`insert into tenancy.token_cutoff values (:'user', '', clock_timestamp() - interval '5 seconds')`, { user: joe.id })
  try {
    expectError(await ask('GET', '/api/patients', bearer(old)), 401)
    expect((await ask('GET', '/api/patients', bearer(signed(joe)))).status).toBe(200)
  } finally {
    await manySql(`delete from tenancy.token_cutoff where user_id = :'user'`, { user: joe.id })
  }
})
