import { expect, test } from '@playwright/test'
import { isDeepStrictEqual } from 'node:util'
import { userNamed } from '../support/demo'
import { gatewayLogin, OwnGateway } from '../support/gateway'
import { call, login, sql, type Answer } from '../support/http'

/**
 * All that a gateway does, at the same time: work for its threads, and for a sanitizer (see gateway/README.md). Its
 * connections are ended meanwhile, so a request may end with a clean 503.
 */
test.use({ trace: 'off' })

const people = ['t1 user1', 't2 user1', 't3 user1', 't5 user2'].map(userNamed)
const name = 'mixed_load'

test('requests of every kind, reloads, changes of the schema and lost connections go together', async () => {
  const url = new URL(gatewayLogin().url)
  url.searchParams.set('application_name', name)
  const options = ['--client-scope=durable', '--tenant-connections=2', '--metrics-listen=127.0.0.1:0']
  const gateway = await OwnGateway.start(options, { TENANCY_GATEWAY_URL: url.href })
  const tokens = await Promise.all(people.map((who) => login(who)))
  let answered = 0

  async function ask(number: number, round: number): Promise<void> {
    const { userName, password, patients } = people[number % people.length]!
    const one = patients[0]!
    const to = { token: tokens[number % people.length]!, url: gateway.url }
    const lines = { accept: 'application/x-ndjson' }
    const kinds: [number, () => Promise<Answer>, object?][] = [
      [200, () => call('GET', '/api/patients', to), patients],
      [200, () => call('GET', `/api/patients?id=eq.${one.id}`, { ...to, headers: lines }), one],
      [200, () => call('GET', `/api/patients/${one.id}`, to), one],
      [204, () => call('PATCH', `/api/patients/${one.id}`, { ...to, body: { firstName: 'Nobody' }, headers: { prefer: 'tx=rollback' } })],
      [200, () => call('GET', '/api/', to)],
      [400, () => call('GET', '/api/patients?select=nothing', to)],
      [200, () => call('POST', '/api/auth/login', { url: to.url, body: { userName, password } })],
      [200, () => call('GET', '/api/auth/session', to)],
      [403, () => call('GET', '/api/stats', to)],
      [200, () => call('GET', '/readyz', to)],
    ]
    const [status, send, body] = kinds[(number + round) % kinds.length]!
    const answer = await send()
    if (answer.status === 503) return
    expect(answer.status, answer.text).toBe(status)
    if (body && !isDeepStrictEqual(JSON.parse(answer.text), body)) expect(JSON.parse(answer.text)).toEqual(body)
    answered++
  }

  const clients = Array.from({ length: 24 }, async (_, number) => {
    for (let round = 0; round < 40; round++) await ask(number, round)
  })
  for (let time = 0; time < 5; time++) {
    const before = answered
    gateway.signal('SIGHUP')
    sql(`create view api.${name} as select 1 as id; drop view api.${name};
         select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name}' limit 2`)
    expect((await fetch(`${gateway.metricsUrl}/metrics`)).status).toBe(200)
    await expect(() => expect(answered).toBeGreaterThan(before + 20)).toPass({ intervals: [20] })
  }
  await Promise.all(clients)
  const last = Promise.allSettled(Array.from({ length: 8 }, (_, number) => ask(number, 0)))
  await gateway.stop()
  expect(await gateway.ended()).toBe(0)
  await last
})
