import { expect, test } from '@playwright/test'
import { call } from '../support/http'
import { startRest, type RestGateway } from '../support/rest'

/** What the gateway knows of the exposed schema, on a database of its own: DDL shows without a restart. */
test.use({ trace: 'off' })
test.describe.configure({ mode: 'serial' })

let rest: RestGateway

test.beforeAll(async () => {
  rest = await startRest()
})

test.afterAll(() => rest.stop())

test('two tenants and an admin see their rows', async () => {
  const rows = async (token: string) => JSON.parse((await call('GET', '/api/tags', { token, url: rest.url })).text) as object[]
  expect(await rows(await rest.login('ann'))).toHaveLength(3)
  expect(await rows(await rest.login('ben'))).toHaveLength(1)
  expect(await rows(await rest.login('olga'))).toHaveLength(4)
})
