import type { Page } from '@playwright/test'
import { tenants as tenantsOfOne, userNamed, users as usersOfOne } from '../support/demo'
import { call, login, type Login } from '../support/http'
import { manyUser, membersOf, patientsOf, tenants as tenantsOfMany } from '../support/many'
import type { OwnDemo } from '../support/own-demo'
import { test } from '../support/own-demos'
import { expect, fillIn, patientsTable, shownRows } from '../support/test'

// Nobody else may be in a tenant that is suspended: hence demos of this file's own, and one test after the other.
test.describe.configure({ mode: 'default' })
let one: OwnDemo
let many: OwnDemo
test.beforeEach(({ demos }) => {
  ;({ one, many } = demos)
})
// Also when the test failed in between.
test.afterEach(async () => {
  const resumeAll = 'select tenancy.resume(tenant_id) from tenancy.suspensions'
  await Promise.all([one.sql(resumeAll), many.sql(resumeAll)])
})

const [admin, yeezy, jeremy, joe] = [userNamed('t6 admin'), manyUser('yeezy'), manyUser('jeremy'), manyUser('joe')]
const items = (page: Page, name: string) => page.getByRole('list', { name, exact: true }).getByRole('listitem')
const tenantItem = (page: Page, name: string) =>
  items(page, 'Tenants').filter({ has: page.getByRole('heading', { name: new RegExp(`^${name}( Suspended)?$`) }) })
const title = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true })
const suspendedTitle = (page: Page) => title(page, 'This tenant is suspended')
const banner = (page: Page) => page.getByRole('region', { name: 'Tenant that you are in' })

async function enter(page: Page, { userName, password }: Login, path: string): Promise<void> {
  await page.goto(path)
  await fillIn(page, userName, password)
}

async function openTenants(page: Page, user: Login = admin): Promise<void> {
  await enter(page, user, '/admin/tenants')
  await expect(title(page, 'Tenants')).toBeFocused()
  await expect(items(page, 'Tenants').first()).toBeVisible()
}

async function suspend(page: Page, name: string, reason: string): Promise<void> {
  await tenantItem(page, name).getByRole('button', { name: `Suspend ${name}` }).click()
  const dialog = page.getByRole('dialog', { name: `Suspend ${name}?` })
  await dialog.getByRole('textbox', { name: 'Reason' }).fill(reason)
  await dialog.getByRole('button', { name: 'Suspend' }).click()
  await expect(page.getByText(`${name} is suspended.`)).toBeVisible()
}

async function resume(page: Page, name: string): Promise<void> {
  await tenantItem(page, name).getByRole('button', { name: `Resume ${name}` }).click()
  await page.getByRole('dialog', { name: `Resume ${name}?` }).getByRole('button', { name: 'Resume' }).click()
  await expect(page.getByText(`${name} is open again.`)).toBeVisible()
}

test('an admin sees all tenants, with how much is in each', async ({ page }) => {
  await login(userNamed('t2 user1'), undefined, one.url)
  await openTenants(page)
  await expect(page.getByText(`${tenantsOfOne.length} tenants`)).toBeVisible()
  await expect(items(page, 'Tenants')).toHaveCount(tenantsOfOne.length)
  for (const tenant of tenantsOfOne) {
    const members = usersOfOne.filter((user) => user.tenant.id === tenant.id)
    const patients = tenant.isAdmin ? 0 : members[0]!.patients.length
    await expect(tenantItem(page, tenant.displayName)).toContainText(
      `${members.length} user${members.length === 1 ? '' : 's'}, ${patients} patients`,
    )
  }
  await expect(tenantItem(page, 'user tenant 2')).toContainText('1 session')
  await page.getByRole('searchbox', { name: 'Find a tenant by name' }).fill('TENANT 4')
  await expect(items(page, 'Tenants')).toHaveCount(1)
  await expect(tenantItem(page, 'user tenant 4')).toBeVisible()
  await page.getByRole('searchbox').fill('%')
  await expect(page.getByText('No tenant has a name with “%” in it.')).toBeVisible()
})

