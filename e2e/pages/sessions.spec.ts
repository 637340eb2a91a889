import type { Page } from '@playwright/test'
import { userNamed } from '../support/demo'
import { call, login, tokenOf, type Login } from '../support/http'
import { manyUser } from '../support/many'
import type { OwnDemo } from '../support/own-demo'
import { test } from '../support/own-demos'
import { expect, fillIn } from '../support/test'

// Whoever ends all others ends those of other tests too: hence demos of this file's own, and one test after the other.
test.describe.configure({ mode: 'default' })
let one: OwnDemo
let many: OwnDemo
// The file before it may have had the same demos.
test.beforeAll(async ({ demos }) => {
  for (const demo of [demos.one, demos.many]) await demo.sql('delete from tenancy.session')
})
test.beforeEach(({ demos }) => {
  ;({ one, many } = demos)
})

const phone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1'
const windows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0'

const heading = (page: Page) => page.getByRole('heading', { level: 1, name: 'Your sessions' })
const items = (page: Page) => page.getByRole('list', { name: 'Your sessions' }).getByRole('listitem')
const itemOf = (page: Page, device: string) => items(page).filter({ hasText: device })
const statusOf = async (token: string, url = one.url) => (await call('GET', '/api/auth/session', { token, url })).status

async function enter(page: Page, { userName, password }: Login): Promise<void> {
  await page.goto('/sessions')
  await fillIn(page, userName, password)
  await expect(heading(page)).toBeFocused()
}

test('one sees the own sessions, this one marked and first, and nobody else’s', async ({ page, answers }) => {
  await login(userNamed('t3 user1'), 'curl/8.5.0', one.url)
  await login(userNamed('t3 user2'), phone, one.url)
  await enter(page, userNamed('t3 user2'))
  await expect(items(page)).toHaveCount(2)
  await expect(page.getByText('2 sessions')).toBeVisible()
  const own = items(page).first()
  await expect(own).toContainText(/Chrome on Linux\s*This session/)
  await expect(own).toContainText('127.0.0.1, in user tenant 3')
  await expect(own).toContainText('Last used just now')
  await expect(itemOf(page, 'Safari on iPhone')).not.toContainText('This session')
  const exact = await itemOf(page, 'Safari on iPhone').locator('time').first().getAttribute('datetime')
  expect(Date.now() - Date.parse(exact!)).toBeLessThan(10 * 60_000)
  // What names a session on the page opens nothing.
  for (const { call: what, text } of await answers.take()) {
    if (what !== 'GET /api/sessions') continue
    for (const { id } of JSON.parse(text) as { id: string }[]) expect(await statusOf(id)).toBe(401)
  }
})

test('one session is ended after a question, with the keyboard alone', async ({ page }) => {
  const user = userNamed('t2 user1')
  const token = await login(user, windows, one.url)
  await enter(page, user)
  const button = itemOf(page, 'Firefox on Windows').getByRole('button', { name: 'End Firefox on Windows' })
  await button.focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'End the session of Firefox on Windows?' })
  await expect(dialog).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(dialog).toHaveCount(0)
  await expect(button).toBeFocused()
  expect(await statusOf(token)).toBe(200)

  await page.keyboard.press('Enter')
  await dialog.getByRole('button', { name: 'End session' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByText('The session of Firefox on Windows has ended.')).toBeVisible()
  await expect(items(page)).toHaveCount(1)
  await expect(heading(page)).toBeFocused()
  expect(await statusOf(token)).toBe(401)
})

test('all others are ended at once, and this one stays', async ({ page }) => {
  const user = userNamed('t4 user1')
  const tokens = [await login(user, phone, one.url), await login(user, windows, one.url), await login(user, 'curl/8.5.0', one.url)]
  const stranger = await login(userNamed('t4 user2'), phone, one.url)
  await enter(page, user)
  await expect(items(page)).toHaveCount(4)
  await page.getByRole('button', { name: 'End all others' }).click()
  const dialog = page.getByRole('dialog', { name: 'End all other sessions?' })
  await expect(dialog).toContainText('3 sessions of yours end')
  await dialog.getByRole('button', { name: 'End all others' }).click()
  await expect(page.getByText('3 other sessions have ended.')).toBeVisible()
  await expect(items(page)).toHaveCount(1)
  await expect(items(page)).toContainText('This session')
  await expect(page.getByRole('button', { name: 'End all others' })).toHaveCount(0)
  for (const token of tokens) expect(await statusOf(token)).toBe(401)
  expect(await statusOf(stranger)).toBe(200)
  await page.reload()
  await expect(items(page)).toHaveCount(1)
})

