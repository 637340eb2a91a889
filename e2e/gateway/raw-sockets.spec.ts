import { expect, test } from '@playwright/test'
import net from 'node:net'
import { userNamed } from '../support/demo'
import { call, cookieName, sessionOf } from '../support/http'

/** Connections of which the test decides each byte: what the server says to them, and that it says the same to others. */
test.use({ trace: 'off' })

const { hostname, port, host } = new URL(process.env.TENANCY_URL!)
const pair = [userNamed('t1 user1'), userNamed('t3 user2')] as const
const hostLine = `Host: ${host}\r\n`
const healthz = `GET /healthz HTTP/1.1\r\n${hostLine}\r\n`

/** All that comes until the server closes. With `end` our side is closed after the last byte, and still reads. */
function exchange(bytes: string, end: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    const socket = net.connect({ port: Number(port), host: hostname, allowHalfOpen: true })
    socket.on('data', (part: Buffer) => parts.push(part))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => resolve(Buffer.concat(parts).toString('utf8')))
    if (end) socket.end(bytes)
    else socket.write(bytes)
  })
}

function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}

async function expectOthersServed(): Promise<void> {
  const token = await sessionOf(pair[0])
  expect(JSON.parse((await call('GET', '/api/patients', { token })).text)).toEqual(pair[0].patients)
}

const chunked = `POST /api/auth/login HTTP/1.1\r\n${hostLine}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
const twoLengths = (a: string, b: string) =>
  `POST /api/auth/login HTTP/1.1\r\n${hostLine}Content-Length: ${a}\r\nContent-Length: ${b}\r\n\r\n`

for (const [what, bytes] of [
  ['a chunk whose size is no number', `${chunked}zz\r\n{}\r\n0\r\n\r\n`],
  ['a chunk of negative size', `${chunked}-2\r\n{}\r\n0\r\n\r\n`],
  ['a chunk of more than any memory', `${chunked}ffffffffffffffff\r\n{}`],
  ['chunks with an extension', `${chunked}2;a=b\r\n{}\r\n0\r\n\r\n`],
  ['chunks without an end', `${chunked}2\r\n{}`],
  ['the same length twice', twoLengths('2', '2') + '{}'],
  ['two lengths', twoLengths('2', '40') + '{}'],
  ['a list of lengths', `POST /api/auth/login HTTP/1.1\r\n${hostLine}Content-Length: 2, 2\r\n\r\n{}`],
] as const) {
  test(`${what}, with another request behind it: one refusal, and the second is not read`, async () => {
    const answer = await exchange(bytes + healthz, false)
    expect(statuses(answer)).toHaveLength(1)
    expect(statuses(answer)[0]).toBeGreaterThanOrEqual(400)
    expect(statuses(answer)[0]).not.toBe(500)
    await expectOthersServed()
  })
}

test('a client that has closed its side gets its answer; half a request gets none', async () => {
  const token = await sessionOf(pair[0])
  const whole = `GET /api/patients HTTP/1.1\r\n${hostLine}Cookie: ${cookieName}=${token}\r\n\r\n`
  const answer = await exchange(whole, true)
  expect(statuses(answer)).toEqual([200])
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toEqual(pair[0].patients)
  expect(await exchange(whole.slice(0, -2), true)).toBe('')
  expect(await exchange(`POST /api/auth/login HTTP/1.1\r\n${hostLine}Content-Length: 99\r\n\r\n{`, true)).toBe('')
})

test('requests of two tenants in one packet: answered in order, to each the own rows', async () => {
  const tokens = [await sessionOf(pair[0]), await sessionOf(pair[1])]
  const requests = Array.from({ length: 30 }, (_, number) => {
    const last = number === 29 ? 'Connection: close\r\n' : ''
    return `GET /api/patients HTTP/1.1\r\n${hostLine}${last}Cookie: ${cookieName}=${tokens[number % 2]}\r\n\r\n`
  })
  const answers = (await exchange(requests.join(''), false)).split(/(?=HTTP\/1\.1 \d)/)
  expect(answers).toHaveLength(30)
  answers.forEach((answer, number) => {
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toEqual(pair[(number % 2) as 0 | 1].patients)
  })
})

test('what follows a bad request in the same packet is not answered', async () => {
  const answer = await exchange(`${healthz}GET / HTTP/1.1\r\n${hostLine}${hostLine}\r\n${healthz}${healthz}`, false)
  expect(statuses(answer)).toEqual([200, 400])
})

test('hundreds of hostile connections at once: the server stays up and answers others', async () => {
  const kinds = [chunked, `${chunked}ffff`, 'GET', `GET / HTTP/1.1\r\nX: ${'x'.repeat(9000)}`, twoLengths('1', '2'), '\0\0\0', '']
  const sockets = Array.from({ length: 350 }, (_, number) => {
    const socket = net.connect(Number(port), hostname)
    socket.on('error', () => {})
    if (number % 3 === 0) socket.end(kinds[number % kinds.length]!)
    else socket.write(kinds[number % kinds.length]!)
    return socket
  })
  try {
    for (let round = 0; round < 20; round++) await expectOthersServed()
  } finally {
    sockets.forEach((socket) => socket.destroy())
  }
})
