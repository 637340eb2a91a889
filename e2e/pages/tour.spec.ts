import type { Locator, Page } from '@playwright/test'
import { userNamed } from '../support/demo'
import { call, cookieName } from '../support/http'
import { manyUrl, manyUser } from '../support/many'
import { OwnDemo } from '../support/own-demo'
import { expect, fillIn, patientsTable, test } from '../support/test'

const verdicts: Record<string, 'Harmless' | 'Refused'> = {
  'Forget the WHERE': 'Harmless',
  'Set the tenant': 'Refused',
  'Set the tenant inside a query': 'Refused',
  'Become an admin': 'Refused',
  'Go back to the login role': 'Refused',
  'Plant a row': 'Refused',
  'Delete what is theirs': 'Harmless',
  'Ask with an error': 'Harmless',
  'Read the planner’s guess': 'Refused',
  'Steal the password hashes': 'Refused',
  'Steal a session': 'Refused',
  'Sign in twice': 'Refused',
  'Leave the transaction': 'Refused',
  'Drop the policy': 'Refused',
  'Copy to a file': 'Refused',
  'Guess an id': 'Refused',
  'Forge the tenant in JSON': 'Refused',
  'Send a second token': 'Refused',
  'Send a form from another site': 'Refused',
  'Replay a signed-out cookie': 'Refused',
}
const count = Object.keys(verdicts).length

const one = { url: process.env.TENANCY_URL!, user: userNamed('t3 user1'), tenant: 3, patients: 5 }
const many = { url: manyUrl(), user: manyUser('joe'), tenant: 1, patients: 5 }

async function openTour(page: Page, url: string, { userName, password }: { userName: string; password: string }): Promise<void> {
  await page.goto(`${url}/tour`)
  await fillIn(page, userName, password)
  await expect(page.getByRole('heading', { level: 1, name: 'Try to break in' })).toBeVisible()
}

const attack = (page: Page, title: string) => page.getByRole('heading', { name: title }).getByRole('button')
const panelOf = (page: Page, title: string) => page.getByRole('region', { name: title })

async function send(page: Page, title: string): Promise<Locator> {
  await attack(page, title).click()
  const panel = panelOf(page, title)
  await panel.getByRole('button', { name: 'Send it' }).click()
  return panel
}

async function tryAll(page: Page, outcome: string): Promise<void> {
  await page.getByRole('button', { name: 'Try all of them' }).click()
  await expect(page.getByText(`${count} of ${count} tried: ${outcome}`)).toBeVisible({ timeout: 45_000 })
}

for (const [name, demo] of Object.entries({ one, many })) {
  test(`${name}: every attack is refused or harmless, and shows no row of others`, async ({ page, context }) => {
    const bodies: Promise<string>[] = []
    page.on('response', (response) => {
      if (response.url().includes('/rpc/tour_statement')) bodies.push(response.text())
    })
    await openTour(page, demo.url, demo.user)
    const [before] = await context.cookies(demo.url)
    await tryAll(page, 'none broke in.')
    const shown = await page.locator('.attack-head').evaluateAll((heads) => heads.map((head) => Array.from(head.children, (part) => part.textContent)))
    expect(Object.fromEntries(shown)).toEqual(verdicts)

    const tenants = (await Promise.all(bodies)).flatMap((body) => [...body.matchAll(/"tenant_id": ?(\d+)/g)].map(([, id]) => Number(id)))
    expect(tenants.length).toBeGreaterThan(0)
    expect([...new Set(tenants)]).toEqual([demo.tenant])

    // The window of the other site is closed, the old cookie is dead, and the page goes on with a new one.
    expect(context.pages()).toHaveLength(1)
    const asBefore = await call('GET', '/api/patients', { url: demo.url, headers: { cookie: `${cookieName}=${before!.value}` } })
    expect(asBefore.status).toBe(401)
    await page.getByRole('link', { name: 'Patients' }).click()
    await expect(patientsTable(page).locator('tbody tr')).toHaveCount(demo.patients)
  })
}

test('an attack shows what is sent, what came back in the words of the database, and why', async ({ page }) => {
  await openTour(page, one.url, one.user)
  const panel = await send(page, 'Steal the password hashes')
  await expect(panel.getByRole('textbox', { name: 'SQL as sent' })).toHaveValue('select * from app.credentials')
  const outcome = panel.getByRole('status')
  await expect(outcome).toContainText('It was refused: permission denied for table credentials.')
  await expect(outcome).toContainText('HTTP status403')
  await expect(outcome).toContainText('Code42501')
  await expect(outcome).toContainText('no role of the application has a right to it')

  const harmless = await send(page, 'Forget the WHERE')
  await expect(harmless.getByRole('status')).toContainText('5 rows came back, all your own.')
  await expect(harmless.getByRole('columnheader')).toHaveText(['id', 'tenant_id', 'first_name', 'last_name', 'dob'])
})

