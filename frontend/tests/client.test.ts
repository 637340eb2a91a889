import { describe, expect, it, vi } from 'vitest'
import { api, ApiError, pageCode } from '../src/api/client'
import { askAs, type Answer } from '../src/api/data'
import type { Patient } from '../src/api/schema'
import { adminSession, userSession } from './sessions'

const ownContext = { 'Tenancy-Context': 'user=6&tenant=3' }
const patients = (): Promise<Answer<Patient[]>> => askAs(userSession, (data) => data.from('patients').select())

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
    expect(await failureOf(patients())).toMatchObject({
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
    expect(await failureOf(patients())).toMatchObject({ status: 502, code: pageCode.notJson })
  })

  it('refuses an answer that is not JSON', async () => {
    answer(200, '<!doctype html>', ownContext)
    expect(await failureOf(patients())).toMatchObject({ status: 200, code: pageCode.notJson })
  })

  it('knows a lost network', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    expect(await failureOf(api.session())).toMatchObject({ status: 0, code: pageCode.network })
  })

  it('ignores a Retry-After that is not a number of seconds', async () => {
    answer(503, '{}', { 'Retry-After': 'Wed, 21 Oct 2026 07:28:00 GMT' })
    expect((await failureOf(patients())).retryAfter).toBeNull()
  })

  it('asks for rows with filters, and nothing of it stays in the browser', async () => {
    const fetched = answer(200, '[]', ownContext)
    await askAs(userSession, (data) => data.from('patients').select('id').eq('lastName', 'O\'Hara & Co').order('id'))
    const [path, init] = fetched.mock.calls[0] ?? []
    expect(path).toBe('/api/patients?select=id&lastName=eq.O%27Hara+%26+Co&order=id.asc')
    expect(init).toMatchObject({ method: 'GET', cache: 'no-store', credentials: 'same-origin' })
  })

  it('gives the rows, how many there are in all, and where the next page begins', async () => {
    const fetched = answer(206, '[{"id":1}]', { ...ownContext, 'Content-Range': '0-0/7', 'Next-After': 'WyIxIl0' })
    const page = await askAs(userSession, (data) => data.from('patients').select('id', { count: 'exact' }).limit(1), { after: '' })
    expect(page).toEqual({ data: [{ id: 1 }], count: 7, nextAfter: 'WyIxIl0' })
    expect(fetched.mock.calls[0]?.[0]).toBe('/api/patients?select=id&limit=1&after=')
  })

  it.each([
    ['user=6&tenant=3', true],
    ['user=6&tenant=2', false],
    ['user=7&tenant=3', false],
    ['user=6', false],
    ['', false],
    ['tenant=3', false],
  ])('takes rows only when they are those of the session: %j', async (header, own) => {
    answer(200, '[]', { 'Tenancy-Context': header })
    if (own) await expect(patients()).resolves.toMatchObject({ data: [] })
    else expect(await failureOf(patients())).toMatchObject({ code: pageCode.sessionChanged })
  })

  it('reads what is escaped in whose rows they are', async () => {
    answer(200, '[]', { 'Tenancy-Context': 'user=a%20b&tenant=%C3%9F%26' })
    const odd = { ...userSession, userId: 'a b', tenantId: 'ß&' }
    await expect(askAs(odd, (data) => data.from('users').select())).resolves.toMatchObject({ data: [] })
  })

  it('takes the rows of all tenants for an admin who is in none', async () => {
    answer(200, '[]', { 'Tenancy-Context': 'user=11' })
    await expect(askAs(adminSession, (data) => data.from('users').select())).resolves.toMatchObject({ data: [] })
  })

  it('tries nothing again by itself', async () => {
    const fetched = answer(503, '{}', { 'Retry-After': '0' })
    await failureOf(patients())
    expect(fetched).toHaveBeenCalledTimes(1)
  })

  it('lets a question be cancelled', async () => {
    vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
      init.signal?.throwIfAborted()
      return Promise.resolve(new Response('[]', { headers: ownContext }))
    })
    const asked = askAs(userSession, (data) => data.from('patients').select(), { signal: AbortSignal.abort() })
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('signs out on an answer without a body', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(null, { status: 204 })))
    await expect(api.logout()).resolves.toBeUndefined()
  })
})
