import { expect, test } from '@playwright/test'
import { userNamed } from '../support/demo'
import { call, expectError, login } from '../support/http'

// No browser takes part, so a trace would hold nothing and cost half the time.
test.use({ trace: 'off' })

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ')

async function assets(): Promise<string[]> {
  const index = await call('GET', '/')
  const names = [...index.text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]!)
  expect(names.length).toBeGreaterThan(1)
  return names
}

test("the page's own routes are answered with its index, which no cache keeps unasked", async () => {
  const index = await call('GET', '/index.html')
  for (const path of ['/', '/index.html', '/patients', '/patients/', '/signin', '/a/deep/route', '/patients?x=1', '/apix', '/assets/', '/assets']) {
    const answer = await call('GET', path)
    expect(answer.status, path).toBe(200)
    expect(answer.text, path).toBe(index.text)
    expect(answer.headers, path).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'cache-control': 'no-cache',
      'referrer-policy': 'same-origin',
      etag: index.headers.etag,
    })
    expect(answer.headers['set-cookie'], path).toBeUndefined()
  }
})

test('the index is sent again only when it changed', async () => {
  const first = await call('GET', '/')
  const etag = first.headers.etag!
  expect(etag).toMatch(/^"[^"]+"$/)
  for (const match of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const again = await call('GET', '/patients', { headers: { 'if-none-match': match } })
    expect(again.status, match).toBe(304)
    expect(again.text, match).toBe('')
    expect(again.headers, match).toMatchObject({ etag, 'cache-control': 'no-cache', 'content-security-policy': policy })
  }
  const other = await call('GET', '/', { headers: { 'if-none-match': '"x"' } })
  expect(other.status).toBe(200)
  expect(other.text).toBe(first.text)
})

test('assets last for a year', async () => {
  for (const path of await assets()) {
    const answer = await call('GET', path)
    expect(answer.status, path).toBe(200)
    expect(answer.headers['cache-control'], path).toBe('public, max-age=31536000, immutable')
    expect(answer.headers['content-type'], path).toMatch(/^text\/(javascript|css); charset=utf-8$/)
    const head = await call('HEAD', path)
    expect(head.text, path).toBe('')
    expect(head.headers['content-length'], path).toBe(String(Buffer.byteLength(answer.text)))
  }
})

test('who takes gzip gets gzip, under a tag of its own', async () => {
  const path = (await assets()).find((name) => name.endsWith('.js'))!
  const plain = await call('GET', path)
  const zipped = await call('GET', path, { headers: { 'accept-encoding': 'br, gzip' } })
  expect(zipped.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
  expect(Number(zipped.headers['content-length'])).toBeLessThan(Number(plain.headers['content-length']))
  expect(zipped.headers.etag).not.toBe(plain.headers.etag)
  const refused = await call('GET', path, { headers: { 'accept-encoding': 'gzip;q=0' } })
  expect(refused.text).toBe(plain.text)
})

test('a file that is not there is no page', async () => {
  for (const path of ['/nothing.js', '/assets/nothing.js', '/assets/index.map', '/favicon.ico', '/robots.txt', '/index.html/x.js']) {
    expectError(await call('GET', path), 404, path)
  }
})

test('no path leads out of the folder, or to what is hidden', async () => {
  for (const path of [
    '/../demo.json',
    '/assets/../../demo.json',
    '/%2e%2e/demo.json',
    '/assets/%2e%2e/%2e%2e/demo.json',
    '/..%2fdemo.json',
    '/assets/..%2f..%2fdemo.json',
    '/..%5cdemo.json',
    '/%252e%252e/demo.json',
    '/../../../../../../../../etc/passwd',
    '/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd',
    '/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
    '/%2fetc%2fpasswd',
    '/index.html%2f..%2f..%2fdemo.json',
    '/./index.html',
    '/.env',
    '/.git/config',
    '/assets/.hidden',
  ]) {
    expectError(await call('GET', path), 404, path)
  }
  for (const path of ['/index.html%00.js', '/%ff', '/%c0%ae%c0%ae/demo.json', '/%']) {
    expectError(await call('GET', path), 400, path)
  }
})

test('what belongs to somebody is kept by nobody, and is never taken for a page', async () => {
  const token = await login(userNamed('t3 user2'))
  for (const path of ['/api/patients', '/api/patients/11', '/api/users', '/api/tenants', '/api/auth/session', '/api/patients/1', '/api/nothing']) {
    const answer = await call('GET', path, { token })
    expect(answer.headers, path).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'content-type': 'application/json; charset=utf-8',
    })
    expect(answer.headers.etag, path).toBeUndefined()
  }
})

test('the demo tells its logins, health is told without a session', async () => {
  const demo = await call('GET', '/api/demo')
  expect(demo.status).toBe(200)
  expect(JSON.parse(demo.text)).toMatchObject({ title: expect.any(String), logins: expect.any(Array) })
  const health = await call('GET', '/healthz')
  expect(JSON.parse(health.text)).toEqual({ status: 'ok' })
  expect((await call('GET', '/readyz')).status).toBe(200)
})