test('an admin steps into a tenant from the list, sees its rows alone, and goes back', async ({ page }) => {
  await openTenants(page)
  await tenantItem(page, 'user tenant 4').getByRole('button', { name: 'Step in to user tenant 4' }).click()
  await expect(banner(page)).toContainText('You are in user tenant 4 and see its rows alone.')
  await expect(page).toHaveURL('/patients')
  await expect(title(page, 'Patients')).toBeFocused()
  await expect.poll(async () => (await shownRows(page)).length).toBe(5)

  // The pages about all tenants say why they are closed here.
  for (const path of ['/admin/tenants', '/admin/audit']) {
    await page.goto(path)
    await expect(title(page, 'Not inside a tenant')).toBeVisible()
  }
  await page.getByRole('main').getByRole('button', { name: 'See all tenants' }).click()
  await expect(title(page, 'Audit log')).toBeFocused()
  await expect(banner(page)).toHaveCount(0)
})

test('a suspension needs a reason; the tenant’s users are out at the next click, and back after it', async ({ page, browser }) => {
  const context = await browser.newContext({ baseURL: one.url })
  const theirs = await context.newPage()
  await enter(theirs, userNamed('t3 user1'), '/patients')
  await expect(patientsTable(theirs)).toBeVisible()
  const others = await login(userNamed('t5 user2'), undefined, one.url)

  await openTenants(page)
  await tenantItem(page, 'user tenant 3').getByRole('button', { name: 'Suspend user tenant 3' }).click()
  const dialog = page.getByRole('dialog', { name: 'Suspend user tenant 3?' })
  await expect(dialog.getByRole('textbox', { name: 'Reason' })).toBeFocused()
  await page.keyboard.type('  ')
  await dialog.getByRole('button', { name: 'Suspend' }).click()
  await expect(dialog.getByText('Say why in a sentence.')).toBeVisible()
  await expect(dialog.getByRole('textbox', { name: 'Reason' })).toBeFocused()
  expect(await one.sql('select count(*) from tenancy.suspensions')).toBe('0')
  await page.keyboard.type('Invoice 2231 is not paid.')
  await dialog.getByRole('button', { name: 'Suspend' }).click()
  await expect(page.getByText('user tenant 3 is suspended.')).toBeVisible()
  await expect(title(page, 'Tenants')).toBeFocused()
  await expect(tenantItem(page, 'user tenant 3')).toContainText('Invoice 2231 is not paid.')
  await expect(tenantItem(page, 'user tenant 3').getByRole('button', { name: /Step in/ })).toHaveCount(0)

  await theirs.getByRole('link', { name: 'Users' }).click()
  await expect(suspendedTitle(theirs)).toBeFocused()
  await expect(theirs.getByText('Nobody can work in user tenant 3 until an admin resumes it.')).toBeVisible()
  await expect(theirs.getByRole('table')).toHaveCount(0)
  await expect(theirs.getByText('Invoice')).toHaveCount(0)
  await expect(theirs.getByRole('button', { name: 'Choose another tenant' })).toHaveCount(0)
  await theirs.goBack()
  await expect(suspendedTitle(theirs)).toBeVisible()
  await theirs.reload()
  await expect(suspendedTitle(theirs)).toBeVisible()
  await theirs.getByRole('button', { name: 'Logout' }).click()
  await expect(theirs.getByText('You have signed out.')).toBeVisible()
  await enter(theirs, userNamed('t3 user2'), '/users')
  await expect(suspendedTitle(theirs)).toBeVisible()
  expect((await call('GET', '/api/patients', { token: others, url: one.url })).status).toBe(200)

  await resume(page, 'user tenant 3')
  await expect(tenantItem(page, 'user tenant 3')).not.toContainText('Suspended')
  await theirs.getByRole('button', { name: 'Try again' }).click()
  await expect(title(theirs, 'Users')).toBeVisible()
  await expect(theirs).toHaveURL('/users')
  await context.close()
})

