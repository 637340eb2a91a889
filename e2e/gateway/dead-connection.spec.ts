import { expect, test } from '@playwright/test'
import { userNamed } from '../support/demo'
import { gatewayLogin, OwnGateway } from '../support/gateway'
import { call, sessionOf } from '../support/http'
import { Valve } from '../support/valve'

test.use({ trace: 'off' })

const user = userNamed('t2 user1')
const forms = ['application/json', 'application/x-ndjson']

function linesOf(rows: object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

test('a connection that died while nobody used it costs no read, be it rows or lines', async () => {
  const url = new URL(gatewayLogin().url)
  const valve = await Valve.before(Number(url.port))
  url.port = String(valve.port)
  const gateway = await OwnGateway.start([], { TENANCY_GATEWAY_URL: url.href })
  try {
    const token = await sessionOf(user)
    const ask = (accept: string) => call('GET', '/api/patients?order=id', { token, url: gateway.url, headers: { accept } })
    for (const accept of forms) {
      const before = await ask(accept)
      expect(before.status, before.text).toBe(200)
      valve.cut()
      const after = await ask(accept)
      expect([after.status, after.text], accept).toEqual([200, before.text])
      if (accept !== forms[0]) expect(after.text).toBe(linesOf(user.patients))
    }
  } finally {
    await gateway.stop()
    valve.end()
  }
})
