import AxeBuilder from '@axe-core/playwright'
import { expect, test } from '../support/test'
import { openView, views } from '../support/views'

// Each view is attached as a picture, which a trace would only repeat.
test.use({ trace: 'off' })

for (const view of views) {
  test(`${view.name}: axe finds nothing in either scheme, on a phone or a screen, and nothing hangs over`, async ({ page, context }, info) => {
    test.slow() // axe reads every node four times
    // What does not hang on the colours is the same in the dark.
    const axe = (scheme: string) => (scheme === 'light' ? new AxeBuilder({ page }) : new AxeBuilder({ page }).withRules(['color-contrast', 'link-in-text-block']))
    // Colours that are still fading in have no contrast to judge.
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
    await openView(context, page, view)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', colorScheme)
      for (const width of [1280, 360]) {
        const form = `${colorScheme}, ${width} px`
        await page.setViewportSize({ width, height: 800 })
        await info.attach(`${view.name}, ${form}`, { body: await page.screenshot({ fullPage: true }), contentType: 'image/png' })
        const { violations } = await axe(colorScheme).analyze()
        const found = violations.map(({ id, impact, nodes }) => ({ id, impact, at: nodes.map((node) => node.html) }))
        expect(found, form).toEqual([])
        const overhang = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        expect(overhang, `${form}: pixels that one must scroll to the side`).toBe(0)
      }
    }
  })
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
