import { expect } from '@playwright/test'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import http from 'node:http'
import net from 'node:net'
import type { User } from './demo'

export interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
  text: string
}

export interface ErrorBody {
  code: string
  message: string
  details: string | null
  hint: string | null
}

export interface Call {
  token?: string
  headers?: http.OutgoingHttpHeaders
  /** Sent as it is; an object is sent as JSON. */
  body?: Buffer | string | object
  /** Of another gateway than the first demo's. */
  url?: string
}

export interface Login {
  userName: string
  password: string
}

export const cookieName = 'tenancy_session'
const base = new URL(process.env.TENANCY_URL!)
const agent = new http.Agent({ keepAlive: true, maxSockets: 32 })

/** What no answer may hold: password hashes, SQL, and names of what lies behind the gateway. */
const secrets = /\$(2[abxy]|y|6|5|1)\$|password_?hash|tenancy\.[a-z_]|\bselect\b(?:[^"]|\\")*\bfrom\b|pg_catalog|app\.[a-z]+|libpq|PL\/pgSQL/i

/** One request, exactly as asked for: no cookie jar, no redirects, no tidied path. */
export async function call(method: string, path: string, { token, headers = {}, body, url }: Call = {}): Promise<Answer> {
  const all: http.OutgoingHttpHeaders = { ...headers }
  if (token !== undefined) all.cookie = `${cookieName}=${token}`
  let bytes: Buffer | undefined
  if (body !== undefined) {
    bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    if (all['content-type'] === undefined) all['content-type'] = 'application/json'
    all['content-length'] = bytes.length
  }
  const to = url === undefined ? base : new URL(url)
  const answer = await new Promise<Answer>((resolve, reject) => {
    const request = http.request(
      { host: to.hostname, port: to.port, method, path, headers: all, agent },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, text: Buffer.concat(parts).toString() }),
        )
      },
    )
    request.on('error', reject)
    request.end(bytes)
  })
  expectHarmless(answer, `${method} ${path}`)
  return answer
}

export function expectHarmless(answer: Answer, label: string): void {
  const type = answer.headers['content-type'] ?? ''
  // The page's own program may well hold such words.
  const mayTell = answer.status >= 400 || type.startsWith('application/json')
  // An expectation costs the test more than a request does, so it is only made where it will fail.
  if (answer.headers['x-content-type-options'] !== 'nosniff') {
    expect(answer.headers['x-content-type-options'], label).toBe('nosniff')
  }
  if (mayTell && secrets.test(answer.text)) expect(answer.text, label).not.toMatch(secrets)
}

/** An error of the documented form, and nothing besides. */
export function expectError(answer: Answer, status: number, label = ''): ErrorBody {
  expect(answer.status, `${label} ${answer.text}`).toBe(status)
  const error = JSON.parse(answer.text) as ErrorBody
  expect(Object.keys(error), label).toEqual(['code', 'message', 'details', 'hint'])
  expect(error.code, label).toMatch(/^([0-9A-Z]{5}|(TNCY|PGRST)\d{3})$/)
  expect(error.message, label).not.toBe('')
  expect(answer.headers['cache-control'], label).toBe('no-store')
  return error
}

/** A refusal leaves the cookie alone: the browser may have got a newer one since it sent the request. */
export function expectNoCookie(answer: Answer, label = ''): void {
  expect(answer.headers['set-cookie'], label).toBeUndefined()
}

export function expectClearedCookie(answer: Answer): void {
  expect(answer.headers['set-cookie']).toEqual([expect.stringMatching(new RegExp(`^${cookieName}=;.*Max-Age=0`))])
}

export async function login({ userName, password }: Login, agentName?: string, url?: string): Promise<string> {
  const headers = agentName === undefined ? {} : { 'user-agent': agentName }
  const answer = await call('POST', '/api/auth/login', { body: { userName, password }, headers, ...(url === undefined ? {} : { url }) })
  expect(answer.status, answer.text).toBe(200)
  return tokenOf(answer)
}

/** The token that counts after an answer: the new one when the answer brings one, else the one it was asked with. */
export function renewed(answer: Answer, token: string): string {
  return answer.headers['set-cookie'] === undefined ? token : tokenOf(answer)
}

const sessions = new Map<string, Promise<string>>()

/** One session for all tests of a worker that only look: a sign-in is costly on purpose. */
export function sessionOf(user: User): Promise<string> {
  const known = sessions.get(user.userName) ?? login(user)
  sessions.set(user.userName, known)
  return known
}

export function tokenOf(answer: Answer): string {
  const [cookie, ...more] = answer.headers['set-cookie'] ?? []
  expect(more).toEqual([])
  const token = new RegExp(`^${cookieName}=([^;]+);`).exec(cookie ?? '')?.[1]
  expect(token, cookie).toBeDefined()
  return token!
}

/** Runs SQL as the superuser of the throw-away cluster; `:'name'` stands for a value, safely quoted. */
export function sql(text: string, values: Record<string, string> = {}): string {
  const settings = Object.entries(values).flatMap(([name, value]) => ['-v', `${name}=${value}`])
  return execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', ...settings, '-f', '-'], {
    input: text,
    encoding: 'utf8',
  }).trim()
}

/** A session that SQL can find again: by the name of its client, for the token itself is stored nowhere. */
export async function markedLogin(user: User): Promise<{ token: string; mark: string }> {
  const mark = randomUUID()
  return { token: await login(user, mark), mark }
}

/** A connection of which the test decides each byte. */
export class Wire {
  private readonly socket = net.connect(Number(base.port), base.hostname)
  private readonly parts: Buffer[] = []
  private readonly closed: Promise<string>

  constructor() {
    this.closed = new Promise((resolve, reject) => {
      this.socket.on('data', (part) => this.parts.push(part))
      this.socket.on('error', (error: NodeJS.ErrnoException) => {
        // A server that refuses may close before it has read everything that was sent.
        if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
      })
      this.socket.on('close', () => resolve(Buffer.concat(this.parts).toString('latin1')))
    })
  }

  /** Resolves when the bytes have left. */
  write(bytes: string | Buffer): Promise<void> {
    return new Promise((resolve, reject) => this.socket.write(bytes, (error) => (error ? reject(error) : resolve())))
  }

  /** What came until the server closed the connection. */
  async answer(): Promise<Answer> {
    const text = await this.closed
    const [head = '', ...body] = text.split('\r\n\r\n')
    const [status = '', ...lines] = head.split('\r\n')
    const headers: http.IncomingHttpHeaders = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
    const answer = { status: Number(status.split(' ')[1]), headers, text: body.join('\r\n\r\n') }
    expectHarmless(answer, 'raw request')
    return answer
  }

  end(): void {
    this.socket.destroy()
  }
}

export async function raw(bytes: string | Buffer): Promise<Answer> {
  const wire = new Wire()
  try {
    await wire.write(bytes)
    return await wire.answer()
  } finally {
    wire.end()
  }
}
