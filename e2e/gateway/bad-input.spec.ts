import { expect, test } from '@playwright/test'
import { users, userNamed } from '../support/demo'
import { call, cookieName, expectError, expectNoCookie, login, markedLogin, raw, sessionOf, sql, Wire, type Answer } from '../support/http'

// No browser takes part, so a trace would hold nothing and cost half the time.
test.use({ trace: 'off' })

const user = userNamed('t3 user2')
const own = user.patients[0]!
const foreign = userNamed('t1 user1').patients[0]!
const host = new URL(process.env.TENANCY_URL!).host
const good = JSON.stringify({ userName: user.userName, password: user.password })

function post(body: Buffer | string): Promise<Answer> {
  return call('POST', '/api/auth/login', { body })
}

function nested(open: string, close: string, depth: number): string {
  return open.repeat(depth) + close.repeat(depth)
}

const badBodies: Record<string, string | Buffer> = {
  nothing: '',
  'blank space': ' \n ',
  'half an object': '{"userName": "t3 user2", "passw',
  'two objects': good + good,
  'text after it': `${good} x`,
  'NUL after it': good + '\0',
  'NUL and more after it': `${good}\0{}`,
  'a trailing comma': '{"userName": "t3 user2", "password": "user",}',
  'a comment': '{/* */"userName": "t3 user2", "password": "user"}',
  'single quotes': "{'userName': 't3 user2', 'password': 'user'}",
  'no JSON at all': 'userName=t3+user2&password=user',
  'a byte order mark in UTF-16': Buffer.from('\ufeff' + good, 'utf16le'),
  null: 'null',
  'a number': '7',
  'a string': '"t3 user2"',
  'an array': '["t3 user2", "user"]',
  'an array of objects': `[${good}]`,
  'a name that is a number': '{"userName": 3, "password": "user"}',
  'a name that is null': '{"userName": null, "password": "user"}',
  'a name that is an array': '{"userName": ["t3 user2"], "password": "user"}',
  'a name that is an object': '{"userName": {"$ne": ""}, "password": "user"}',
  'a password that is true': '{"userName": "t3 user2", "password": true}',
  'a password that is an array': '{"userName": "t3 user2", "password": ["user"]}',
  'a name twice': '{"userName": "t1 user1", "userName": "t3 user2", "password": "user"}',
  'a name twice, once escaped': '{"userName": "t1 user1", "\\u0075serName": "t3 user2", "password": "user"}',
  'another key twice': '{"userName": "t3 user2", "password": "user", "x": {"y": 1, "y": 2}}',
  'NUL in the name': '{"userName": "t3 user2\\u0000", "password": "user"}',
  'NUL in the password': '{"userName": "t3 user2", "password": "user\\u0000x"}',
  'a NUL byte': Buffer.from('{"userName": "t3 user2\0", "password": "user"}'),
  'invalid UTF-8': Buffer.from('{"userName": "t3 user2\xff", "password": "user"}', 'latin1'),
  'an overlong slash': Buffer.from('{"userName": "\xc0\xaf", "password": "user"}', 'latin1'),
  'UTF-8 cut short': Buffer.from('{"userName": "\xe2\x82", "password": "user"}', 'latin1'),
  'a lone surrogate': '{"userName": "\\ud800", "password": "user"}',
  'arrays 1,000 deep': `{"userName": "t3 user2", "password": "user", "x": ${nested('[', ']', 1000)}}`,
  'objects 1,000 deep': `{"x": ${'{"x":'.repeat(1000)}1${'}'.repeat(1001)}`,
  'arrays 500,000 deep': nested('[', ']', 500_000),
  'arrays 1,000,000 deep and never closed': '['.repeat(1_000_000),
  'a name of 900,000 bytes': JSON.stringify({ userName: 'x'.repeat(900_000), password: 'user' }),
  'a password of 900,000 bytes': JSON.stringify({ userName: user.userName, password: 'x'.repeat(900_000) }),
}

