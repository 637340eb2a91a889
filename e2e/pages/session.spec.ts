import { chromium, type Page } from '@playwright/test'
import { userNamed } from '../support/demo'
import { expect, expectedRows, fillIn, patientsTable, shownRows, signIn, test } from '../support/test'

const user = userNamed('t3 user2')
const signedOutText = 'You have signed out.'

async function expectNothing(page: Page) {
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
  await expect(patientsTable(page)).toHaveCount(0)
  await expect(page.getByText('Patronius')).toHaveCount(0)
}

test('after Logout, Back and Forward show nothing', async ({ page }) => {
  await signIn(page, user)
  // Two entries in the history that showed rows.
  await page.goto('/patients?again')
  await expect(patientsTable(page)).toBeVisible()
  await page.getByRole('button', { name: 'Logout' }).click()
  await expect(page.getByText(signedOutText)).toBeVisible()
  await page.goBack()
  await expectNothing(page)
  await page.goForward()
  await expectNothing(page)
  await page.reload()
  await expectNothing(page)
})

test('a copied cookie is worth nothing after Logout', async ({ page, context, playwright, baseURL }) => {
  await signIn(page, user)
  const thief = await playwright.request.newContext({ baseURL: baseURL!, storageState: await context.storageState() })
  expect((await thief.get('/api/patients')).status()).toBe(200)

  await page.getByRole('button', { name: 'Logout' }).click()
  await expect(page.getByText(signedOutText)).toBeVisible()
  expect(await context.cookies()).toEqual([])
  for (const path of ['/api/patients', '/api/auth/session', '/api/users']) {
    expect((await thief.get(path)).status(), path).toBe(401)
  }
  await thief.dispose()
})

test('a page that the browser froze asks for the session before it shows a row', async ({ baseURL, launchOptions }) => {
  // Playwright switches the back/forward cache off; this is about a browser as people use it.
  const browser = await chromium.launch({ ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] })
  try {
    const page = await browser.newPage({ baseURL: baseURL! })
    await signIn(page, user)
    await page.evaluate(() => {
      addEventListener('pageshow', () => {
        Object.assign(window, { shownFirst: document.body.innerText })
      })
    })
    await page.goto('/favicon.svg')
    expect((await page.request.post('/api/auth/logout')).status()).toBe(204)
    await page.goBack({ waitUntil: 'commit' }) // a page from the cache does not load again
    await expectNothing(page)
    const shownFirst = await page.evaluate(() => Reflect.get(window, 'shownFirst') as unknown)
    expect(shownFirst, 'the page came from the cache').toBeDefined()
    expect(shownFirst).not.toContain('Patronius')
  } finally {
    await browser.close()
  }
})

test('a session that ended elsewhere leads to sign-in with the reason, and back', async ({ page, context }) => {
  await signIn(page, user, '/patients?view=all')
  expect((await context.request.post('/api/auth/logout')).status()).toBe(204)
  // As if one came back to the tab.
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
  await expect(page.getByText('Your session has ended.')).toBeVisible()
  await expect(page.getByText('Patronius')).toHaveCount(0)
  await fillIn(page, user.userName, user.password)
  await expect(patientsTable(page)).toBeVisible()
  await expect(page).toHaveURL('/patients?view=all')
})

test('other tabs follow: to nothing at Logout, to the other tenant at the next sign-in', async ({ page, context }) => {
  await signIn(page, user)
  const other = await context.newPage()
  await other.goto('/patients')
  await expect(patientsTable(other)).toBeVisible()

  await page.getByRole('button', { name: 'Logout' }).click()
  await expectNothing(other)

  const next = userNamed('t5 user1')
  await signIn(page, next)
  await expect(other.getByText('Welcome, t5 user1 of user tenant 5')).toBeVisible()
  await expect(patientsTable(other)).toBeVisible()
  expect(await shownRows(other)).toEqual(expectedRows(next))
})

test('signed out, the page asked for leads to sign-in and is opened after it', async ({ page }) => {
  for (const path of ['/', '/patients']) {
    await page.goto(path)
    await expect(page).toHaveURL('/signin')
  }
  await page.goto('/patients?from=mail#end')
  await expect(page).toHaveURL(/\/signin\?next=/)
  await fillIn(page, user.userName, user.password)
  await expect(patientsTable(page)).toBeVisible()
  await expect(page).toHaveURL('/patients?from=mail#end')
  await page.goto('/signin')
  await expect(page).toHaveURL('/patients')
})

for (const next of ['//elsewhere.example/', '/%5Celsewhere.example', 'https://elsewhere.example/', '/%09/elsewhere.example']) {
  test(`sign-in does not lead to another site: ${next}`, async ({ page, baseURL }) => {
    const strangers: string[] = []
    page.on('request', (request) => {
      if (new URL(request.url()).host !== new URL(baseURL!).host) strangers.push(request.url())
    })
    await page.goto(`/signin?next=${next}`)
    await fillIn(page, user.userName, user.password)
    await expect(patientsTable(page)).toBeVisible()
    await expect(page).toHaveURL('/patients')
    expect(strangers).toEqual([])
  })
}

test('an unknown address is said not to be here', async ({ page }) => {
  await page.goto('/no-such-page')
  await expect(page.getByRole('heading', { name: 'Not here' })).toBeVisible()
  await page.getByRole('link', { name: 'Go to the patients' }).click()
  await expect(page).toHaveURL('/signin')
})
