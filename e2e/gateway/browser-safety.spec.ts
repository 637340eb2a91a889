import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test as plainTest, type Page } from '@playwright/test'
import { userNamed } from '../support/demo'
import { OwnGateway } from '../support/gateway'
import { call, expectError, sessionOf, sql } from '../support/http'
import { manyUrl, manyUser } from '../support/many'
import { expect, fillIn, patientsTable, signIn, test } from '../support/test'

const user = userNamed('t3 user2')
const host = new URL(process.env.TENANCY_URL!).host

interface Violation {
  directive: string
  blocked: string
}

/** What the browser refused because of the content security policy, since the page was opened. */
async function violations(page: Page): Promise<Violation[]> {
  return page.evaluate(() => (window as unknown as { violations: Violation[] }).violations)
}

async function watch(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const seen: Violation[] = []
    Object.assign(window, { violations: seen })
    document.addEventListener('securitypolicyviolation', (event) => {
      seen.push({ directive: event.effectiveDirective, blocked: event.blockedURI })
    })
  })
}

test('no page needs what the content security policy forbids', async ({ page }) => {
  await watch(page)
  await page.goto('/signin')
  await expect(page.getByRole('button', { name: 't6 admin' })).toBeVisible()
  const button = page.getByRole('button', { name: 'Sign in' })
  await expect(button, "the theme's colours are there without a style element").toHaveCSS('background-color', 'rgb(28, 107, 102)')
  await page.getByRole('button', { name: /^Use the .* colours$/ }).click()
  await fillIn(page, 'nobody', 'nothing')
  await expect(page.getByRole('alert')).toBeVisible()
  expect(await violations(page)).toEqual([])
  await signIn(page, userNamed('t6 admin'))
  for (const path of ['/patients', '/users', '/activity', '/no-such-page']) {
    await page.goto(path)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    expect(await violations(page), path).toEqual([])
  }
})

test('nor do the pages on which people choose and switch tenants', async ({ page }) => {
  await watch(page)
  const chooser = manyUser('jeremy')
  await page.goto(`${manyUrl()}/signin`)
  await fillIn(page, chooser.userName, chooser.password)
  // Before that, the first button is still the one of the sign-in.
  await expect(page.getByRole('heading', { name: 'Choose a tenant' })).toBeVisible()
  await page.getByRole('main').getByRole('button').first().click()
  await expect(patientsTable(page)).toBeVisible()
  await page.locator('.tenant-switch').click()
  await expect(page.getByRole('menuitem').first()).toBeVisible()
  expect(await violations(page)).toEqual([])
})

// The browser tells of each refusal, which are what is looked for here; `test` would take them for failures.
plainTest.describe('what gets into a page as markup', () => {
  plainTest('neither runs nor styles it', async ({ page }) => {
    await watch(page)
    await page.goto('/signin')
    await page.evaluate(() => {
      const markup = document.createElement('div')
      markup.innerHTML =
        '<style>body { outline: 7px solid }</style><img src="x" onerror="document.title = 1"><p style="color: red"></p>' +
        '<img src="http://127.0.0.2/x.png">'
      document.body.append(markup)
      const script = document.createElement('script')
      script.textContent = 'document.title = 2'
      document.body.append(script)
    })
    await expect(async () =>
      expect((await violations(page)).map((one) => one.directive)).toEqual(
        expect.arrayContaining(['style-src-elem', 'script-src-attr', 'style-src-attr', 'img-src', 'script-src-elem']),
      ),
    ).toPass()
    expect(await page.title()).not.toMatch(/^[12]$/)
    expect(await page.evaluate(() => getComputedStyle(document.body).outlineWidth)).not.toBe('7px')
  })
})

