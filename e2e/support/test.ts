import { test as base, expect, type Locator, type Page } from '@playwright/test'
import { Answers } from './answers'
import { tenantName, type Patient, type User } from './demo'
import type { Login } from './http'

export { expect }

/** A page whose every answer is kept, and which fails the test when the browser reports an error in it. */
export const test = base.extend<{ answers: Answers; quiet: void }>({
  answers: async ({ page }, use) => {
    const answers = new Answers(page)
    await use(answers)
    await answers.expectHarmless()
  },
  quiet: [
    async ({ page }, use) => {
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(error.message))
      page.on('console', (message) => {
        // The browser logs each refused or lost request; what the page makes of those is the test's matter.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
          complaints.push(message.text())
        }
      })
      await use()
      expect(complaints, 'errors in the browser').toEqual([])
    },
    { auto: true },
  ],
})

export async function fillIn(page: Page, userName: string, password: string): Promise<void> {
  await page.getByRole('textbox', { name: 'User name' }).fill(userName)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

export function patientsTable(page: Page): Locator {
  return page.getByRole('table', { name: 'Patients' })
}

export async function signIn(page: Page, user: Login, path = '/patients'): Promise<void> {
  await page.goto(path)
  await fillIn(page, user.userName, user.password)
  await expect(patientsTable(page)).toBeVisible()
}

export function patientCells({ firstName, lastName, dob }: Patient): string[] {
  const [year, month, day] = dob.split('-')
  return [firstName, lastName, `${month}/${day}/${year}`]
}

/** What the table must show to this user, row by row. */
export function expectedRows(user: User): string[][] {
  return user.patients.map((row) => {
    const cells = patientCells(row)
    return user.tenant.isAdmin ? [...cells, tenantName(row.tenantId)] : cells
  })
}

/** What the rows say; what can be done with them is no part of it. */
export async function shownRows(page: Page, table = patientsTable(page)): Promise<string[][]> {
  const rows = table.locator('tbody tr')
  return rows.evaluateAll((all) =>
    all.map((row) => Array.from(row.querySelectorAll('td:not(.row-actions)'), (cell) => cell.textContent ?? '')),
  )
}
