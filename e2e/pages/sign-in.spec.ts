import { users, userNamed } from '../support/demo'
import { expect, expectedRows, fillIn, patientsTable, shownRows, signIn, test } from '../support/test'

test.describe('each of the demo users sees exactly the rows of the own tenant', () => {
  for (const user of users) {
    test(user.userName, async ({ page, answers, context }) => {
      await signIn(page, user)

      await expect(page.getByText(`Welcome, ${user.userName} of ${user.tenant.displayName}`, { exact: true })).toBeVisible()
      expect(await shownRows(page)).toEqual(expectedRows(user))
      expect(await shownRows(page)).toHaveLength(user.tenant.isAdmin ? 25 : 5)
      await answers.expectOnlyOf(user)

      // Nothing that a script on the page could steal.
      expect(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length])).toEqual(['', 0, 0])
      const [cookie, ...others] = await context.cookies()
      expect(others).toEqual([])
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' })
    })
  }
})

test('the columns are those of the reference, and the admin has the tenant besides', async ({ page }) => {
  const headings = page.getByRole('columnheader')
  await signIn(page, userNamed('t3 user2'))
  await expect(headings).toHaveText(['First Name', 'Last Name', 'Date of Birth'])
  await page.getByRole('button', { name: 'Logout' }).click()
  await signIn(page, userNamed('t6 admin'))
  await expect(headings).toHaveText(['First Name', 'Last Name', 'Date of Birth', 'Tenant'])
})

test('a wrong password and an unknown name get the same words', async ({ page, answers }) => {
  await page.goto('/signin')
  const words: string[] = []
  for (const [userName, password] of [
    ['t1 user1', 'not this'],
    ['nobody of this name', 'user'],
  ] as const) {
    await fillIn(page, userName, password)
    const alert = page.getByRole('alert')
    await expect(alert).toBeFocused()
    words.push(await alert.innerText())
    await page.reload()
  }
  expect(words[0]).toContain('The user name or the password is wrong.')
  expect(words[1]).toBe(words[0])

  const refusals = (await answers.all()).filter((answer) => answer.call === 'POST /api/auth/login')
  expect(refusals.map((answer) => answer.status)).toEqual([401, 401])
  expect(refusals[1]?.text).toBe(refusals[0]?.text)
})

test('an empty form is not sent, and says what is missing', async ({ page, answers }) => {
  await page.goto('/signin')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByText('Type your user name.')).toBeVisible()
  await expect(page.getByLabel('User name')).toBeFocused()
  expect((await answers.all()).map((answer) => answer.call)).not.toContain('POST /api/auth/login')
})

test('the instructions come from the server and fill the form', async ({ page }) => {
  await page.goto('/signin')
  for (const user of users) await expect(page.getByRole('button', { name: user.userName })).toBeVisible()
  await page.getByRole('button', { name: 't3 user2' }).click()
  await expect(page.getByLabel('User name')).toHaveValue('t3 user2')
  // Only now: the button has the focus, so Enter is enough.
  await page.keyboard.press('Enter')
  await expect(page.getByText('Welcome, t3 user2 of user tenant 3')).toBeVisible()
})

test('without a loaded demo there are no instructions, and sign-in works', async ({ page }) => {
  await page.route('**/api/demo', (route) => route.fulfill({ status: 404, json: { code: 'TNCY404', message: 'no demo' } }))
  await signIn(page, userNamed('t2 user1'))
  await expect(patientsTable(page)).toBeVisible()
})

test('the keyboard is enough', async ({ page }) => {
  await page.goto('/signin')
  await expect(page.getByLabel('User name')).toBeFocused()
  await page.keyboard.type('t4 user1')
  await page.keyboard.press('Tab')
  await page.keyboard.type('user')
  await page.keyboard.press('Enter')

  await expect(page.getByRole('heading', { name: 'Patients' })).toBeFocused()
  await expect(patientsTable(page)).toBeVisible()
  const firstNames = () => shownRows(page).then((rows) => rows.map((row) => row[0]))
  for (const name of ['Add patient', 'Search by name', 'First Name']) {
    await page.keyboard.press('Tab')
    await expect(page.locator(':focus')).toHaveAccessibleName(name)
  }
  await page.keyboard.press('Enter')
  await expect.poll(firstNames).toEqual(['Bart', 'Homer', 'Jane', 'John', 'Maggie'])
  await page.keyboard.press('Enter')
  await expect.poll(firstNames).toEqual(['Maggie', 'John', 'Jane', 'Homer', 'Bart'])

  for (let step = 0; step < 3; step++) await page.keyboard.press('Shift+Tab')
  await expect(page.getByRole('button', { name: 'Logout' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByText('You have signed out.')).toBeVisible()
})