test.describe('without a browser', () => {
  test('every answer says that it is for nobody else', async () => {
    const token = await sessionOf(user)
    for (const path of ['/', '/healthz', '/nothing.txt', '/api/patients', '/api/nothing', '/api/auth/session', '/%zz']) {
      const { headers } = await call('GET', path, { token })
      expect(headers, path).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'cross-origin-opener-policy': 'same-origin',
      })
      expect(headers['content-security-policy'], path).toMatch(/^default-src 'none'; .*frame-ancestors 'none'/)
      expect(headers['content-security-policy'], path).not.toContain('unsafe')
      expect(headers, path).not.toHaveProperty('strict-transport-security')
      expect(headers, path).not.toHaveProperty('access-control-allow-origin')
    }
    expect((await call('GET', '/')).headers['permissions-policy']).toContain('camera=()')
  })

  test('a request that another site makes gets nothing, whatever it asks', async () => {
    const token = await sessionOf(user)
    for (const site of ['cross-site', 'same-site']) {
      for (const [method, path] of [['GET', '/api/patients'], ['POST', '/api/auth/logout'], ['DELETE', '/api/patients/1']] as const) {
        const answer = await call(method, path, { token, headers: { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' } })
        expectError(answer, 403, `${site} ${method} ${path}`)
      }
    }
    expectError(await call('POST', '/api/auth/tenant', { token, headers: { origin: 'http://evil.test' }, body: { tenantId: 1 } }), 403)
    expect((await call('GET', '/api/patients', { token })).status, 'and the session lives').toBe(200)
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    expect((await call('GET', '/api/patients', { token, headers: link })).status, 'a link may be followed').toBe(200)
  })

  test('forwarded headers of a peer that is no named proxy are nothing', async () => {
    const answer = await call('POST', '/api/auth/login', {
      body: { userName: user.userName, password: user.password },
      headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.test', origin: 'https://evil.test' },
    })
    expectError(answer, 403)
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.9' }
    const plain = await call('POST', '/api/auth/logout', { headers })
    expect(plain.headers['set-cookie']![0]).toMatch(/^tenancy_session=;(?!.*Secure)/)
    expect(plain.headers).not.toHaveProperty('strict-transport-security')
  })

  test('behind a named proxy: its word on address, scheme and host', async () => {
    const gateway = await OwnGateway.start(['--trusted-proxy=127.0.0.1,10.0.0.0/8', '--hsts-max-age=600'])
    try {
      const forwarded = {
        'x-forwarded-for': '203.0.113.66, 192.0.2.77, 10.1.2.3',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'app.example.com',
      }
      const signedIn = await call('POST', '/api/auth/login', {
        url: gateway.url,
        body: { userName: user.userName, password: user.password },
        headers: { ...forwarded, origin: 'https://app.example.com', 'user-agent': 'behind a proxy' },
      })
      expect(signedIn.status, signedIn.text).toBe(200)
      expect(signedIn.headers['strict-transport-security']).toBe('max-age=600')
      const cookie = /^__Host-tenancy_session=[^;]+(?=; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+; Secure$)/.exec(
        signedIn.headers['set-cookie']![0]!,
      )
      expect(cookie, signedIn.headers['set-cookie']![0]).not.toBeNull()
      expect(sql("select distinct client ->> 'address' from tenancy.session where client ->> 'user_agent' = 'behind a proxy'")).toBe(
        '192.0.2.77',
      )
      const get = (headers: Record<string, string>) => call('GET', '/api/patients', { url: gateway.url, headers })
      expect((await get({ ...forwarded, cookie: cookie![0] })).status).toBe(200)
      expectError(await get({ ...forwarded, cookie: cookie![0].replace('__Host-', '') }), 401, 'the plain name, behind TLS')
      const logout = (origin: string) => call('POST', '/api/auth/logout', { url: gateway.url, headers: { ...forwarded, origin } })
      expectError(await logout('http://app.example.com'), 403, 'a page without TLS')
      expectError(await logout(`http://${host}`), 403, 'the address behind the proxy')
      expect((await logout('https://app.example.com')).status).toBe(204)
    } finally {
      await gateway.stop()
    }
  })

  test('without a named origin nobody is told that other origins may ask', async () => {
    const headers = { origin: 'https://app.example.com', 'access-control-request-method': 'GET' }
    const answer = await call('OPTIONS', '/api/patients', { headers })
    expectError(answer, 405)
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })
})

plainTest.describe('a page of another origin', () => {
  let elsewhere: Server
  let origin = ''
  let gateway: OwnGateway
  plainTest.beforeAll(async () => {
    elsewhere = createServer((_, response) => response.end('<!doctype html><title>elsewhere</title>'))
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
    gateway = await OwnGateway.start([`--cors-origin=${origin}`, '--cors-origin=https://app.example.com'])
  })

  plainTest.afterAll(async () => {
    await gateway.stop()
    await new Promise((resolve) => elsewhere.close(resolve))
  })

  /** Signs in and reads, as a script of that page; "TypeError" is all that a script learns of a refusal. */
  function use(page: Page, url: string): Promise<unknown> {
    return page.evaluate(
      async ([base, credentials]) => {
        try {
          const json = { 'content-type': 'application/json' }
          await fetch(`${base}/api/auth/login`, { method: 'POST', credentials: 'include', headers: json, body: credentials })
          const answer = await fetch(`${base}/api/patients`, { credentials: 'include' })
          return { status: answer.status, context: answer.headers.get('tenancy-context'), rows: ((await answer.json()) as []).length }
        } catch (error) {
          return (error as Error).name
        }
      },
      [url, JSON.stringify({ userName: user.userName, password: user.password })] as const,
    )
  }

  plainTest('may use the API when it is named', async ({ page }) => {
    await page.goto(origin)
    expect(await use(page, gateway.url)).toEqual({
      status: 200,
      context: `user=${user.id}&tenant=${user.tenant.id}`,
      rows: user.patients.length,
    })
  })

  plainTest('may not when another one is named, or none', async ({ page }) => {
    await page.goto(origin.replace('127.0.0.1', 'localhost'))
    expect(await use(page, gateway.url)).toBe('TypeError')
    await page.goto(origin)
    expect(await use(page, process.env.TENANCY_URL!)).toBe('TypeError')
  })

  plainTest('is answered by name, never by a star, and caches keep the answers apart', async () => {
    for (const name of ['https://evil.test', 'null', 'https://app.example.com.evil.test', 'http://app.example.com']) {
      const { headers } = await call('GET', '/api/patients', { url: gateway.url, headers: { origin: name } })
      expect(headers, name).not.toHaveProperty('access-control-allow-origin')
      expect(headers.vary, name).toBe('Origin')
    }
    const preflight = await call('OPTIONS', '/api/patients', {
      url: gateway.url,
      headers: { origin: 'https://app.example.com', 'access-control-request-method': 'PATCH' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': expect.stringContaining('PATCH'),
      vary: 'Origin',
    })
  })
})
