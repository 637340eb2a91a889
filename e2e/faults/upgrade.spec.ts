import { expect, test } from '@playwright/test'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { gatewayLogin, OwnGateway } from '../support/gateway'
import { call, login, sql } from '../support/http'

/** An application on the first version that was released, its gateway running while the extension is brought up to date. */
test.use({ trace: 'off' })

const application = fileURLToPath(new URL('../../tests_pgtap/setup/small_application.sql', import.meta.url))
const database = 'upgraded_under_a_gateway'
const ann = { userName: 'ann', password: 'secret of ann' }
let gateway: OwnGateway

function psql(arguments_: string[]): string {
  return execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', database, ...arguments_], { encoding: 'utf8' }).trim()
}

test.beforeAll(async () => {
  const { url, password } = gatewayLogin()
  const to = new URL(url)
  sql(`drop database if exists ${database} with (force)`)
  sql(`create database ${database} template template0`)
  psql(['-v', 'version=0.1.0', '-v', `login=${to.username}`, '-f', application])
  to.pathname = database
  gateway = await OwnGateway.start([], { TENANCY_GATEWAY_URL: to.href, PGPASSWORD: password })
})

test.afterAll(async () => {
  await gateway.stop()
  sql(`drop database if exists ${database} with (force)`)
})

async function amounts(token: string): Promise<number[]> {
  const answer = await call('GET', '/api/invoices?order=amount', { token, url: gateway.url })
  expect(answer.status, answer.text).toBe(200)
  return (JSON.parse(answer.text) as { amount: number }[]).map(({ amount }) => amount)
}

const version = () => psql(['-c', `select extversion from pg_extension where extname = 'tenancy'`])

test('a running gateway goes on through ALTER EXTENSION UPDATE and a restart that loads the new library', async () => {
  const token = await login(ann, undefined, gateway.url)
  expect(version()).toBe('0.1.0')
  expect(await amounts(token)).toEqual([10, 20])

  // Requests go on while it happens: each is answered rightly or asked to come again.
  let updated = false
  const answers = (async () => {
    const seen = { right: 0, later: 0 }
    do {
      const answer = await call('GET', '/api/invoices?order=amount', { token, url: gateway.url })
      if (answer.status === 503) {
        seen.later += 1
        continue
      }
      expect(answer.status, answer.text).toBe(200)
      expect(JSON.parse(answer.text)).toHaveLength(2)
      seen.right += 1
    } while (!updated)
    return seen
  })()
  try {
    psql(['-c', 'alter extension tenancy update'])
  } finally {
    updated = true
  }
  expect((await answers).right).toBeGreaterThan(0)
  expect(version()).not.toBe('0.1.0')
  expect(await amounts(token)).toEqual([10, 20])
  expect(await amounts(await login(ann, undefined, gateway.url))).toEqual([10, 20])

  execFileSync('/bin/sh', ['-c', process.env.TENANCY_TEST_PG_RESTART!], { stdio: 'inherit' })
  await expect.poll(async () => (await call('GET', '/readyz', { url: gateway.url })).status).toBe(200)
  expect(await amounts(token), 'the session of before').toEqual([10, 20])
})
