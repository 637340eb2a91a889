import { expect, test } from '@playwright/test'
import { execFileSync } from 'node:child_process'
import { userNamed } from '../support/demo'
import { gatewayLogin, OwnGateway } from '../support/gateway'
import { Held } from '../support/held'
import { call, expectError, sessionOf, sql } from '../support/http'
import { PgBouncer } from '../support/pgbouncer'

// No browser takes part, so a trace would hold nothing and cost half the time.
test.use({ trace: 'off' })
test.describe.configure({ mode: 'serial' })

const pair = [userNamed('t2 user1'), userNamed('t4 user2')] as const
let bouncer: PgBouncer

// One connection to the server: whatever one request leaves there, the next one meets.
test.beforeAll(async () => {
  bouncer = await PgBouncer.start(1)
})

test.afterAll(() => bouncer.end())

function throughBouncer(...options: string[]): Promise<OwnGateway> {
  return OwnGateway.start(['--pooler=transaction', ...options], { TENANCY_GATEWAY_URL: bouncer.url })
}

function onServerConnection(query: string): string {
  const { password } = gatewayLogin()
  return execFileSync('psql', ['-XqAt', '-d', bouncer.url, '-c', query], {
    encoding: 'utf8',
    env: { ...process.env, PGPASSWORD: password },
  }).trim()
}

test('tenants in turn on one connection of a transaction pool: to each the own rows, and nothing left behind', async () => {
  const gateway = await throughBouncer()
  try {
    const { url } = gateway
    const tokens = await Promise.all(pair.map((user) => sessionOf(user)))
    async function client(number: number): Promise<void> {
      for (let round = 0; round < 15; round++) {
        const side = (number + round) % 2 as 0 | 1
        const foreign = pair[1 - side]!.patients[0]!
        const token = tokens[side]
        const answer = await call('GET', '/api/patients', { token, url })
        expect(JSON.parse(answer.text)).toEqual(pair[side].patients)
        expectError(await call('GET', `/api/patients/${foreign.id}`, { token, url }), 404)
      }
    }
    await Promise.all(Array.from({ length: 8 }, (_, number) => client(number)))
    const answer = await call('POST', '/api/auth/login', {
      url,
      body: { userName: pair[0].userName, password: pair[0].password },
    })
    expect(answer.status).toBe(200)
    expect(onServerConnection('select pg_backend_pid()')).toBe(onServerConnection('select pg_backend_pid()'))
    expect(onServerConnection('select count(*) from pg_prepared_statements')).toBe('0')
    expect(onServerConnection('show statement_timeout')).toBe('0')
  } finally {
    await gateway.stop()
  }
})

test('the time that a statement may take holds there too', async () => {
  const gateway = await throughBouncer('--statement-timeout=200')
  const held = new Held(4712)
  try {
    const token = await sessionOf(pair[0])
    await held.hold()
    expectError(await call('GET', held.path, { token, url: gateway.url }), 504)
    expect((await call('GET', '/api/patients', { token, url: gateway.url })).status).toBe(200)
  } finally {
    held.letGo()
    await held.end()
    await gateway.stop()
  }
})

test('the request that the database is told of is not left to the next client', async () => {
  sql(`create view api.whose_turn with (security_invoker = true) as select 1 as id, current_setting('application_name') as name;
       grant select on api.whose_turn to tenancy_user`)
  const gateways = await Promise.all([throughBouncer('--trace-to-database'), throughBouncer()])
  try {
    const token = await sessionOf(pair[0])
    const nameAt = async ({ url }: OwnGateway, id: string): Promise<string> => {
      const answer = await call('GET', '/api/whose_turn/1', { url, token, headers: { 'x-request-id': id } })
      expect(answer.status, answer.text).toBe(200)
      return (JSON.parse(answer.text) as { name: string }).name
    }
    const left = () => sql(`select count(*) from pg_stat_activity where application_name like 'bounced-%'`)
    for (const id of ['bounced-1', 'bounced-2']) {
      expect(await nameAt(gateways[0], id)).toBe(id)
      expect(left()).toBe('0')
      expect(await nameAt(gateways[1], id), 'on the same connection').toBe('tenancy-gateway')
    }
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop()))
    sql('drop view api.whose_turn')
  }
})

test('a pool that dies is a clean 503, and the gateway goes on when it is back', async () => {
  const gateway = await throughBouncer()
  try {
    const { url } = gateway
    const token = await sessionOf(pair[1])
    expect((await call('GET', '/api/patients', { token, url })).status).toBe(200)
    await bouncer.kill()
    for (let round = 0; round < 10; round++) expectError(await call('GET', '/api/patients', { token, url }), 503)
    await bouncer.begin()
    const answer = await call('GET', '/api/patients', { token, url })
    expect(JSON.parse(answer.text)).toEqual(pair[1].patients)
  } finally {
    await gateway.stop()
  }
})