for (const [what, body] of Object.entries(badBodies)) {
  test(`sign-in with ${what}: 400`, async () => {
    const answer = await post(body)
    expectError(answer, 400)
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(answer.text.length, 'input is not sent back').toBeLessThan(500)
  })
}

test('a body over 1 MiB: 413, before it is all there', async () => {
  const size = 1024 * 1024 + 1
  const head = `POST /api/auth/login HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${size}\r\n\r\n`
  expectError(await raw(head), 413)
  expectError(await raw(head.replace(String(size), '9'.repeat(30))), 413)
})

test('a body of exactly 1 MiB is read', async () => {
  const padded = good.padEnd(1024 * 1024, ' ')
  expect((await post(padded)).status).toBe(200)
})

for (const path of [
  '/api/nothing',
  '/api/nothing/1',
  '/api/session',
  '/api/credentials',
  '/api/accounts',
  '/api/pg_class',
  '/api/app.credentials',
  '/api/tenancy.session',
  '/api/PATIENTS',
  '/api/patients%22',
  '/api/patients%20where%20true',
  '/api/%22patients%22',
  "/api/patients'--",
  '/api/patients/1/2',
  '/api/patients/1/dob',
  '/api',
  `/api/${'x'.repeat(5000)}`,
]) {
  test(`${path.slice(0, 40)}: 404`, async () => {
    const token = await sessionOf(user)
    const answer = await call('GET', path, { token })
    const { hint } = expectError(answer, 404)
    // What it says of other names are those that everybody may read.
    if (hint !== null) expect(hint).toMatch(/^Perhaps you mean '(patients|sessions|tenants|users)'\.$/)
    // A name that is none is not repeated.
    if (!/^\w{1,63}(\/1)?$/.test(path.slice(5))) expect(answer.text).not.toContain(path.slice(5, 30) || '\0')
  })
}

test('whoever is not signed in does not learn which resources exist', async () => {
  const known = await call('GET', '/api/patients')
  const unknown = await call('GET', '/api/nothing')
  expectError(known, 401)
  expect(unknown.text).toBe(known.text)
})

test('an id that is no bigint: 400', async () => {
  const token = await sessionOf(user)
  const ids = ['abc', '1.5', '1e3', '-', '--1', '1%20', '%201', '1%0A', '1;2', "1'", '1%20or%201=1', '%D9%A1', 'null', '9223372036854775808', '-9223372036854775809', '9'.repeat(400)]
  for (const id of ids) expectError(await call('GET', `/api/patients/${id}`, { token }), 400, id)
})

test('a path that is not percent-encoded UTF-8: 400', async () => {
  const token = await sessionOf(user)
  for (const path of ['/api/patients/%00', '/api/patients/%ff', '/api/patients/%', '/api/patients/%4', '/api/patients/%zz', '/api/%c0%af']) {
    expectError(await call('GET', path, { token }), 400, path)
  }
})

test('a query that is no filter of the table is refused', async () => {
  const token = await sessionOf(user)
  for (const path of ['/api/patients?tenantId=1', `/api/patients/${own.id}?tenant=1`]) {
    expectError(await call('GET', path, { token }), 400, path)
  }
})

test("another tenant's record gets the very answer of a missing one", async () => {
  const token = await sessionOf(user)
  expect(JSON.parse((await call('GET', `/api/patients/${own.id}`, { token })).text)).toEqual(own)

  const missing = await call('GET', '/api/patients/9223372036854775807', { token })
  expectError(missing, 404)
  for (const path of [`/api/patients/${foreign.id}`, '/api/users/1', '/api/tenants/1', '/api/patients/-1', '/api/patients/0']) {
    const answer = await call('GET', path, { token })
    expect(answer.status, path).toBe(404)
    expect(answer.text, path).toBe(missing.text)
    const names = (headers: object): string[] => Object.keys(headers).sort()
    expect(names(answer.headers), path).toEqual(names(missing.headers))
  }
  const owner = await login(userNamed('t1 user1'))
  expect((await call('GET', `/api/patients/${foreign.id}`, { token: owner })).status).toBe(200)
})

