import { expect, test } from '@playwright/test'
import { randomUUID } from 'node:crypto'
import http from 'node:http'
import { gunzipSync } from 'node:zlib'
import { userNamed } from '../support/demo'
import { OwnGateway } from '../support/gateway'
import { call, expectError, sessionOf, sql, tokenOf } from '../support/http'
import { Nginx } from '../support/nginx'

// No browser takes part, so a trace would hold nothing and cost half the time.
test.use({ trace: 'off' })
test.describe.configure({ mode: 'serial' })

const user = userNamed('t2 user1')
let gateway: OwnGateway
let nginx: Nginx

test.beforeAll(async () => {
  gateway = await OwnGateway.start(['--trusted-proxy=127.0.0.1'])
  nginx = await Nginx.before(gateway.url)
})

test.afterAll(async () => {
  await nginx.end()
  await gateway.stop()
})

test('the prefix and all else reach the gateway, and errors keep their form', async () => {
  const { url } = nginx
  const token = await sessionOf(user)
  const answer = await call('GET', '/api/patients', { token, url })
  expect(JSON.parse(answer.text)).toEqual(user.patients)
  expectError(await call('GET', '/api/patients', { url }), 401)
  expectError(await call('GET', '/api/patients/%2e%2e/users', { token, url }), 404)
  expect((await call('GET', '/healthz', { url })).status).toBe(200)
  const big = `Bearer ${'x'.repeat(16_000)}`
  expectError(await call('GET', '/api/patients', { headers: { authorization: big }, url }), 401)
})

test("a sign-in through it: the page's own origin, and the client's address, whatever the client writes", async () => {
  const { url } = nginx
  const mark = randomUUID()
  const body = { userName: user.userName, password: user.password }
  const headers = { origin: url, 'user-agent': mark, 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.8' }
  const answer = await call('POST', '/api/auth/login', { url, body, headers })
  expect(answer.status, answer.text).toBe(200)
  expect(tokenOf(answer)).not.toBe('')
  const address = sql(`select client->>'address' from tenancy.session where client->>'user_agent' = :'mark'`, { mark })
  expect(address).toBe('127.0.0.1')
  expectError(await call('POST', '/api/auth/login', { url, body, headers: { origin: 'http://evil.example' } }), 403)
})

test('answers of some size are compressed on the way', async () => {
  const token = await sessionOf(userNamed('t6 admin'))
  const headers = { cookie: `tenancy_session=${token}`, 'accept-encoding': 'gzip' }
  const response = await new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
    http
      .get(`${nginx.url}/api/patients`, { headers }, (message) => {
        const parts: Buffer[] = []
        message.on('data', (part: Buffer) => parts.push(part))
        message.on('end', () => resolve({ encoding: message.headers['content-encoding'], body: Buffer.concat(parts) }))
      })
      .on('error', reject)
  })
  expect(response.encoding).toBe('gzip')
  expect(JSON.parse(gunzipSync(response.body).toString())).toEqual(userNamed('t6 admin').patients)
})
