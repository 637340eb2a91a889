import { OwnDemo } from './own-demo'
import { test as base } from './test'

/**
 * Pages of the first demo, on demos that no test at the same time meets: they may be changed, and are left as they were found,
 * but for sessions, for the test after, which may be of another file of the same worker. Its file says `test.describe.configure({ mode: 'default' })`, so that its tests take turns.
 */
export const test = base.extend<object, { demos: Record<'one' | 'many', OwnDemo> }>({
  demos: [
    async ({}, use) => {
      const one = await OwnDemo.start('one')
      try {
        const many = await OwnDemo.start('many')
        try {
          await use({ one, many })
        } finally {
          await many.stop()
        }
      } finally {
        await one.stop()
      }
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ demos }, use) => use(demos.one.url),
})
