import type { Page } from '@playwright/test'
import { userNamed, type User } from '../support/demo'
import { call, login } from '../support/http'
import { manyUser } from '../support/many'
import { OwnDemo } from '../support/own-demo'
import { expect, fillIn, patientsTable, shownRows, signIn, test as base } from '../support/test'

/** Work with patients, on demos of this file's own: others count the rows of the demos that all share. */
let one: OwnDemo
let many: OwnDemo

const test = base.extend<{ demo: 'one' | 'many' }, { demos: Record<'one' | 'many', OwnDemo> }>({
  demo: ['one', { option: true }],
  demos: [
    async ({}, use) => {
      ;[one, many] = await Promise.all([OwnDemo.start('one'), OwnDemo.start('many')])
      await use({ one, many })
      await Promise.all([one.stop(), many.stop()])
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  baseURL: async ({ demo, demos }, use) => use(demos[demo].url),
})

// In one worker: each one makes demos of its own.
test.describe.configure({ mode: 'default' })

const form = (page: Page) => page.getByRole('dialog')
const field = (page: Page, label: string) => form(page).getByLabel(label)
const notice = (page: Page) => page.locator('.notice')
const rowOf = (page: Page, name: string) => patientsTable(page).getByRole('row').filter({ hasText: name })
const firstNames = (page: Page) => shownRows(page).then((rows) => rows.map((row) => row[0]))

async function fillForm(page: Page, firstName: string, lastName: string, dob: string): Promise<void> {
  await field(page, 'First name').fill(firstName)
  await field(page, 'Last name').fill(lastName)
  await field(page, 'Date of birth').fill(dob)
}

const inDatabase = (demo: OwnDemo, tenantId: number) =>
  demo.sql(`select string_agg(concat_ws(' ', first_name, last_name, dob), '; ' order by id) from app.patients where tenant_id = :tenant`, {
    tenant: tenantId,
  })

/** Adds patients as this user, through the API. */
async function insert(user: User, rows: { firstName: string; lastName: string; dob: string }[]): Promise<void> {
  const token = await login(user, undefined, one.url)
  const answer = await call('POST', '/api/patients', { url: one.url, token, body: rows })
  expect(answer.status, answer.text).toBe(201)
}

test('a patient is added, changed, deleted and put back', async ({ page }) => {
  const user = userNamed('t1 user1')
  const before = await inDatabase(one, 1)
  await signIn(page, user)
  await page.getByRole('button', { name: 'Add patient' }).click()
  await fillForm(page, '  Åsa ', "O'Brien", '2/9/1984')
  await form(page).getByRole('button', { name: 'Add patient' }).click()
  await expect(notice(page)).toContainText("Åsa O'Brien was added.")
  await expect(form(page)).toHaveCount(0)
  await expect(rowOf(page, 'Åsa')).toContainText('02/09/1984')
  await expect(page.getByText('6 patients')).toBeVisible()

  await page.getByRole('button', { name: "Edit Åsa O'Brien" }).click()
  await expect(field(page, 'Date of birth')).toHaveValue('02/09/1984')
  await field(page, 'Last name').fill('Lindgren')
  await form(page).getByRole('button', { name: 'Save' }).click()
  await expect(rowOf(page, 'Lindgren')).toBeVisible()
  expect(await inDatabase(one, 1)).toBe(`${before}; Åsa Lindgren 1984-02-09`)

  await page.getByRole('button', { name: 'Delete Åsa Lindgren' }).click()
  await expect(rowOf(page, 'Lindgren')).toHaveCount(0)
  await expect(notice(page)).toContainText('Åsa Lindgren was deleted.')
  expect(await inDatabase(one, 1)).toBe(before)
  await notice(page).getByRole('button', { name: 'Undo' }).click()
  await expect(notice(page)).toContainText(/Åsa Lindgren is back, as number \d+\./)
  await expect(rowOf(page, 'Lindgren')).toBeVisible()
  expect(await inDatabase(one, 1)).toBe(`${before}; Åsa Lindgren 1984-02-09`)

  await notice(page).getByRole('link', { name: 'Show' }).click()
  await expect(page.getByRole('heading', { name: 'Åsa Lindgren' })).toBeFocused()
  await expect(page).toHaveTitle(/^Patient \d+ · pgtenancy$/)
  await page.getByRole('button', { name: 'Delete' }).click()
  await expect(patientsTable(page)).toBeVisible()
  await notice(page).getByRole('button', { name: 'Close the notice' }).click()
  await expect(notice(page)).toHaveCount(0)
  expect(await inDatabase(one, 1)).toBe(before)
})

test('a deletion that the server refuses brings the row back', async ({ page }) => {
  await signIn(page, userNamed('t1 user2'))
  await page.route('**/api/patients?*', async (route) => {
    if (route.request().method() !== 'DELETE') return route.continue()
    return route.fulfill({ status: 409, json: { code: '23503', message: 'a row that refers to this one stands in the way', details: null, hint: null } })
  })
  await page.getByRole('button', { name: 'Delete Fran Doe' }).click()
  await expect(page.getByRole('alert')).toContainText('Fran Doe was not deleted. This does not go together with what is there.')
  await expect(rowOf(page, 'Fran')).toBeVisible()
})

test('the form says at each field what is wrong, and sends nothing', async ({ page, answers }) => {
  await signIn(page, userNamed('t1 user2'))
  await page.getByRole('button', { name: 'Add patient' }).click()
  await form(page).getByRole('button', { name: 'Add patient' }).click()
  for (const words of ['Type the first name.', 'Type the last name.', 'Type the date of birth.']) {
    await expect(form(page).getByText(words)).toBeVisible()
  }
  await expect(field(page, 'First name')).toBeFocused()
  await fillForm(page, 'Ann', 'Lee', '02/30/1984')
  await page.keyboard.press('Enter')
  await expect(form(page).getByText('Type a date as month/day/year')).toBeVisible()
  await expect(field(page, 'Date of birth')).toBeFocused()
  await expect(field(page, 'Date of birth')).toHaveAttribute('aria-invalid', 'true')
  await field(page, 'Date of birth').fill('01/01/2999')
  await page.keyboard.press('Enter')
  await expect(form(page).getByText('cannot be in the future')).toBeVisible()
  expect((await answers.all()).map(({ call: asked }) => asked)).not.toContain('POST /api/patients')
})

test('what the database does not accept is said at its field', async ({ page, answers }) => {
  await signIn(page, userNamed('t1 user2'))
  await page.getByRole('button', { name: 'Edit Fran Doe' }).click()
  await field(page, 'Date of birth').fill('01/01/1849')
  await form(page).getByRole('button', { name: 'Save' }).click()
  await expect(form(page).getByText('The database does not accept this date.')).toBeVisible()
  await expect(field(page, 'Date of birth')).toBeFocused()
  await expect(form(page).getByRole('alert')).toHaveCount(0)
  const refused = (await answers.all()).find(({ status }) => status === 400)!
  expect(JSON.parse(refused.text)).toMatchObject({ code: '23514', details: 'constraint "patients_dob_check"' })
})

test('whoever saves second sees what the first has saved, and chooses', async ({ page, context }) => {
  const user = userNamed('t2 user1')
  await signIn(page, user)
  const other = await context.newPage()
  await other.goto('/patients')
  const edit = async (on: Page, name: string, lastName: string) => {
    await on.getByRole('button', { name: `Edit ${name}` }).click()
    await field(on, 'Last name').fill(lastName)
  }
  const save = (on: Page) => form(on).getByRole('button', { name: 'Save', exact: true }).click()
  await edit(page, 'Josh Doe', 'Mine')
  await edit(other, 'Josh Doe', 'Theirs')
  await save(other)
  await expect(notice(other)).toContainText('Josh Theirs was saved.')

  await save(page)
  await expect(form(page).getByRole('alert')).toContainText('Somebody changed this patient meanwhile.')
  const versions = form(page).getByRole('table', { name: 'Both versions' })
  await expect(versions.getByRole('row', { name: 'Last name' }).getByRole('cell')).toHaveText(['Theirs', 'Mine'])
  expect(await inDatabase(one, 2)).toContain('Josh Theirs')
  await form(page).getByRole('button', { name: 'Take theirs' }).click()
  await expect(field(page, 'Last name')).toHaveValue('Theirs')

  await edit(other, 'Josh Theirs', 'Once more')
  await save(other)
  await expect(notice(other)).toContainText('Josh Once more was saved.')
  await field(page, 'Last name').fill('Mine')
  await save(page)
  await form(page).getByRole('button', { name: 'Save mine' }).click()
  await expect(notice(page)).toContainText('Josh Mine was saved.')
  expect(await inDatabase(one, 2)).toContain('Josh Mine')

  await edit(page, 'Josh Mine', 'Still here')
  await other.reload()
  await other.getByRole('button', { name: 'Delete Josh Mine' }).click()
  await expect(notice(other)).toContainText('was deleted')
  await save(page)
  await expect(form(page).getByRole('alert')).toContainText('Somebody deleted this patient meanwhile.')
  await form(page).getByRole('button', { name: 'Add again' }).click()
  await expect(rowOf(page, 'Still here')).toBeVisible()
})

test('more patients than a page has come page by page, each once, in any order', async ({ page }) => {
  const user = userNamed('t3 user1')
  await insert(
    user,
    Array.from({ length: 100 }, (_, index) => ({ firstName: `P${String(index).padStart(3, '0')}`, lastName: `L${index % 7}`, dob: '2000-01-01' })),
  )
  await signIn(page, user)
  await expect(page.getByText('50 of 105 patients')).toBeVisible()
  await page.getByRole('button', { name: 'Show more patients' }).click()
  await expect(page.getByText('100 of 105 patients')).toBeVisible()
  await page.getByRole('button', { name: 'Show more patients' }).click()
  await expect(page.getByText('105 patients', { exact: true })).toBeVisible()
  await expect(page.getByRole('button', { name: 'Show more patients' })).toHaveCount(0)
  expect(new Set((await firstNames(page)).slice(5))).toEqual(new Set(Array.from({ length: 100 }, (_, index) => `P${String(index).padStart(3, '0')}`)))

  await page.getByRole('button', { name: 'Last Name' }).click()
  await page.getByRole('button', { name: 'Last Name' }).click()
  await expect(page).toHaveURL('/patients?sort=lastName.desc')
  await expect.poll(() => firstNames(page).then((names) => names[0])).toBe('P097')
  await page.getByRole('button', { name: 'Show more patients' }).click()
  await expect(page.getByText('100 of 105 patients')).toBeVisible()
  const lastNames = (await shownRows(page)).map((row) => row[1]!)
  expect(lastNames).toEqual([...lastNames].sort().reverse())
  expect(new Set(await firstNames(page)).size).toBe(100)
  await page.goBack()
  await expect(page).toHaveURL('/patients?sort=lastName.asc')
  await expect(page.getByRole('columnheader', { name: 'Last Name' })).toHaveAttribute('aria-sort', 'ascending')
})

test('a search finds what was typed and nothing else, and Back leads to it again', async ({ page }) => {
  const user = userNamed('t4 user1')
  await insert(user, [
    { firstName: '100%', lastName: 'Sure', dob: '2000-01-01' },
    { firstName: 'a_b', lastName: 'Under', dob: '2000-01-01' },
    { firstName: 'back\\slash', lastName: 'Quote"d', dob: '2000-01-01' },
    { firstName: 'a),lastName.eq.Doe', lastName: 'Comma', dob: '2000-01-01' },
  ])
  await signIn(page, user)
  const search = page.getByRole('searchbox', { name: 'Search by name' })
  for (const [text, found] of [
    ['%', ['100%']],
    ['_', ['a_b']],
    ['\\', ['back\\slash']],
    ['"', ['back\\slash']],
    ['a),lastName', ['a),lastName.eq.Doe']],
    ['doe MAG', ['Maggie']],
  ] as const) {
    await search.fill(text)
    await expect.poll(() => firstNames(page)).toEqual(found)
  }
  await expect(page).toHaveURL('/patients?q=doe+MAG')
  await page.getByRole('link', { name: 'Maggie' }).click()
  await expect(page.getByRole('heading', { name: 'Maggie Doe' })).toBeVisible()
  await page.goBack()
  await expect(search).toHaveValue('doe MAG')
  await expect.poll(() => firstNames(page)).toEqual(['Maggie'])
  await search.fill('nobody is called this')
  await expect(page.getByText('No patients match this.')).toBeVisible()
  await page.getByRole('button', { name: 'Clear the search' }).click()
  await expect(page).toHaveURL('/patients')
  await expect(page.getByText('9 patients')).toBeVisible()
})

test("another tenant's patient and one that nobody has are not here, in the same words", async ({ page }) => {
  await signIn(page, userNamed('t5 user1'), '/patients')
  const words: string[] = []
  for (const id of ['1', '999999', '99999999999999999999', '0', 'x%20or%201=1']) {
    await page.goto(`/patients/${id}`)
    await expect(page.getByRole('heading', { name: 'Not here' })).toBeFocused()
    words.push(await page.getByRole('main').innerText())
  }
  expect(new Set(words)).toEqual(new Set([words[0]]))
  expect(words[0]).toContain('There is no patient at this address, or it belongs to somebody else.')
  await page.goto('/patients/21')
  await expect(page.getByRole('heading', { name: 'John Doe' })).toBeVisible()
  await expect(page.locator('.patient-facts dd')).toHaveText(['21', 'John', 'Doe', '02/11/1984'])
})

test('the keyboard is enough to add a patient, and to delete it and think better of it', async ({ page }) => {
  await signIn(page, userNamed('t5 user2'))
  await page.getByRole('heading', { name: 'Patients' }).focus()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await expect(field(page, 'First name')).toBeFocused()
  await page.keyboard.type('Kay')
  await page.keyboard.press('Tab')
  await page.keyboard.type('Board')
  await page.keyboard.press('Tab')
  await page.keyboard.type('12/31/1999')
  await page.keyboard.press('Enter')
  await expect(notice(page)).toContainText('Kay Board was added.')
  await expect(page.getByRole('main').getByRole('button', { name: 'Add patient' })).toBeFocused()
  await page.getByRole('button', { name: 'Delete Kay Board' }).focus()
  await page.keyboard.press('Enter')
  await expect(notice(page).getByRole('button', { name: 'Undo' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(notice(page)).toContainText('Kay Board is back')
  await page.getByRole('button', { name: 'Edit Kay Board' }).focus()
  await page.keyboard.press('Enter')
  await expect(field(page, 'First name')).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('button', { name: 'Edit Kay Board' })).toBeFocused()
})

test('an admin narrows the list to a tenant, and says of which one a new patient is', async ({ page }) => {
  await signIn(page, userNamed('t6 admin'))
  await page.getByRole('combobox', { name: 'Tenant' }).selectOption('user tenant 5')
  await expect(page).toHaveURL('/patients?tenant=5')
  await expect.poll(() => shownRows(page).then((rows) => [...new Set(rows.map((row) => row[3]))])).toEqual(['user tenant 5'])
  await page.getByRole('button', { name: 'Add patient' }).click()
  await fillForm(page, 'Of', 'Five', '01/02/2003')
  await form(page).getByRole('button', { name: 'Add patient' }).click()
  await expect(form(page).getByText('Choose the tenant.')).toBeVisible()
  await expect(field(page, 'Tenant')).toBeFocused()
  await field(page, 'Tenant').selectOption('user tenant 5')
  await form(page).getByRole('button', { name: 'Add patient' }).click()
  await expect(rowOf(page, 'Five')).toContainText('user tenant 5')
  expect(await inDatabase(one, 5)).toContain('Of Five 2003-01-02')
  await page.getByRole('link', { name: 'Of', exact: true }).click()
  await expect(page.locator('.patient-facts dd').last()).toHaveText('user tenant 5')
})

test.describe('in the demo of many tenants', () => {
  test.use({ demo: 'many' })

  async function enter(page: Page, tenant: string): Promise<void> {
    await page.goto('/patients')
    await fillIn(page, 'jeremy', manyUser('jeremy').password)
    await page.getByRole('main').getByRole('button', { name: tenant, exact: true }).click()
    await expect(patientsTable(page)).toBeVisible()
  }

  test('what was typed for one tenant is never written to another that was chosen meanwhile', async ({ page }) => {
    await enter(page, 'tenant 1')
    const before = await Promise.all([inDatabase(many, 1), inDatabase(many, 2)])
    await page.getByRole('button', { name: 'Add patient' }).click()
    await fillForm(page, 'Wrong', 'Place', '01/02/2003')
    // As from another program with the same cookie: no message to this tab.
    expect((await page.request.post('/api/auth/tenant', { data: { tenantId: '2' } })).status()).toBe(200)
    await form(page).getByRole('button', { name: 'Add patient' }).click()
    await expect(page.getByText('Welcome, jeremy of tenant 2', { exact: true })).toBeVisible()
    await expect(patientsTable(page)).toBeVisible()
    expect(await Promise.all([inDatabase(many, 1), inDatabase(many, 2)])).toEqual(before)
  })

  test('a patient is added, deleted and put back in the chosen tenant', async ({ page }) => {
    await enter(page, 'tenant 2')
    const before = await Promise.all([inDatabase(many, 1), inDatabase(many, 2)])
    await page.getByRole('button', { name: 'Add patient' }).click()
    await fillForm(page, 'New', 'Doe2', '01/02/2003')
    await form(page).getByRole('button', { name: 'Add patient' }).click()
    await page.getByRole('button', { name: 'Delete New Doe2' }).click()
    await notice(page).getByRole('button', { name: 'Undo' }).click()
    await expect(notice(page)).toContainText('New Doe2 is back')
    expect(await Promise.all([inDatabase(many, 1), inDatabase(many, 2)])).toEqual([before[0], `${before[1]}; New Doe2 2003-01-02`])
  })

  test('users are searched and sorted by the server', async ({ page }) => {
    await page.goto('/users')
    await fillIn(page, 'yeezy', manyUser('yeezy').password)
    const table = page.getByRole('table', { name: 'Users' })
    await page.getByRole('button', { name: 'User Name' }).click()
    await expect.poll(() => shownRows(page, table).then((rows) => rows.map((row) => row[0]))).toEqual(['bruce', 'jeremy', 'joe', 'yeezy'])
    await page.getByRole('searchbox', { name: 'Search by user name' }).fill('E')
    await expect.poll(() => shownRows(page, table).then((rows) => rows.map((row) => row[0]))).toEqual(['bruce', 'jeremy', 'joe', 'yeezy'])
    await page.getByRole('searchbox', { name: 'Search by user name' }).fill('JE')
    await expect.poll(() => shownRows(page, table)).toEqual([['jeremy', 'No']])
    await expect(page).toHaveURL('/users?sort=userName.asc&q=JE')
  })
})