test('a form of another site carries the cookie and no origin, and plants nothing', async ({ page, context }) => {
  const sent: Promise<Record<string, string>>[] = []
  context.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/api/patients')) sent.push(request.allHeaders())
  })
  await openTour(page, one.url, one.user)
  const panel = await send(page, 'Send a form from another site')
  await expect(panel.getByRole('status')).toContainText('It was refused: the request comes from another site.')
  const [headers] = await Promise.all(sent)
  expect(headers).toMatchObject({ origin: 'null', cookie: expect.stringContaining(cookieName) })
})

test('with the keyboard alone an attack is changed, sent, and put back', async ({ page }) => {
  await openTour(page, one.url, one.user)
  await attack(page, 'Become an admin').focus()
  await page.keyboard.press('Enter')
  const text = panelOf(page, 'Become an admin').getByRole('textbox')
  await expect(text).toBeVisible() // what is still closed is passed over
  await page.keyboard.press('Tab')
  await expect(text).toBeFocused()
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.type('set rol postgres')
  await page.keyboard.press('ControlOrMeta+Enter')
  const outcome = panelOf(page, 'Become an admin').getByRole('status')
  await expect(outcome).toContainText('No proof')
  await expect(outcome).toContainText('syntax error at or near "postgres"')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await expect(page.getByRole('button', { name: 'Put the text back' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(text).toHaveValue('set role tenancy_admin')
})

test('a text of one’s own is judged by what comes back', async ({ page }) => {
  await openTour(page, many.url, many.user)
  const own = page.getByRole('region', { name: 'An attack of your own' })
  const say = async (text: string, says: string) => {
    await own.getByRole('textbox').fill(text)
    await own.getByRole('button', { name: 'Send it' }).click()
    await expect(own.getByRole('status')).toContainText(says)
  }
  await say('select tenant_id, count(*) from app.patients group by tenant_id', 'One row came back, your own.')
  await say('select count(*) from app.patients', 'These rows do not say whose they are.')
  await say("insert into app.patients (first_name, last_name, dob) values ('A', 'B', '2000-01-01') returning *", 'One row came back, your own.')
  await say('alter table app.patients disable row level security', 'It was refused: ALTER TABLE')
  // What was inserted was taken back.
  await page.getByRole('link', { name: 'Patients' }).click()
  await expect(patientsTable(page).locator('tbody tr')).toHaveCount(5)
})

test('an admin who sees all is told to choose a tenant, and then attacks from there', async ({ page }) => {
  await openTour(page, one.url, userNamed('t6 admin'))
  await expect(page.getByText('You are an admin and see all tenants')).toBeVisible()
  await page.getByRole('button', { name: 'Choose tenant' }).click()
  await page.getByRole('menuitem', { name: 'user tenant 2', exact: true }).click()
  const panel = await send(page, 'Forget the WHERE')
  await expect(panel.getByRole('status')).toContainText('5 rows came back, all your own.')
})

test('outside of the demo there is no tour, and no link to it', async ({ page }) => {
  await page.route('**/api/demo', (route) => route.fulfill({ status: 404, json: { code: 'TNCY404', message: 'no demo' } }))
  await page.goto(`${one.url}/tour`)
  await fillIn(page, one.user.userName, one.user.password)
  await expect(page.getByRole('heading', { level: 1, name: 'Not here' })).toBeVisible()
  await expect(page.getByRole('link', { name: 'Isolation' })).toBeVisible()
  await expect(page.getByRole('link', { name: 'Try to break in' })).toHaveCount(0)
})

test.describe('where the protection really is taken away', () => {
  let demo: OwnDemo
  test.beforeAll(async () => {
    demo = await OwnDemo.start('one')
  })
  test.afterAll(() => demo.stop())

  test('the verdict is red, the foreign rows are shown, and green again when it is back', async ({ page }) => {
    await demo.sql('set client_min_messages = error; alter table app.patients disable row level security')
    await openTour(page, demo.url, one.user)
    const panel = await send(page, 'Forget the WHERE')
    const outcome = panel.getByRole('status')
    await expect(outcome).toContainText('Broken in')
    await expect(outcome).toContainText('20 rows of others came back.')
    await expect(outcome.locator('.foreign-row')).not.toHaveCount(0)
    await tryAll(page, '6 broke in.')
    for (const title of ['Forget the WHERE', 'Plant a row', 'Delete what is theirs', 'Ask with an error', 'Guess an id', 'Forge the tenant in JSON']) {
      await expect(attack(page, title)).toContainText('Broken in')
    }
    await demo.sql('alter table app.patients enable row level security')
    await panel.getByRole('button', { name: 'Send it' }).click()
    await expect(outcome).toContainText('all your own')
  })

  test('a right to the hashes is seen as well', async ({ page }) => {
    await openTour(page, demo.url, one.user)
    await demo.sql('set client_min_messages = error; grant select on app.credentials to tenancy_user')
    const panel = await send(page, 'Steal the password hashes')
    await expect(panel.getByRole('status')).toContainText('Secrets came back.')
    await demo.sql('revoke select on app.credentials from tenancy_user')
  })
})
