import { expect, type Page, type Response } from '@playwright/test'
import type { User } from './demo'

export interface Answer {
  call: string
  status: number
  headers: Record<string, string>
  text: string
}

const hashes = /\$(2[abxy]|y|6|5|1)\$|password_?hash/i

/** Keeps every answer of the API that a page gets, to be judged when the page is done. */
export class Answers {
  private readonly pending: Promise<Answer | null>[] = []

  constructor(page: Page) {
    page.on('response', (response) => {
      if (new URL(response.url()).pathname.startsWith('/api/')) this.pending.push(read(response))
    })
  }

  async all(): Promise<Answer[]> {
    const answers = await Promise.all(this.pending)
    return answers.filter((answer) => answer !== null)
  }

  /** What has come since the last time, judged as harmless. */
  async take(): Promise<Answer[]> {
    const answers = await Promise.all(this.pending.splice(0))
    const whole = answers.filter((answer) => answer !== null)
    whole.forEach(expectHarmlessAnswer)
    return whole
  }

  /** No password hash, and nothing that a cache may keep of what belongs to somebody. */
  async expectHarmless(): Promise<void> {
    for (const answer of await this.all()) expectHarmlessAnswer(answer)
  }

  /** Besides that: every id of a tenant, user or patient is one that this user may know. */
  async expectOnlyOf(user: User): Promise<void> {
    await this.expectHarmless()
    const answers = await this.all()
    expect(answers.map((answer) => answer.call)).toEqual(
      expect.arrayContaining(['POST /api/auth/login', 'GET /api/patients']),
    )
    const known = new Set(user.patients.map((row) => row.id))
    for (const { call, status, text } of answers) {
      if (status !== 200 || call === 'GET /api/demo') continue
      const body: unknown = JSON.parse(text)
      if (call === 'GET /api/patients') {
        for (const row of body as { id: number }[]) expect(known, call).toContain(row.id)
      }
      if (user.tenant.isAdmin) continue
      for (const { key, value } of leaves(body)) {
        if (key === 'tenantId' || key === 'tenants.id') expect(String(value), call).toBe(String(user.tenant.id))
        if (key === 'userId') expect(String(value), call).toBe(String(user.id))
      }
    }
  }
}

function expectHarmlessAnswer(answer: Answer): void {
  expect(answer.text, answer.call).not.toMatch(hashes)
  if (answer.call !== 'GET /api/demo') expect(answer.headers['cache-control'], answer.call).toBe('no-store')
}

async function read(response: Response): Promise<Answer | null> {
  const call = `${response.request().method()} ${new URL(response.url()).pathname}`
  const text = response.status() === 204 ? '' : await response.text().catch(() => null)
  // A request that the page itself cancelled has no body.
  if (text === null) return null
  return { call, status: response.status(), headers: response.headers(), text }
}

/** Every value of a JSON text; of an object in a list the key carries the list's name. */
function* leaves(value: unknown, key = '', list = ''): Generator<{ key: string; value: unknown }> {
  if (Array.isArray(value)) {
    for (const item of value) yield* leaves(item, '', key)
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) yield* leaves(inner, list ? `${list}.${name}` : name)
  } else {
    yield { key, value }
  }
}
