import type { Page } from '@playwright/test'
import { userNamed } from '../support/demo'
import { manyUser } from '../support/many'
import { OwnDemo } from '../support/own-demo'
import { expect, fillIn, test } from '../support/test'

/** The suite locks tables, and findings are made: each demo is the test's own. */
const demos = {
  one: { admin: userNamed('t6 admin'), user: userNamed('t3 user1'), tables: ['app.patients', 'app.tenants', 'app.users'], own: 11 },
  many: { admin: manyUser('yeezy'), user: manyUser('joe'), tables: ['app.patients', 'app.tenants', 'app.user_tenants'], own: 1 },
}

async function openIsolation(page: Page, url: string, { userName, password }: { userName: string; password: string }): Promise<void> {
  await page.goto(`${url}/isolation`)
  await fillIn(page, userName, password)
  await expect(page.getByRole('heading', { level: 1, name: 'Isolation' })).toBeVisible()
}

for (const which of ['one', 'many'] as const) {
  const { admin, user, tables, own } = demos[which]

  test.describe(which, () => {
    test.describe.configure({ mode: 'serial' }) // one database, and runs of before are looked at
    let demo: OwnDemo
    test.beforeAll(async () => {
      demo = await OwnDemo.start(which)
    })
    test.afterAll(() => demo.stop())

    test('an admin sees how the tables are protected, and runs the suite until it is green', async ({ page }) => {
      await openIsolation(page, demo.url, admin)
      const table = page.getByRole('table', { name: 'Protected tables' })
      await expect(table.locator('tbody tr td:first-child')).toHaveText(tables)
      await expect(table.locator('tbody tr td:nth-child(2)')).toHaveText(['intact', 'intact', 'intact'])

      const suite = page.getByRole('region', { name: 'The isolation suite' })
      await expect(suite).toContainText('Nothing stays in the database')
      await expect(suite).toContainText('It has not been run yet.')
      await suite.getByRole('button', { name: 'Run the suite' }).click()
      await expect(suite.getByText(/^Isolation holds: all \d+ lines are green/)).toBeVisible({ timeout: 45_000 })
      for (const name of tables) await expect(suite.locator('summary', { hasText: name })).toContainText(/holds .* \d+ green/)
      await suite.locator('summary').first().focus()
      await page.keyboard.press('Enter')
      await expect(suite.getByText('A row of another tenant is not read', { exact: true }).first()).toBeVisible()
      const lines = await demo.sql('select passed + failed + skipped from tenancy.isolation_runs')
      expect(await suite.locator('.suite-line').count()).toBe(Number(lines))
    })

    test('a finding is shown with its mend; the mend as it is copied makes it go', async ({ page, context }) => {
      await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: demo.url })
      await demo.sql('set client_min_messages = error; alter table app.patients no force row level security')
      await openIsolation(page, demo.url, admin)
      const finding = page.getByRole('article').filter({ hasText: 'rls_not_forced' })
      await expect(finding).toContainText('app.patients')
      await expect(finding).toContainText('critical')
      await expect(finding).toContainText('What an attacker gains:')
      await expect(page.getByText(/(One way around isolation is|\d+ ways around isolation are) open\b.* \d+ rules were tried\./)).toBeVisible()
      await expect(page.getByRole('row', { name: /app\.patients/ })).toContainText('broken')

      await finding.getByRole('button', { name: /^Copy: / }).focus()
      await page.keyboard.press('Enter')
      await expect(finding.getByRole('button', { name: /^Copied: / })).toBeVisible()
      const mend = await page.evaluate(() => navigator.clipboard.readText())
      expect(mend).toContain('force row level security')
      await demo.sql(mend)
      await page.getByRole('button', { name: 'Check again' }).click()
      await expect(finding).toHaveCount(0)
      await expect(page.getByRole('row', { name: /app\.patients/ })).toContainText('intact')
    })

    test('a hole turns the suite red, with what came out; the run before is still there', async ({ page }) => {
      await demo.sql('set client_min_messages = error; alter table app.patients disable row level security')
      await openIsolation(page, demo.url, admin)
      const suite = page.getByRole('region', { name: 'The isolation suite' })
      await suite.getByRole('button', { name: 'Run the suite' }).click()
      await expect(suite.getByText(/lines? of \d+ (is|are) red\./)).toBeVisible({ timeout: 45_000 })
      await expect(suite.locator('.suite-line-red').first()).toBeVisible()
      await expect(suite.locator('.suite-line-red pre').first()).not.toBeEmpty()
      await demo.sql('alter table app.patients enable row level security')
      const runs = suite.getByRole('list').last()
      await runs.getByRole('button', { name: /all green/ }).click()
      await expect(suite.getByText(/^Isolation holds/)).toBeVisible()
    })

    test('an admin asks why, and is told whose a row is', async ({ page }) => {
      await openIsolation(page, demo.url, admin)
      await page.getByRole('textbox', { name: 'Id' }).fill('1')
      await page.getByRole('button', { name: 'Ask why' }).click()
      await expect(page.getByText('You see it. It belongs to tenant 1.')).toBeVisible()
    })

    test('a tenant asks why and learns nothing of others; the rest is not for tenants', async ({ page }) => {
      const asked: string[] = []
      page.on('request', (request) => asked.push(new URL(request.url()).pathname))
      await openIsolation(page, demo.url, user)
      await expect(page.getByRole('heading', { level: 2 })).toHaveText(['Why do I see a row, or not?'])
      const ask = async (key: string, says: string) => {
        await page.getByRole('textbox', { name: 'Id' }).fill(key)
        await page.keyboard.press('Enter')
        await expect(page.getByText(says)).toBeVisible()
      }
      await ask(String(own), 'You see it.')
      const nothing = 'No row that you may see has this key: it is not there, or it is not yours.'
      await ask(which === 'one' ? '1' : '6', nothing)
      await ask('999999', nothing)
      await ask('seven', 'This is no id.')
      for (const path of asked) expect(path).not.toMatch(/protected_tables|findings|isolation_run/)
    })
  })
}
