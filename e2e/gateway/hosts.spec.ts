import { expect, test } from '@playwright/test'
import { once } from 'node:events'
import net from 'node:net'
import { userNamed } from '../support/demo'
import { gatewayLogin, OwnGateway } from '../support/gateway'
import { call, sessionOf } from '../support/http'
import { freePort } from '../support/pgbouncer'

// No browser takes part, so a trace would hold nothing and cost half the time.
test.use({ trace: 'off' })

const user = userNamed('t4 user1')

function urlWithFirst(port: number): string {
  const url = new URL(gatewayLogin().url)
  return `postgresql://${url.username}@127.0.0.1:${port},127.0.0.1:${url.port}${url.pathname}?target_session_attrs=read-write`
}

async function expectServed(first: number): Promise<void> {
  const gateway = await OwnGateway.start([], { TENANCY_GATEWAY_URL: urlWithFirst(first) })
  try {
    const token = await sessionOf(user)
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => call('GET', '/api/patients', { token, url: gateway.url })),
    )
    for (const answer of answers) expect(JSON.parse(answer.text)).toEqual(user.patients)
  } finally {
    await gateway.stop()
  }
}

test('of two hosts the first is dead: the second serves', async () => {
  await expectServed(await freePort())
})

test('of two hosts the first takes connections and says nothing: it is tried once, then the second serves', async () => {
  let tried = 0
  const sockets: net.Socket[] = []
  const silent = net.createServer((socket) => {
    tried++
    sockets.push(socket.on('error', () => {}))
  })
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  try {
    await expectServed((silent.address() as net.AddressInfo).port)
    expect(tried).toBe(1)
  } finally {
    sockets.forEach((socket) => socket.destroy())
    silent.close()
  }
})