test('who ends the session in use comes to sign-in, with the reason and without a cookie', async ({ page, context, playwright }) => {
  await enter(page, userNamed('t5 user1'))
  const thief = await playwright.request.newContext({ baseURL: one.url, storageState: await context.storageState() })
  expect((await thief.get('/api/patients')).status()).toBe(200)
  await page.getByRole('button', { name: 'End Chrome on Linux, this session' }).click()
  await page.getByRole('dialog', { name: 'End this session?' }).getByRole('button', { name: 'End session' }).click()
  await expect(page.getByText('You have ended the session that you worked in.')).toBeVisible()
  await expect(items(page)).toHaveCount(0)
  expect(await context.cookies()).toEqual([])
  expect((await thief.get('/api/patients')).status()).toBe(401)
  await thief.dispose()
  await page.goto('/sessions')
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
})

test('a session that is ended elsewhere says so at the next click, and comes back to the same place', async ({ page, browser }) => {
  const user = userNamed('t1 user1')
  await enter(page, user)
  const other = await browser.newContext({ baseURL: one.url, userAgent: windows })
  const elsewhere = await other.newPage()
  await enter(elsewhere, user)
  await itemOf(elsewhere, 'Chrome on Linux').getByRole('button', { name: /^End/ }).click()
  await elsewhere.getByRole('dialog').getByRole('button', { name: 'End session' }).click()
  await expect(items(elsewhere)).toHaveCount(1)
  await other.close()

  await page.getByRole('link', { name: 'Users' }).click()
  await expect(page.getByText('Your session has ended.')).toBeVisible()
  await fillIn(page, user.userName, user.password)
  await expect(page).toHaveURL('/users')
  await expect(page.getByRole('table', { name: 'Users' })).toBeVisible()
})

test('a session that could not be ended says so in the dialog, and stays', async ({ page }) => {
  const user = userNamed('t1 user2')
  const token = await login(user, windows, one.url)
  await enter(page, user)
  await page.route('**/api/rpc/end_session', (route) => route.abort('connectionreset'))
  await itemOf(page, 'Firefox on Windows').getByRole('button', { name: /^End/ }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'End session' }).click()
  await expect(dialog.getByRole('alert')).toContainText('The server cannot be reached.')
  expect(await statusOf(token)).toBe(200)
  await page.unroute('**/api/rpc/end_session')
  await dialog.getByRole('button', { name: 'End session' }).click()
  await expect(items(page)).toHaveCount(1)
  expect(await statusOf(token)).toBe(401)
})

test('many sessions come page by page', async ({ page }) => {
  const user = userNamed('t2 user2')
  await login(user, phone, one.url)
  // As if it had been done forty more times; a sign-in is costly on purpose.
  await one.sql(
    `insert into tenancy.session (token_hash, user_id, tenant_id, expires_at, client)
     select sha256(n::text::bytea), s.user_id, s.tenant_id, s.expires_at, s.client
     from tenancy.session s, generate_series(1, 40) n where s.user_id = :'user'`,
    { user: user.id },
  )
  await enter(page, user)
  await expect(page.getByText('42 sessions')).toBeVisible()
  await expect(items(page)).toHaveCount(20)
  const more = page.getByRole('button', { name: 'Show more sessions' })
  await more.click()
  await expect(items(page)).toHaveCount(40)
  await more.click()
  await expect(items(page)).toHaveCount(42)
  await expect(more).toHaveCount(0)
})

test.describe('of users with many tenants', () => {
  test.use({ baseURL: async ({ demos }, use) => use(demos.many.url) })

  test('each session tells the tenant that it works in, and can be ended from another tenant', async ({ page }) => {
    const jeremy = manyUser('jeremy')
    const token = await login(jeremy, windows, many.url)
    const chosen = await call('POST', '/api/auth/tenant', { token, url: many.url, body: { tenantId: '2' } })
    await login(jeremy, phone, many.url)
    await page.goto('/sessions')
    await fillIn(page, jeremy.userName, jeremy.password)
    await page.getByRole('main').getByRole('button', { name: 'tenant 1', exact: true }).click()
    await expect(items(page)).toHaveCount(3)
    await expect(items(page).first()).toContainText('in tenant 1')
    await expect(itemOf(page, 'Firefox on Windows')).toContainText('in tenant 2')
    await expect(itemOf(page, 'Safari on iPhone')).not.toContainText('in tenant')
    await itemOf(page, 'Firefox on Windows').getByRole('button', { name: /^End/ }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'End session' }).click()
    await expect(items(page)).toHaveCount(2)
    expect(await statusOf(tokenOf(chosen), many.url)).toBe(401)
  })
})