async function expectClosed(token: string | undefined, label: string): Promise<void> {
  for (const path of ['/api/patients', `/api/patients/${own.id}`, '/api/auth/session']) {
    const answer = await call('GET', path, { token })
    expectError(answer, 401, `${label} ${path}`)
    expectNoCookie(answer, `${label} ${path}`)
  }
  const choice = await call('POST', '/api/auth/tenant', { token, body: { tenantId: '3' } })
  expectError(choice, 401, `${label} choice`)
}

test('no cookie: 401', () => expectClosed(undefined, 'missing'))

test('a forged cookie: 401', async () => {
  const token = await sessionOf(user)
  const last = token.at(-2) === 'A' ? 'B' : 'A'
  const forgeries = ['', 'x', '0', 'null', 'A'.repeat(43), 'A'.repeat(128), 'A'.repeat(129), 'A'.repeat(4000), "' or 1=1 --", '../../x', `${token}A`, token.slice(0, -1), token.slice(0, -2) + last + token.at(-1), token.toUpperCase(), `${token}.admin`, `"${token}"`]
  for (const forged of forgeries) {
    expect(forged).not.toBe(token)
    await expectClosed(forged, forged.slice(0, 50))
  }
  expect((await call('GET', '/api/auth/session', { token })).status, 'the real one lives').toBe(200)
})

test('the id and the hash of a session, from the database, open nothing', async () => {
  const { mark } = await markedLogin(user)
  const where = `from tenancy.session where client->>'user_agent' = :'mark'`
  for (const column of ['id', `encode(token_hash, 'hex')`, `translate(encode(token_hash, 'base64'), '+/=', '-_')`]) {
    await expectClosed(sql(`select ${column} ${where}`, { mark }), column)
  }
})

for (const [what, change] of Object.entries({
  expired: `expires_at = clock_timestamp() - interval '1 second'`,
  idle: `last_used_at = clock_timestamp() - interval '1 day'`,
  revoked: `revoked_at = clock_timestamp()`,
})) {
  test(`a session that is ${what}: 401`, async () => {
    const { token, mark } = await markedLogin(user)
    expect((await call('GET', '/api/auth/session', { token })).status).toBe(200)
    const changed = sql(`update tenancy.session set ${change} where client->>'user_agent' = :'mark' returning 1`, { mark })
    expect(changed).toBe('1')
    await expectClosed(token, what)
  })
}

for (const [path, allow, methods] of [
  ['/api/patients', 'GET, HEAD, POST, PATCH, DELETE, PUT', ['OPTIONS']],
  [`/api/patients/${own.id}`, 'GET, HEAD, PATCH, DELETE, PUT', ['POST', 'OPTIONS']],
  ['/api/auth/session', 'GET, HEAD', ['POST', 'DELETE']],
  ['/api/auth/login', 'POST', ['GET', 'HEAD', 'PUT', 'DELETE']],
  ['/api/auth/tenant', 'POST', ['GET', 'PUT']],
  ['/api/auth/logout', 'POST', ['GET', 'HEAD', 'DELETE']],
  ['/healthz', 'GET, HEAD', ['POST', 'DELETE']],
  ['/', 'GET, HEAD', ['POST', 'PUT', 'DELETE']],
] as const) {
  test(`other methods on ${path}: 405 with Allow`, async () => {
    const token = await sessionOf(user)
    for (const method of methods) {
      const answer = await call(method, path, { token })
      expect(answer.status, method).toBe(405)
      expect(answer.headers.allow, method).toBe(allow)
      if (method !== 'HEAD') expectError(answer, 405, method)
    }
    expect((await call('GET', '/api/auth/session', { token })).status, 'nothing was done').toBe(200)
  })
}

