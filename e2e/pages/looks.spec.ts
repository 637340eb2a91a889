import AxeBuilder from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { userNamed } from '../support/demo'
import { expect, fillIn, signIn, test } from '../support/test'

const views: Record<string, (page: Page) => Promise<void>> = {
  'sign-in': async (page) => {
    await page.goto('/signin')
    await expect(page.getByRole('button', { name: 't6 admin' })).toBeVisible()
  },
  'sign-in refused': async (page) => {
    await page.goto('/signin')
    await expect(page.getByRole('button', { name: 't6 admin' })).toBeVisible()
    await fillIn(page, 'nobody', 'nothing')
    await expect(page.getByRole('alert')).toBeVisible()
  },
  'patients of a user': (page) => signIn(page, userNamed('t3 user2')),
  'patients of the admin': async (page) => {
    await signIn(page, userNamed('t6 admin'))
    await expect(page.getByRole('cell', { name: 'user tenant 5' }).first()).toBeVisible()
  },
  'patients out of reach': async (page) => {
    await page.route('**/api/patients?*', (route) => route.abort('connectionreset'))
    await page.goto('/patients')
    await fillIn(page, 't3 user2', 'user')
    await expect(page.getByRole('alert')).toBeVisible()
  },
  'not here': async (page) => {
    await page.goto('/no-such-page')
    await expect(page.getByRole('heading', { name: 'Not here' })).toBeVisible()
  },
}

for (const [name, open] of Object.entries(views)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${name}, ${colorScheme}: axe finds nothing`, async ({ page }, info) => {
      // Colours that are still fading in have no contrast to judge.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await open(page)
      await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', colorScheme)
      const { violations } = await new AxeBuilder({ page }).analyze()
      expect(violations.map(({ id, impact, nodes }) => ({ id, impact, at: nodes.map((node) => node.html) }))).toEqual([])

      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 800 })
        await info.attach(`${name}, ${colorScheme}, ${width} px`, {
          body: await page.screenshot({ fullPage: true }),
          contentType: 'image/png',
        })
        const overhang = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        expect(overhang, `${width} px: pixels that one must scroll to the side`).toBe(0)
      }
    })
  }
}

test('the colours can be changed by hand, and stay so', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' })
  await page.goto('/signin')
  await page.getByRole('button', { name: 'Use the dark colours' }).click()
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark')
  await page.reload()
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark')
  await expect(page.getByRole('button', { name: 'Use the light colours' })).toBeVisible()
})
