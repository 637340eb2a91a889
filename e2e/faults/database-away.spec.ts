import { execFileSync } from 'node:child_process'
import { userNamed } from '../support/demo'
import { expect, expectedRows, fillIn, patientsTable, shownRows, signIn, test } from '../support/test'

function run(name: 'TENANCY_TEST_PG_STOP' | 'TENANCY_TEST_PG_START'): void {
  const command = process.env[name]
  if (!command) throw new Error(`${name} is not set: this test stops the throw-away cluster of ./setup.sh test`)
  execFileSync('/bin/sh', ['-c', command], { stdio: 'inherit' })
}

const away = 'The database is not available.'
const user = userNamed('t2 user2')

test('without its database the page says so, and goes on by itself when it is back', async ({ page }) => {
  await signIn(page, user)
  try {
    run('TENANCY_TEST_PG_STOP')
    await page.reload()
    await expect(page.getByRole('alert')).toContainText(away)
    await expect(patientsTable(page)).toHaveCount(0)
  } finally {
    run('TENANCY_TEST_PG_START')
  }
  await expect(patientsTable(page)).toBeVisible()
  expect(await shownRows(page)).toEqual(expectedRows(user))
})

test('sign-in says so too', async ({ page }) => {
  await page.goto('/signin')
  try {
    run('TENANCY_TEST_PG_STOP')
    await fillIn(page, user.userName, user.password)
    await expect(page.getByRole('alert')).toContainText(away)
  } finally {
    run('TENANCY_TEST_PG_START')
  }
  await expect(async () => {
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(patientsTable(page)).toBeVisible({ timeout: 5000 })
  }).toPass()
})
