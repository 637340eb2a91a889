import { userNamed } from '../support/demo'
import { expect, fillIn, patientsTable, signIn, test } from '../support/test'

const user = userNamed('t1 user2')
const lost = 'The server cannot be reached.'

test('sign-in says that the network is away, and works when it is back', async ({ page }) => {
  await page.goto('/signin')
  await page.route('**/api/auth/login', (route) => route.abort('internetdisconnected'))
  await fillIn(page, user.userName, user.password)
  await expect(page.getByRole('alert')).toContainText(lost)
  await page.unroute('**/api/auth/login')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(patientsTable(page)).toBeVisible()
})

test('the patients say it too, and can be asked for again', async ({ page }) => {
  await page.route('**/api/patients?*', (route) => route.abort('connectionreset'))
  await page.goto('/patients')
  await fillIn(page, user.userName, user.password)
  await expect(page.getByRole('alert')).toContainText(lost)
  await expect(patientsTable(page)).toHaveCount(0)
  await page.unroute('**/api/patients?*')
  await page.getByRole('button', { name: 'Try again' }).click()
  await expect(patientsTable(page)).toBeVisible()
  await expect(page.getByRole('alert')).toHaveCount(0)
})

test('a page opened without a network does not pretend that one is signed out', async ({ page }) => {
  await signIn(page, user)
  await page.route('**/api/**', (route) => route.abort('connectionrefused'))
  await page.reload()
  await expect(page.getByRole('alert')).toContainText(lost)
  await expect(page).toHaveURL('/patients')
  await page.unroute('**/api/**')
  await page.getByRole('button', { name: 'Try again' }).click()
  await expect(patientsTable(page)).toBeVisible()
})

test('a Logout that did not arrive says that one is still signed in', async ({ page, context }) => {
  await signIn(page, user)
  await page.route('**/api/auth/logout', (route) => route.abort('connectionreset'))
  await page.getByRole('button', { name: 'Logout' }).click()
  await expect(page.getByRole('alert')).toContainText('You are still signed in.')
  expect(await context.cookies()).toHaveLength(1)
  await page.unroute('**/api/auth/logout')
  await page.getByRole('button', { name: 'Try again' }).click()
  await expect(page.getByText('You have signed out.')).toBeVisible()
})

test('while the rows are on their way, the page says so', async ({ page }) => {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  await page.route('**/api/patients?*', async (route) => {
    await released
    await route.continue()
  })
  await page.goto('/patients')
  await fillIn(page, user.userName, user.password)
  await expect(page.getByRole('status', { name: 'Loading patients' })).toBeVisible()
  release()
  await expect(patientsTable(page)).toBeVisible()
  await expect(page.getByRole('status', { name: 'Loading patients' })).toHaveCount(0)
})
