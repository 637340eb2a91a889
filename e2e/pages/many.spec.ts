import { chromium, type Locator, type Page } from '@playwright/test'
import type { Answer } from '../support/answers'
import { manyUrl, manyUser, membersOf, patients, patientsOf, tenants, users, type ManyUser } from '../support/many'
import { expect, fillIn, patientCells, patientsTable, shownRows, test as base } from '../support/test'

/**
 * Each time the screen changes, it is looked at: a name of one tenant above a row of the other is an error in the
 * console, which fails the test. In this demo the last names tell the tenants apart.
 */
function watchForMixedRows(): void {
  const look = () => {
    const shown = document.querySelector('.tenant-banner strong') ?? document.querySelector('.page-header-welcome')
    const tenant = /tenant (\d)/.exec(shown?.textContent ?? '')?.[1]
    const foreign = { '1': 'Doe2', '2': 'Doe' }[tenant ?? '']
    const cells = [...document.querySelectorAll('tbody td')].map((cell) => cell.textContent)
    if (foreign !== undefined && cells.includes(foreign)) console.error(`rows of another tenant under tenant ${tenant}`)
  }
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true })
}

const test = base.extend({
  baseURL: async ({}, use) => use(manyUrl()),
  context: async ({ context }, use) => {
    await context.addInitScript(watchForMixedRows)
    await use(context)
  },
})

const [joe, jeremy, yeezy] = [manyUser('joe'), manyUser('jeremy'), manyUser('yeezy')]
const chooserTitle = (page: Page) => page.getByRole('heading', { name: 'Choose a tenant' })
const usersTable = (page: Page) => page.getByRole('table', { name: 'Users' })
const banner = (page: Page) => page.getByRole('region', { name: 'Tenant that you are in' })
const nameOf = (id: number) => tenants.find((tenant) => tenant.id === id)!.displayName
const userCells = (id: number) => membersOf(id).map(({ userName, isAdmin }) => [userName, isAdmin ? 'Yes' : 'No'])

async function enter(page: Page, user: ManyUser, path = '/patients'): Promise<void> {
  await page.goto(path)
  await fillIn(page, user.userName, user.password)
}

async function enterTenant(page: Page, user: ManyUser, tenantId: number): Promise<void> {
  await enter(page, user)
  await page.getByRole('main').getByRole('button', { name: nameOf(tenantId), exact: true }).click()
  await expectTenant(page, tenantId)
}

async function switchTo(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: /^(Switch|Choose) tenant$/ }).click()
  await page.getByRole('menuitem', { name, exact: true }).click()
}

async function expectTable(page: Page, table: Locator, rows: string[][]): Promise<void> {
  await expect.poll(() => shownRows(page, table)).toEqual(rows)
}

/** The patients' page shows this tenant and nothing of another. */
async function expectTenant(page: Page, tenantId: number): Promise<void> {
  await expect(page.getByText(`Welcome, jeremy of ${nameOf(tenantId)}`, { exact: true })).toBeVisible()
  await expectTable(page, patientsTable(page), patientsOf(tenantId).map(patientCells))
}

/** Every row among the answers is of this tenant, and every answer of rows says so. */
function expectOnlyOfTenant(answers: Answer[], user: ManyUser, tenantId: number): void {
  const known = {
    'GET /api/patients': patientsOf(tenantId).map((row) => row.id),
    'GET /api/users': membersOf(tenantId).map((row) => row.id),
    'GET /api/tenants': [tenantId],
  }
  for (const { call, status, headers, text } of answers) {
    if (!(call in known)) continue
    expect(status, `${call} ${text}`).toBe(200)
    expect(headers['tenancy-context'], call).toBe(`user=${user.id}&tenant=${tenantId}`)
    const ids = (JSON.parse(text) as { id: number }[]).map((row) => row.id)
    expect(ids, call).toEqual(known[call as keyof typeof known])
  }
}

