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

// Nobody else changes their rows.
let demos: Record<'one' | 'many', OwnDemo>

test.beforeAll(async () => {
  demos = { one: await OwnDemo.start('one'), many: await OwnDemo.start('many') }
})

test.afterAll(async () => {
  await demos.one.stop()
  await demos.many.stop()
})

for (const view of views) {
  for (const form of view.picture ?? []) {
    test(`${view.name}, ${form}`, async ({ page, context }) => {
      const { colorScheme, ...size } = forms[form]
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.setViewportSize(size)
      await openView(context, page, view, demos[view.demo].url)
      await expect(page).toHaveScreenshot(`${view.name} ${form}.png`.replaceAll(' ', '-'))
    })
  }
}
