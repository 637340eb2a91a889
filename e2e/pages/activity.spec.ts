import type { Page } from '@playwright/test'
import { call, tokenOf } from '../support/http'
import { userNamed } from '../support/demo'
import { OwnDemo } from '../support/own-demo'
import { expect, fillIn, signIn, test } from '../support/test'

const heading = (page: Page) => page.getByRole('heading', { level: 1, name: 'Activity' })
const card = (page: Page, name: string) => page.getByRole('region', { name, exact: true })

/** What a table says of the line that begins so, in its other columns. */
async function numbersOf(page: Page, table: string, line: RegExp): Promise<string[]> {
  const row = page.getByRole('table', { name: table }).getByRole('row').filter({ has: page.getByRole('rowheader', { name: line }) })
  return row.getByRole('cell').allTextContents()
}

const demos = [
  { which: 'one', admin: 't6 admin', busy: ['t1 user1', /^user tenant 1/, '2'], quiet: ['t3 user2', /^user tenant 3/, '2'] },
  { which: 'many', admin: 'yeezy', busy: ['joe', /^tenant 1/, '3'], quiet: ['bruce', /^tenant 2/, '3'] },
] as const

for (const { which, admin, busy, quiet } of demos) {
  test(`${which}: an admin sees requests of two tenants, and failed ones, become numbers`, async ({ page }) => {
    const demo = await OwnDemo.start(which, ['--metrics-per-tenant=20'])
    try {
      await page.goto(`${demo.url}/activity`)
      await fillIn(page, admin, 'admin')
      await expect(heading(page)).toBeFocused()
      await expect.poll(() => numbersOf(page, 'Tenants', busy[1])).toEqual(['0', '0', busy[2], '5'])
      await expect(card(page, 'Errors of the database')).toContainText('The database has reported no error.')
      await expect(card(page, 'Sign-ins')).toContainText('Nobody has tried to sign in yet.')

      const { url } = demo
      const enter = (userName: string, password: string) => call('POST', '/api/auth/login', { url, body: { userName, password } })
      const [first, second] = [tokenOf(await enter(busy[0], 'user')), tokenOf(await enter(quiet[0], 'user'))]
      expect((await enter(busy[0], 'wrong')).status).toBe(401)
      for (let i = 0; i < 3; i++) expect((await call('GET', '/api/patients', { url, token: first })).status).toBe(200)
      for (let i = 0; i < 2; i++) expect((await call('GET', '/api/patients?limit=2', { url, token: second })).status).toBe(200)
      expect((await call('GET', '/api/patients?dob=eq.nonsense', { url, token: second })).status).toBe(400)

      await expect.poll(() => numbersOf(page, 'Tenants', busy[1])).toEqual(['3', '15', busy[2], '5'])
      await expect.poll(() => numbersOf(page, 'Tenants', quiet[1])).toEqual(['2', '4', quiet[2], '5'])
      await expect.poll(() => numbersOf(page, 'Errors of the database', /^28P01 wrong name or password/)).toEqual(['1'])
      await expect.poll(() => numbersOf(page, 'Errors of the database', /^22xxx/)).toEqual(['1'])
      await expect(card(page, 'Sign-ins')).toContainText('2 signed in, 1 wrong name or password.')
      await expect(card(page, 'Requests')).toContainText(/Of \d+ requests 2 \([\d.]+ %\) were refused, 0 \(0 %\) failed\./)
      await expect(card(page, 'Time to answer')).toContainText(/half took up to .* 99 % up to/)
      await expect(card(page, 'Database connections')).toContainText(/\d of 8 connections in use now/)

      await page.getByText('In the charts', { exact: true }).click()
      await expect.poll(() => numbersOf(page, 'Tenants', busy[1])).toEqual(['3', '15', busy[2], '5'])

      const image = page.getByRole('img', { name: 'Requests' })
      await expect(image, 'the chart in words').toHaveAccessibleDescription(/^At most .* per second\. Of \d+ requests/)
      await expect(image.locator('path.recharts-rectangle').first()).toBeVisible()
      await card(page, 'Sign-ins').getByText('Numbers').focus()
      await page.keyboard.press('Enter')
      const counts = page.getByRole('table', { name: 'Sign-ins: numbers' }).getByRole('row')
      const signedIn = async () => (await counts.locator('td:nth-child(2)').allTextContents()).reduce((sum, text) => sum + (Number(text) || 0), 0)
      await expect.poll(signedIn).toBe(2)
    } finally {
      await demo.stop()
    }
  })
}

test('it asks while it can be seen, and not while it is hidden or paused', async ({ page }) => {
  await page.clock.install()
  let asked = 0
  page.on('request', (request) => {
    if (request.url().endsWith('/api/stats')) asked++
  })
  await page.goto('/activity')
  await fillIn(page, 't6 admin', 'admin')
  await expect(heading(page)).toBeVisible()
  await expect.poll(() => asked).toBeGreaterThan(1)

  const show = (state: 'hidden' | 'visible') =>
    page.evaluate((now) => {
      Object.defineProperty(document, 'visibilityState', { value: now, configurable: true })
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
    }, state)
  const standsStill = async () => {
    const before = asked
    await page.clock.runFor(20_000)
    expect(asked).toBe(before)
  }
  await show('hidden')
  await standsStill()
  const whileHidden = asked
  await show('visible')
  await expect.poll(() => asked).toBeGreaterThan(whileHidden)

  await page.getByRole('button', { name: 'Pause' }).click()
  await expect(page.getByText('Paused')).toBeVisible()
  await standsStill()
  const whilePaused = asked
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.clock.runFor(4000)
  await expect.poll(() => asked).toBeGreaterThan(whilePaused)
})

test('a tenant\'s user is told that it is for admins, and nothing is asked', async ({ page, answers }) => {
  await signIn(page, userNamed('t3 user2'))
  await expect(page.getByRole('link', { name: 'Activity' })).toHaveCount(0)
  await page.goto('/activity')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('For admins only')
  await expect(page.getByText('Ask an admin for what you need.')).toBeVisible()
  expect((await answers.take()).filter(({ call }) => call.includes('/api/stats'))).toEqual([])
})
