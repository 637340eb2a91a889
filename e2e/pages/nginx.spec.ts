import { chromium, expect, test, type Browser, type BrowserContext, type Page, type Response } from '@playwright/test'
import { randomUUID } from 'node:crypto'
import { userNamed } from '../support/demo'
import { OwnGateway, servedBy } from '../support/gateway'
import { sql } from '../support/http'
import { Nginx, tlsHost } from '../support/nginx'
import { expectedRows, fillIn, patientsTable, shownRows, signIn } from '../support/test'

/** The whole as people run it: a browser, TLS to nginx with the configuration that is delivered, the gateway behind it. */
test.describe.configure({ mode: 'serial' })

const user = userNamed('t4 user2')
const admin = userNamed('t6 admin')
let gateway: OwnGateway
let nginx: Nginx
let browser: Browser
let context: BrowserContext
let page: Page

test.beforeAll(async ({ launchOptions }) => {
  gateway = await OwnGateway.start(['--trusted-proxy=127.0.0.1', `--web-root=${servedBy('one').page}`])
  nginx = await Nginx.withTlsBefore(gateway.url)
  browser = await chromium.launch({ ...launchOptions, args: [...launchOptions.args!, ...nginx.browserArguments] })
})

test.beforeEach(async () => {
  context = await browser.newContext({ baseURL: nginx.tlsUrl })
  page = await context.newPage()
})

test.afterEach(() => context.close())

test.afterAll(async () => {
  await browser.close()
  await nginx.end()
  await gateway.stop()
})

test('a user who types http comes to https, signs in, sees exactly the own rows, and signs out', async () => {
  const response = await page.goto(`http://${tlsHost}:${nginx.port}/patients?from=mail`)
  expect(response!.request().redirectedFrom()!.url()).toMatch(/^http:/)
  expect(response!.url()).toBe(`${nginx.tlsUrl}/patients?from=mail`)
  expect(await response!.securityDetails()).toMatchObject({ protocol: 'TLS 1.3', subjectName: tlsHost })

  await fillIn(page, user.userName, user.password)
  await expect(patientsTable(page)).toBeVisible()
  await expect(page).toHaveURL(`${nginx.tlsUrl}/patients?from=mail`)
  await expect(page.getByText(`Welcome, ${user.userName} of ${user.tenant.displayName}`, { exact: true })).toBeVisible()
  expect(await shownRows(page)).toEqual(expectedRows(user))

  const [cookie, ...others] = await context.cookies()
  expect(others).toEqual([])
  expect(cookie).toMatchObject({ name: '__Host-tenancy_session', secure: true, httpOnly: true, sameSite: 'Lax', path: '/', domain: tlsHost })
  expect(await page.evaluate(() => document.cookie)).toBe('')

  await page.getByRole('button', { name: 'Logout' }).click()
  await expect(page.getByText('You have signed out.')).toBeVisible()
  expect(await context.cookies()).toEqual([])
  await page.reload()
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
  await expect(patientsTable(page)).toHaveCount(0)
})

test('a browser that was there once asks by https of itself', async () => {
  const first = await page.goto('/signin')
  expect(first!.headers()['strict-transport-security']).toBe('max-age=31536000')
  // The port speaks TLS only, so what comes here in the clear is refused, were it not for the header of before.
  const again = await page.goto(`http://${tlsHost}:${nginx.tlsPort}/signin`)
  expect(again!.status()).toBe(200)
  expect(again!.url()).toBe(`${nginx.tlsUrl}/signin`)
  expect(again!.request().redirectedFrom(), 'before it left the browser').not.toBeNull()
  const stranger = await browser.newContext()
  const refused = await (await stranger.newPage()).goto(`http://${tlsHost}:${nginx.tlsPort}/signin`)
  expect(refused!.status()).toBe(400)
  await stranger.close()
})

test('over http nothing is served, and no cookie is given', async () => {
  for (const [method, path] of [['GET', '/'], ['GET', '/api/demo'], ['POST', '/api/auth/login']] as const) {
    const { userName, password } = user
    const answer = await context.request.fetch(`${nginx.url}${path}`, {
      method,
      maxRedirects: 0,
      ...(method === 'POST' ? { data: { userName, password } } : {}),
    })
    expect(answer.status(), path).toBe(301)
    expect(answer.headers().location, path).toBe(`https://127.0.0.1:${nginx.tlsPort}${path}`)
    expect(answer.headers()['set-cookie'], path).toBeUndefined()
  }
})

test('the page and its API travel compressed, each from its own prefix', async () => {
  const answers: Response[] = []
  page.on('response', (response) => answers.push(response))
  await signIn(page, admin)
  expect(await shownRows(page)).toHaveLength(admin.patients.length)
  const paths = answers.map((response) => new URL(response.url()).pathname)
  expect(paths).toEqual(expect.arrayContaining(['/api/auth/session', '/api/auth/login', '/api/patients', '/favicon.svg']))

  const scripts = answers.filter((response) => response.url().endsWith('.js'))
  const rows = answers.filter((response) => new URL(response.url()).pathname === '/api/patients')
  expect(scripts.length).toBeGreaterThan(0)
  expect(rows.length).toBeGreaterThan(0)
  for (const response of [...scripts, ...rows]) {
    expect(response.headers()['content-encoding'], response.url()).toBe('gzip')
    const { responseBodySize } = await response.request().sizes()
    const body = await response.body()
    expect(responseBodySize, response.url()).toBeLessThan(body.length / 2)
  }
})

test("the gateway knows the browser's address, scheme and host, whatever the browser writes", async () => {
  const mark = randomUUID()
  const forged = await browser.newContext({
    baseURL: nginx.tlsUrl,
    userAgent: mark,
    extraHTTPHeaders: {
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'evil.example',
      forwarded: 'for=203.0.113.8;proto=http;host=evil.example',
    },
  })
  // The sign-in is taken only from a page whose Origin is this scheme and host.
  await signIn(await forged.newPage(), user)
  expect(await forged.cookies()).toEqual([expect.objectContaining({ name: '__Host-tenancy_session', secure: true })])
  const address = sql(`select client->>'address' from tenancy.session where client->>'user_agent' = :'mark'`, { mark })
  expect(address).toBe('127.0.0.1')
  await forged.close()
})