test('HEAD says what GET would, without the rows', async () => {
  const token = await sessionOf(user)
  const get = await call('GET', '/api/patients', { token })
  const head = await call('HEAD', '/api/patients', { token })
  expect(head.status).toBe(200)
  expect(head.text).toBe('')
  expect(head.headers['content-type']).toBe(get.headers['content-type'])
  expect(head.headers['content-range']).toBe(get.headers['content-range'])
  expect(head.headers['content-length'], 'the body was not made').toBeUndefined()
})

const hostLine = `Host: ${host}\r\n`
for (const [what, status, bytes] of [
  ['a request line of 9,000 bytes', 414, `GET /${'x'.repeat(9000)} HTTP/1.1\r\n${hostLine}\r\n`],
  ['a request line without an end', 414, `GET /${'x'.repeat(100_000)}`],
  ['a header of 20,000 bytes', 431, `GET /healthz HTTP/1.1\r\n${hostLine}X: ${'x'.repeat(20_000)}\r\n\r\n`],
  ['a cookie of 20,000 bytes', 431, `GET /api/patients HTTP/1.1\r\n${hostLine}Cookie: ${cookieName}=${'x'.repeat(20_000)}\r\n\r\n`],
  ['1,000 headers', 431, `GET /healthz HTTP/1.1\r\n${hostLine}${'X: y\r\n'.repeat(1000)}\r\n`],
  ['no Host', 400, 'GET /healthz HTTP/1.1\r\n\r\n'],
  ['two Hosts', 400, `GET /healthz HTTP/1.1\r\n${hostLine}Host: evil.example\r\n\r\n`],
  ['a folded header', 400, `GET /healthz HTTP/1.1\r\n${hostLine}X: a\r\n b\r\n\r\n`],
  ['a NUL in a header', 400, `GET /healthz HTTP/1.1\r\n${hostLine}X: a\0b\r\n\r\n`],
  ['bare line feeds', 400, `GET /healthz HTTP/1.1\nHost: ${host}\n\n`],
  ['an absolute target', 400, `GET http://evil.example/ HTTP/1.1\r\n${hostLine}\r\n`],
  ['noise', 400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ['a length and chunks', 400, `POST /api/auth/login HTTP/1.1\r\n${hostLine}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['two lengths', 400, `POST /api/auth/login HTTP/1.1\r\n${hostLine}Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456`],
  ['a negative length', 400, `POST /api/auth/login HTTP/1.1\r\n${hostLine}Content-Length: -1\r\n\r\n`],
  ['GET with a body', 400, `GET /api/patients HTTP/1.1\r\n${hostLine}Content-Length: 2\r\n\r\n{}`],
] as const) {
  test(`${what}: ${status}, and the connection ends`, async () => {
    expectError(await raw(bytes), status)
  })
}

test('slow clients do not hold up others, and are served when they are done', async () => {
  const token = await sessionOf(user)
  const start = `GET /api/patients HTTP/1.1\r\n${hostLine}Connection: close\r\n`
  const bodyStart = `POST /api/auth/login HTTP/1.1\r\n${hostLine}Connection: close\r\nContent-Type: application/json\r\nContent-Length: ${good.length}\r\n\r\n`
  // More than the gateway has workers and connections to its database.
  const slow = Array.from({ length: 60 }, () => new Wire())
  try {
    await Promise.all(slow.map((wire, index) => wire.write(index % 2 ? start : bodyStart + good.slice(0, 5))))
    for (const other of users) {
      const fast = await login(other)
      expect(JSON.parse((await call('GET', '/api/patients', { token: fast })).text)).toEqual(other.patients)
    }
    const [reader, writer] = [slow[1]!, slow[0]!]
    await reader.write(`Cookie: ${cookieName}=${token}\r\n\r\n`)
    expect(JSON.parse((await reader.answer()).text)).toEqual(user.patients)
    await writer.write(good.slice(5))
    expect((await writer.answer()).status).toBe(200)
  } finally {
    for (const wire of slow) wire.end()
  }
})

test('a client that never ends its headers is told so and let go', async () => {
  const wire = new Wire()
  await wire.write(`GET /api/patients HTTP/1.1\r\n${hostLine}`)
  expectError(await wire.answer(), 408)
})