for (const user of users.filter((candidate) => candidate.tenantIds.length === 1)) {
  test(`${user.userName}, of one tenant, sees its rows at once`, async ({ page, answers }) => {
    const tenantId = user.tenantIds[0]!
    await enter(page, user)
    await expect(page.getByText(`Welcome, ${user.userName} of ${nameOf(tenantId)}`, { exact: true })).toBeVisible()
    await expectTable(page, patientsTable(page), patientsOf(tenantId).map(patientCells))
    await expect(page.getByRole('button', { name: 'Switch tenant' })).toHaveCount(0)

    await page.getByRole('link', { name: 'Users' }).click()
    await expect(page.getByRole('columnheader')).toHaveText(['User Name', 'Is Admin'])
    await expectTable(page, usersTable(page), userCells(tenantId))
    expectOnlyOfTenant(await answers.take(), user, tenantId)
  })
}

test('jeremy, of two tenants, must choose first, and then comes to the page first asked for', async ({ page, answers }) => {
  await enter(page, jeremy, '/users')
  await expect(chooserTitle(page)).toBeFocused()
  await expect(page.getByRole('main').getByRole('button')).toHaveText(jeremy.tenantIds.map(nameOf))
  await expect(page.getByText('Welcome, jeremy', { exact: true })).toBeVisible()
  await expect(page.getByRole('navigation')).toHaveCount(0)
  for (const path of ['/patients', '/', '/tenant']) {
    await page.goto(path)
    await expect(chooserTitle(page)).toBeVisible()
  }
  const asked = await answers.take()
  expect(asked.map(({ call }) => call).filter((call) => /patients|users|tenants/.test(call))).toEqual([])
  const refused = await page.request.get('/api/patients')
  expect(refused.status()).toBe(403)
  expect(await refused.json()).toMatchObject({ hint: expect.stringContaining('Choose a tenant first') })

  await page.goto('/users')
  await page.getByRole('main').getByRole('button', { name: 'tenant 2', exact: true }).click()
  await expect(page).toHaveURL('/users')
  await expectTable(page, usersTable(page), userCells(2))
})

test('jeremy switches ten times, and each time sees one tenant alone', async ({ page, answers }) => {
  await enterTenant(page, jeremy, 1)
  expectOnlyOfTenant(await answers.take(), jeremy, 1)
  for (let turn = 0; turn < 10; turn++) {
    const tenantId = turn % 2 === 0 ? 2 : 1
    await switchTo(page, nameOf(tenantId))
    await expectTenant(page, tenantId)
    await expect(page.getByRole('heading', { name: 'Patients' })).toBeFocused()
    const came = await answers.take()
    expect(came.map(({ call }) => call)).toEqual(expect.arrayContaining(['POST /api/auth/tenant', 'GET /api/patients']))
    expectOnlyOfTenant(came, jeremy, tenantId)
  }
  await page.reload()
  await expectTenant(page, 1)
})