test('what another admin did meanwhile is said, and not done twice', async ({ page }) => {
  await openTenants(page)
  await tenantItem(page, 'user tenant 1').getByRole('button', { name: 'Suspend user tenant 1' }).click()
  await one.sql("select tenancy.suspend('1', 'by another admin')")
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('late')
  await dialog.getByRole('button', { name: 'Suspend' }).click()
  await expect(page.getByText('user tenant 1 was suspended already.')).toBeVisible()
  await expect(tenantItem(page, 'user tenant 1')).toContainText('by another admin')
})

test('an admin who is in the tenant when it is suspended is told, and can go back to all', async ({ page }) => {
  await openTenants(page)
  await tenantItem(page, 'user tenant 2').getByRole('button', { name: /Step in/ }).click()
  await expect(banner(page)).toContainText('user tenant 2')
  // Else the page learns of it from the rows that it is still loading, before anybody clicks.
  await expect.poll(async () => (await shownRows(page)).length).toBeGreaterThan(0)
  await one.sql("select tenancy.suspend('2', 'a test')")
  await page.getByRole('link', { name: 'Users' }).click()
  await expect(suspendedTitle(page)).toBeVisible()
  await page.getByRole('button', { name: 'Back to all tenants' }).click()
  await expect(title(page, 'Users')).toBeVisible()
  await expect(banner(page)).toHaveCount(0)
})

test('the audit log has what was done, the newest first, and can be filtered', async ({ page }) => {
  await openTenants(page)
  await suspend(page, 'user tenant 5', 'They asked for it.')
  await resume(page, 'user tenant 5')
  await page.getByRole('link', { name: 'Audit log' }).click()
  await expect(title(page, 'Audit log')).toBeFocused()
  const entries = items(page, 'Audit log')
  await expect(entries.nth(0)).toContainText('A tenant was resumed')
  await expect(entries.nth(1)).toContainText('A tenant was suspended')
  await expect(entries.nth(1)).toContainText('They asked for it.')
  await expect(entries.nth(1)).toContainText('user tenant 5')
  await expect(entries.nth(1)).toContainText(`${admin.userName}, through login `)

  await page.getByRole('combobox', { name: 'Action' }).click()
  await page.getByRole('option', { name: 'A tenant was suspended' }).click()
  await expect(entries.filter({ hasText: 'A tenant was resumed' })).toHaveCount(0)
  await page.getByRole('combobox', { name: 'Tenant' }).click()
  await page.getByRole('option', { name: 'user tenant 5' }).click()
  await expect(entries).toHaveCount(1)
  await expect(page).toHaveURL('/admin/audit?action=suspend&tenant=5')
  await page.reload()
  await expect(entries).toHaveCount(1)
  await page.getByLabel('To', { exact: true }).fill('2020-01-01')
  await expect(page.getByText('No entry is like this.')).toBeVisible()
  await page.getByLabel('To', { exact: true }).fill(new Date().toLocaleDateString('sv'))
  await expect(entries).toHaveCount(1)
  await page.getByRole('button', { name: 'Show all' }).click()
  await expect(page).toHaveURL('/admin/audit')
  await expect(entries.nth(0)).toContainText('A tenant was resumed')
})

test('the audit log is read page by page, and each entry once, also while new ones come', async ({ page }) => {
  const add = (count: number) =>
    one.sql(`select tenancy.suspend('1', 'entry ' || n), tenancy.resume('1') from generate_series(1, ${count}) n`)
  await add(35)
  await enter(page, admin, '/admin/audit?action=suspend&tenant=1')
  const entries = items(page, 'Audit log')
  await expect(entries).toHaveCount(30)
  await expect(entries.first()).toContainText('entry 35')
  await add(3)
  await page.getByRole('button', { name: 'Show more entries' }).click()
  await expect(entries.filter({ hasText: /entry 1$/ })).toHaveCount(1)
  const shown = await entries.evaluateAll((all) => all.map((item) => /entry \d+/.exec(item.textContent ?? '')?.[0]))
  const wanted = Array.from({ length: 35 }, (_, index) => `entry ${35 - index}`)
  expect(shown.slice(0, 35)).toEqual(wanted)
})

