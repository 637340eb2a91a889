import { describe, expect, it, vi } from 'vitest'
import { api, ApiError, pageCode } from '../src/api/client'
import { userSession } from './sessions'

function answer(status: number, body: string, headers: Record<string, string> = {}) {
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve(new Response(body, { status, headers })))
  vi.stubGlobal('fetch', fetched)
  return fetched
}

async function failureOf(call: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ApiError)) throw new Error('expected an ApiError', { cause: error })
  return error
}

describe('the client', () => {
  it('sends the sign-in as JSON', async () => {
    const fetched = answer(200, JSON.stringify(userSession))
    await expect(api.login('t3 user2', 'user')).resolves.toEqual(userSession)
    const [path, init] = fetched.mock.calls[0] ?? []
    expect(path).toBe('/api/auth/login')
    expect(init).toMatchObject({ method: 'POST', body: '{"userName":"t3 user2","password":"user"}' })
    expect(new Headers(init?.headers).get('Content-Type')).toBe('application/json')
  })

  it('gives the error with all its fields', async () => {
    answer(503, '{"code":"08006","message":"m","details":null,"hint":"h"}', { 'Retry-After': '2' })
    expect(await failureOf(api.patients())).toMatchObject({
      status: 503,
      code: '08006',
      message: 'm',
      details: null,
      hint: 'h',
      retryAfter: 2,
    })
  })

  it.each(['<html>Bad Gateway</html>', '', 'null', '"text"'])('bears an error without fields: %j', async (body) => {
    answer(502, body)
    expect(await failureOf(api.patients())).toMatchObject({ status: 502, code: pageCode.notJson })
  })

  it('refuses an answer that is not JSON', async () => {
    answer(200, '<!doctype html>')
    expect(await failureOf(api.patients())).toMatchObject({ status: 200, code: pageCode.notJson })
  })

  it('knows a lost network', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    expect(await failureOf(api.session())).toMatchObject({ status: 0, code: pageCode.network })
  })

  it('ignores a Retry-After that is not a number of seconds', async () => {
    answer(503, '{}', { 'Retry-After': 'Wed, 21 Oct 2026 07:28:00 GMT' })
    expect((await failureOf(api.patients())).retryAfter).toBeNull()
  })

  it.each([
    ['user=3&tenant=2', { userId: '3', tenantId: '2' }],
    ['user=4', { userId: '4', tenantId: null }],
    ['user=a%20b&tenant=%C3%9F%26', { userId: 'a b', tenantId: 'ß&' }],
    ['', null],
    ['tenant=2', null],
  ])('reads whose rows they are: %j', async (header, context) => {
    answer(200, '[]', { 'Tenancy-Context': header })
    await expect(api.users()).resolves.toEqual({ rows: [], context })
  })

  it('signs out on an answer without a body', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(null, { status: 204 })))
    await expect(api.logout()).resolves.toBeUndefined()
  })
})
