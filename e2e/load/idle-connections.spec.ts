import { expect, test } from '@playwright/test'
import { once } from 'node:events'
import net from 'node:net'
import { users } from '../support/demo'
import { OwnGateway } from '../support/gateway'
import { call, sessionOf } from '../support/http'
import { Nginx } from '../support/nginx'

/** Clients that keep their connection and ask nothing. The gateway has a few threads: none may wait for one of these. */
const idle = 5000
const fresh = 50

/** A connection on which one request was answered, and which the server keeps open. */
async function keptAlive(url: string): Promise<net.Socket> {
  const { hostname, port, host } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  await once(socket, 'connect')
  await ask(socket, host)
  return socket
}

async function ask(socket: net.Socket, host: string): Promise<void> {
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  if (!bytes.toString('latin1').startsWith('HTTP/1.1 200 ')) expect(bytes.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /)
}

async function expectNoStall(url: string): Promise<void> {
  const sockets: net.Socket[] = []
  try {
    while (sockets.length < idle) sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => keptAlive(url)))))
    for (let number = 0; number < fresh; number++) {
      const user = users[number % users.length]!
      const token = await sessionOf(user)
      const answer = await call('GET', '/api/patients', { token, url, headers: { connection: 'close' } })
      expect(JSON.parse(answer.text)).toEqual(user.patients)
    }
    expect(sockets.filter((socket) => socket.closed || socket.readableEnded)).toEqual([])
    const { host } = new URL(url)
    for (let number = 0; number < idle; number += 50) await ask(sockets[number]!, host)
  } finally {
    sockets.forEach((socket) => socket.destroy())
  }
}

test.describe.configure({ mode: 'serial' })

test(`${idle} idle clients do not stall new requests`, async () => {
  const gateway = await OwnGateway.start([])
  try {
    await expectNoStall(gateway.url)
  } finally {
    await gateway.stop()
  }
})

test(`nor with nginx in front`, async () => {
  const gateway = await OwnGateway.start(['--trusted-proxy=127.0.0.1'])
  const nginx = await Nginx.before(gateway.url)
  try {
    await expectNoStall(nginx.url)
  } finally {
    await nginx.end()
    await gateway.stop()
  }
})
