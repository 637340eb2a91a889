import { users } from '../support/demo'
import { manyUser, patientsOf, tenants, type ManyUser } from '../support/many'
import { OwnDemo } from '../support/own-demo'
import { expect, expectedRows, fillIn, patientCells, shownRows, signIn, test } from '../support/test'

/** What matters most, once under each way in which a gateway may keep its connections to the database. */
for (const scope of ['request', 'durable', 'singleton']) {
  test.describe(`--client-scope=${scope}`, () => {
    test.describe.configure({ mode: 'default' })
    let one: OwnDemo
    let many: OwnDemo

    test.beforeAll(async () => {
      one = await OwnDemo.start('one', [`--client-scope=${scope}`])
      many = await OwnDemo.start('many', [`--client-scope=${scope}`])
    })

    test.afterAll(async () => {
      await one.stop()
      await many.stop()
    })

    test('a user of each tenant signs in after the other, in one browser, and sees exactly the own rows', async ({ page, answers }) => {
      const ofEach = users.filter(({ tenant }, index) => index === users.findIndex((other) => other.tenant.id === tenant.id))
      for (const user of ofEach) {
        await signIn(page, user, `${one.url}/patients`)
        await expect(page.getByText(`Welcome, ${user.userName} of ${user.tenant.displayName}`, { exact: true })).toBeVisible()
        await expect.poll(() => shownRows(page)).toEqual(expectedRows(user))
        await page.getByRole('button', { name: 'Logout' }).click()
        await expect(page.getByText('You have signed out.')).toBeVisible()
        const rows = (await answers.take()).filter(({ call, status }) => call === 'GET /api/patients' && status === 200)
        expect(rows).not.toEqual([])
        for (const { text } of rows) expect(JSON.parse(text)).toEqual(user.patients)
      }
    })

    test('somebody with two tenants switches between them, and each time sees one alone', async ({ page }) => {
      const nameOf = (id: number) => tenants.find((tenant) => tenant.id === id)!.displayName
      const expectTenant = async ({ userName }: ManyUser, id: number) => {
        await expect(page.getByText(`Welcome, ${userName} of ${nameOf(id)}`, { exact: true })).toBeVisible()
        await expect.poll(() => shownRows(page)).toEqual(patientsOf(id).map(patientCells))
      }
      const jeremy = manyUser('jeremy')
      await page.goto(`${many.url}/patients`)
      await fillIn(page, jeremy.userName, jeremy.password)
      await page.getByRole('main').getByRole('button', { name: nameOf(1), exact: true }).click()
      await expectTenant(jeremy, 1)
      for (const id of [2, 1, 2]) {
        await page.getByRole('button', { name: 'Switch tenant' }).click()
        await page.getByRole('menuitem', { name: nameOf(id), exact: true }).click()
        await expectTenant(jeremy, id)
      }
      await page.getByRole('button', { name: 'Logout' }).click()
      const joe = manyUser('joe')
      await signIn(page, joe, `${many.url}/patients`)
      await expectTenant(joe, 1)
    })

    test('the gateway did keep them so', () => {
      const scopes = one.gateway.log.filter(({ message }) => /client created$/.test(message)).map((line) => line.scope)
      expect(new Set(scopes)).toEqual(new Set([scope]))
    })
  })
}