test('the pages of admins are closed to others, in words and in the database', async ({ page }) => {
  await enter(page, userNamed('t1 user1'), '/admin/tenants')
  await expect(title(page, 'For admins only')).toBeFocused()
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Tenants' })).toHaveCount(0)
  await page.goto('/admin/audit')
  await expect(title(page, 'For admins only')).toBeVisible()
  await page.getByRole('link', { name: 'Go to the patients' }).click()
  await expect(patientsTable(page)).toBeVisible()

  const token = await login(userNamed('t1 user1'), undefined, one.url)
  for (const path of ['/api/tenant_overview', '/api/audit_log']) {
    const answer = await call('GET', path, { token, url: one.url })
    expect([403, 404], `${path} ${answer.text}`).toContain(answer.status)
  }
  for (const [name, body] of [
    ['suspend_tenant', { tenant: '2', reason: 'mine now' }],
    ['resume_tenant', { tenant: '2' }],
  ] as const) {
    const answer = await call('POST', `/api/rpc/${name}`, { token, url: one.url, body })
    expect([403, 404], `${name} ${answer.text}`).toContain(answer.status)
  }
  expect(await one.sql('select count(*) from tenancy.suspensions')).toBe('0')
})

test.describe('of users with many tenants', () => {
  test.use({ baseURL: async ({ demos }, use) => use(demos.many.url) })

  test('an admin sees both tenants, and steps into one', async ({ page }) => {
    await openTenants(page, yeezy)
    await expect(items(page, 'Tenants')).toHaveCount(tenantsOfMany.length)
    for (const { id, displayName } of tenantsOfMany) {
      await expect(tenantItem(page, displayName)).toContainText(`${membersOf(id).length} users, ${patientsOf(id).length} patients`)
    }
    await tenantItem(page, 'tenant 2').getByRole('button', { name: /Step in/ }).click()
    await expect(banner(page)).toContainText('You are in tenant 2')
    await page.getByRole('button', { name: 'Back to all tenants' }).click()
    await expect(banner(page)).toHaveCount(0)
  })

  test('who belongs to another tenant goes on there, and who does not waits', async ({ page, browser }) => {
    const context = await browser.newContext({ baseURL: many.url })
    const theirs = await context.newPage()
    await enter(theirs, jeremy, '/patients')
    await theirs.getByRole('main').getByRole('button', { name: 'tenant 1', exact: true }).click()
    await expect(patientsTable(theirs)).toBeVisible()
    await openTenants(page, yeezy)
    await suspend(page, 'tenant 1', 'A test.')

    await theirs.getByRole('link', { name: 'Users' }).click()
    await expect(suspendedTitle(theirs)).toBeVisible()
    await theirs.getByRole('button', { name: 'Choose another tenant' }).click()
    await theirs.getByRole('main').getByRole('button', { name: 'tenant 1', exact: true }).click()
    await expect(theirs.getByRole('alert')).toContainText('This tenant is suspended.')
    await theirs.getByRole('main').getByRole('button', { name: 'tenant 2', exact: true }).click()
    await expect(theirs.getByText('Welcome, jeremy of tenant 2')).toBeVisible()
    await expect(title(theirs, 'Users')).toBeVisible()
    await theirs.getByRole('button', { name: 'Logout' }).click()
    await enter(theirs, joe, '/patients')
    await expect(suspendedTitle(theirs)).toBeVisible()
    await resume(page, 'tenant 1')
    await theirs.getByRole('button', { name: 'Try again' }).click()
    await expect(patientsTable(theirs)).toBeVisible()
    await context.close()
  })
})