test('the keyboard is enough to switch', async ({ page }) => {
  await enterTenant(page, jeremy, 1)
  await page.getByRole('button', { name: 'Switch tenant' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('menuitem', { name: 'tenant 1' })).toHaveAttribute('aria-current', 'true')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('End')
  await expect(page.getByRole('menuitem', { name: 'tenant 2' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expectTenant(page, 2)
})

test('an answer of the tenant before that comes late is not shown', async ({ page }) => {
  await enterTenant(page, jeremy, 1)
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  let held = 0
  let ended = 0
  await page.route('**/api/patients?*', async (route) => {
    if (held > 0) return route.continue()
    held++
    const answer = await route.fetch()
    expect(answer.headers()['tenancy-context']).toContain('tenant=1')
    await released
    // The page has given it up by now, as it should.
    await route.fulfill({ response: answer }).catch(() => {})
    ended++
  })
  await page.getByRole('link', { name: 'Users' }).click()
  await expect(usersTable(page)).toBeVisible()
  await page.getByRole('link', { name: 'Patients' }).click()
  await expect.poll(() => held).toBe(1)
  await switchTo(page, 'tenant 2')
  await expectTenant(page, 2)
  release()
  await expect.poll(() => ended).toBe(1)
  await page.getByRole('link', { name: 'Users' }).click()
  await expectTable(page, usersTable(page), userCells(2))
  await page.getByRole('link', { name: 'Patients' }).click()
  await expectTenant(page, 2)
})

test('after a switch, Back and Forward show the new tenant alone', async ({ page, answers }) => {
  await enterTenant(page, jeremy, 1)
  await page.getByRole('link', { name: 'Users' }).click()
  await expectTable(page, usersTable(page), userCells(1))
  await switchTo(page, 'tenant 2')
  await expectTable(page, usersTable(page), userCells(2))
  await answers.take()
  await page.goBack()
  await expectTenant(page, 2)
  await page.goForward()
  await expectTable(page, usersTable(page), userCells(2))
  await page.goto('/patients?again')
  await expectTenant(page, 2)
  await page.goBack()
  await expectTable(page, usersTable(page), userCells(2))
  expectOnlyOfTenant(await answers.take(), jeremy, 2)
})

test('a page that the browser froze asks for the tenant before it shows a row', async ({ baseURL, launchOptions }) => {
  // Playwright switches the back/forward cache off; this is about a browser as people use it.
  const browser = await chromium.launch({ ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] })
  try {
    const page = await browser.newPage({ baseURL: baseURL! })
    await enterTenant(page, jeremy, 1)
    await page.evaluate(() => {
      addEventListener('pageshow', () => {
        Object.assign(window, { shownFirst: document.body.innerText })
      })
    })
    await page.goto('/favicon.svg')
    expect((await page.request.post('/api/auth/tenant', { data: { tenantId: '2' } })).status()).toBe(200)
    await page.goBack({ waitUntil: 'commit' })
    await expectTenant(page, 2)
    const shownFirst = await page.evaluate(() => Reflect.get(window, 'shownFirst') as unknown)
    expect(shownFirst, 'the page came from the cache').toBeDefined()
    expect(shownFirst).not.toContain('Doe')
  } finally {
    await browser.close()
  }
})

test('other tabs follow a switch', async ({ page, context }) => {
  await enterTenant(page, jeremy, 1)
  const other = await context.newPage()
  await other.goto('/patients')
  await expectTenant(other, 1)
  for (const tenantId of [2, 1, 2]) {
    await switchTo(page, nameOf(tenantId))
    await expectTenant(page, tenantId)
    await expectTenant(other, tenantId)
  }
  await switchTo(other, nameOf(1))
  await expectTenant(page, 1)
})

test('a tab that nobody told notices a switch at its next answer', async ({ page }) => {
  await enterTenant(page, jeremy, 1)
  // As from another program with the same cookie: no message to this tab.
  expect((await page.request.post('/api/auth/tenant', { data: { tenantId: '2' } })).status()).toBe(200)
  await page.getByRole('link', { name: 'Users' }).click()
  await expectTable(page, usersTable(page), userCells(2))
  await expect(page.getByText('Welcome, jeremy of tenant 2', { exact: true })).toBeVisible()
  await expect(page.getByRole('alert')).toHaveCount(0)
})

test('a request that left with the token of before a switch is asked again, and nobody is signed out', async ({ page, context }) => {
  await enterTenant(page, jeremy, 1)
  const dead = { status: 401, json: { code: '28000', message: 'not signed in', details: null, hint: null } }
  await page.route('**/api/users?*', (route) => route.fulfill(dead), { times: 1 })
  await page.route('**/api/auth/session', (route) => route.fulfill(dead), { times: 1 })
  await page.getByRole('link', { name: 'Users' }).click()
  await expectTable(page, usersTable(page), userCells(1))
  await expect(page).toHaveURL('/users')
  expect(await context.cookies()).toHaveLength(1)
})

test('a switch that did not arrive says so, and the rows stay', async ({ page }) => {
  await enterTenant(page, jeremy, 1)
  await page.route('**/api/auth/tenant', (route) => route.abort('connectionreset'))
  await switchTo(page, 'tenant 2')
  await expect(page.getByRole('alert')).toContainText('The tenant was not changed.')
  await expectTenant(page, 1)
  await page.unroute('**/api/auth/tenant')
  await switchTo(page, 'tenant 2')
  await expectTenant(page, 2)
  await expect(page.getByRole('alert')).toHaveCount(0)
})

test('a switch that arrived, though its answer was lost, ends in the new tenant or at sign-in', async ({ page }) => {
  await enterTenant(page, jeremy, 1)
  await page.route('**/api/auth/tenant', async (route) => {
    await route.fetch()
    await route.abort('connectionreset')
  })
  await switchTo(page, 'tenant 2')
  await expect(page.getByText('Welcome, jeremy of tenant 2', { exact: true }).or(page.getByText('Your session has ended.'))).toBeVisible()
  await expect(page.getByRole('cell', { name: 'Doe', exact: true })).toHaveCount(0)
})

test('yeezy, an admin, sees all, steps into one tenant under a banner, and goes back to all', async ({ page, answers }) => {
  const all = patients.map((row) => [...patientCells(row), nameOf(row.tenantId)])
  await enter(page, yeezy)
  await expectTable(page, patientsTable(page), all)
  await expect(banner(page)).toHaveCount(0)
  await page.getByRole('link', { name: 'Users' }).click()
  await expectTable(page, usersTable(page), users.map(({ userName, isAdmin }) => [userName, isAdmin ? 'Yes' : 'No']))
  await page.getByRole('link', { name: 'Patients' }).click()
  await expectTable(page, patientsTable(page), all)

  for (const tenantId of [2, 1]) {
    await answers.take()
    await switchTo(page, nameOf(tenantId))
    await expect(banner(page)).toContainText(`You are in ${nameOf(tenantId)} and see its rows alone.`)
    await expectTable(page, patientsTable(page), patientsOf(tenantId).map(patientCells))
    await page.getByRole('link', { name: 'Users' }).click()
    await expectTable(page, usersTable(page), userCells(tenantId))
    await expect(banner(page)).toBeVisible()
    await page.getByRole('link', { name: 'Patients' }).click()
    await expectTable(page, patientsTable(page), patientsOf(tenantId).map(patientCells))
    expectOnlyOfTenant(await answers.take(), yeezy, tenantId)
  }
  await page.getByRole('button', { name: 'Back to all tenants' }).click()
  await expect(banner(page)).toHaveCount(0)
  await expectTable(page, patientsTable(page), all)

  await switchTo(page, 'tenant 2')
  await expect(banner(page)).toBeVisible()
  await switchTo(page, 'All tenants')
  await expect(banner(page)).toHaveCount(0)
  await expectTable(page, patientsTable(page), all)
})

test('signed in again by somebody else, the browser keeps one session, and the one before has ended', async ({ page, context, playwright, baseURL }) => {
  await enterTenant(page, jeremy, 1)
  const before = await playwright.request.newContext({ baseURL: baseURL!, storageState: await context.storageState() })
  expect((await before.get('/api/patients')).status()).toBe(200)
  const { userName, password } = joe
  expect((await page.request.post('/api/auth/login', { data: { userName, password } })).status()).toBe(200)
  expect((await before.get('/api/patients')).status()).toBe(401)
  await before.dispose()
  await page.getByRole('link', { name: 'Users' }).click()
  await expect(page.getByText('Welcome, joe of tenant 1', { exact: true })).toBeVisible()
  expect(await context.cookies()).toHaveLength(1)
})
