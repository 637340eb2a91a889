import type { Page } from '@playwright/test'
import { OwnDemo } from '../support/own-demo'
import { expect, test } from '../support/test'
import { openView, views, type Form } from '../support/views'

/**
 * The main pages as they looked when somebody last looked at them: pictures/*.png. Where one differs, look at both in the
 * report. When the new one is right, `./setup.sh test e2e pages/pictures.spec.ts --update-snapshots` keeps it.
 */
test.describe.configure({ mode: 'default' })

const forms: Record<Form, { colorScheme: 'light' | 'dark'; width: number; height: number }> = {
  light: { colorScheme: 'light', width: 1280, height: 800 },
  dark: { colorScheme: 'dark', width: 1280, height: 800 },
  phone: { colorScheme: 'light', width: 360, height: 740 },
  'dark phone': { colorScheme: 'dark', width: 360, height: 740 },
}

// Nobody else changes their rows. Those of own-demos.ts would be handed on to the next file of the worker, sessions and all.
let demos: Record<'one' | 'many', OwnDemo>

test.beforeAll(async () => {
  demos = { one: await OwnDemo.start('one'), many: await OwnDemo.start('many') }
})

test.afterAll(async () => {
  await demos.one.stop()
  await demos.many.stop()
})

/** Times and dates of now, which are others tomorrow. */
function keepStill(): void {
  const changing: [RegExp, string][] = [
    [/[A-Z][a-z]{2} \d{1,2}, \d{4}, \d{1,2}:\d{2}\s[AP]M/g, 'Jan 15, 2026, 10:30 AM'],
    [/\d{1,2}:\d{2}(:\d{2})?/g, '10:30'],
    [/\b(\d+ minutes ago|1 minute ago)\b/g, 'just now'],
  ]
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    let text = node.nodeValue ?? ''
    for (const [what, by] of changing) text = text.replace(what, by)
    if (text !== node.nodeValue) node.nodeValue = text
  }
}

/** What the check finds in the databases of other tests, which come and go, is left out. */
async function leaveOthersOut(page: Page): Promise<void> {
  await page.route('**/api/rpc/findings*', async (route) => {
    const response = await route.fetch()
    const findings = (await response.json()) as { rule: string }[]
    await route.fulfill({ response, json: findings.filter(({ rule }) => rule !== 'connect_to_other_databases') })
  })
}

for (const view of views) {
  for (const form of view.picture ?? []) {
    test(`${view.name}, ${form}`, async ({ page, context }) => {
      const { colorScheme, ...size } = forms[form]
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.setViewportSize(size)
      const demo = demos[view.demo]
      await demo.sql('delete from tenancy.session') // pages count them
      await leaveOthersOut(page)
      await openView(context, page, view, demo.url)
      await page.mouse.move(0, 0)
      await page.evaluate(keepStill)
      await expect(page).toHaveScreenshot(`${view.name} ${form}.png`.replaceAll(' ', '-'))
    })
  }
}
