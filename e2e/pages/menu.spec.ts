import type { Page } from '@playwright/test'
import { userNamed } from '../support/demo'
import { expect, patientsTable, signIn, test } from '../support/test'

const links = (page: Page) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link')
const opener = (page: Page) => page.getByRole('button', { name: 'Open the menu' })

test('the menu has for each what they may open, and marks the open page', async ({ page }) => {
  await signIn(page, userNamed('t3 user2'))
  await expect(links(page).filter({ hasText: /^(Patients|Users|Sessions)$/ })).toHaveCount(3)
  await expect(links(page).filter({ hasText: /^(Tenants|Audit log)$/ })).toHaveCount(0)
  const current = page.getByRole('navigation').locator('[aria-current=page]')
  await expect(current).toHaveText('Patients')
  await links(page).filter({ hasText: 'Sessions' }).click()
  await expect(current).toHaveText('Sessions')
  await expect(page).toHaveTitle('Your sessions · pgtenancy')
  await page.getByRole('button', { name: 'Logout' }).click()
  await signIn(page, userNamed('t6 admin'))
  await expect(links(page).filter({ hasText: /^(Tenants|Audit log)$/ })).toHaveCount(2)
})

test('the keyboard gets past the menu, and through it', async ({ page }) => {
  await signIn(page, userNamed('t3 user2'))
  const skip = page.getByRole('link', { name: 'Skip to the content' })
  expect(await page.evaluate(() => document.querySelector('a[href], button, input')?.textContent)).toBe('Skip to the content')
  await skip.focus()
  await expect(skip).toBeInViewport()
  await page.keyboard.press('Enter')
  await expect(page.locator('#content')).toBeFocused()

  await links(page).filter({ hasText: 'Users' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'Users' })).toBeFocused()
})

test('on a phone a button opens the menu, Escape closes it, and a link leads to its page', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 700 })
  await signIn(page, userNamed('t6 admin'))
  await expect(links(page)).toHaveCount(0)
  await opener(page).focus()
  await page.keyboard.press('Enter')
  await expect(links(page).first()).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(links(page)).toHaveCount(0)
  await expect(opener(page)).toBeFocused()
  await page.keyboard.press('Enter')
  await links(page).filter({ hasText: 'Users' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: 'Users' })).toBeFocused()
  await expect(links(page)).toHaveCount(0)

  // The link of the open page closes the menu, too.
  await opener(page).click()
  await links(page).filter({ hasText: 'Users' }).click()
  await expect(links(page)).toHaveCount(0)
  await expect(page.getByRole('heading', { level: 1, name: 'Users' })).toBeFocused()

  // A phone that is turned becomes wide enough for the sidebar.
  await opener(page).click()
  await page.setViewportSize({ width: 1280, height: 700 })
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await expect(opener(page)).toBeHidden()
  await expect(links(page).first()).toBeVisible()
})

test('while a page is on its way it says so, and one that does not come says what to do', async ({ page }) => {
  await signIn(page, userNamed('t3 user2'))
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  await page.route('**/assets/sessions-*.js', async (route) => {
    await released
    await route.abort('connectionreset')
  })
  await links(page).filter({ hasText: 'Sessions' }).click()
  await expect(page.getByRole('status', { name: 'Loading the page' })).toBeVisible()
  await expect(patientsTable(page)).toHaveCount(0)
  release()
  await expect(page.getByRole('heading', { level: 1, name: 'This page could not be loaded' })).toBeFocused()

  // The other pages are not hurt, and the one is when the network is back.
  await links(page).filter({ hasText: 'Patients' }).click()
  await expect(patientsTable(page)).toBeVisible()
  await page.unroute('**/assets/sessions-*.js')
  await page.goBack()
  await page.getByRole('button', { name: 'Load the page again' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Your sessions' })).toBeVisible()
  await expect(page.getByRole('list', { name: 'Your sessions' })).toBeVisible()
})
