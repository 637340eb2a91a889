/** The one place where the page talks to the network: sessions, the demo's instructions and the gateway's counts; rows go through data.ts. */
import type { Stats } from '../logic/gateway-counts'

export interface Tenant {
  id: string
  name: string
  role?: string
}

export interface Session {
  userId: string
  userName: string
  isAdmin: boolean
  tenantId: string | null
  tenantName: string | null
  tenants: Tenant[]
  expiresAt: string
}

/** Whose rows an answer holds; without a tenant those of all, for an admin. */
export interface Context {
  userId: string
  tenantId: string | null
}

export interface Demo {
  title: string
  instructions: string[]
  logins: { userName: string; password: string; note?: string }[]
}

interface ErrorBody {
  code?: unknown
  message?: unknown
  details?: unknown
  hint?: unknown
}

/** Codes of errors that the page finds by itself; all others come from the gateway. */
export const pageCode = {
  network: 'PAGE_NETWORK',
  timeout: 'PAGE_TIMEOUT',
  notJson: 'PAGE_NOT_JSON',
  sessionChanged: 'PAGE_SESSION_CHANGED',
} as const

export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** HTTP status, or 0 when no answer arrived. */
  readonly status: number
  /** SQLSTATE, TNCYnnn, or one of pageCode. */
  readonly code: string
  readonly details: string | null
  readonly hint: string | null
  /** Seconds, from the Retry-After header. */
  readonly retryAfter: number | null

  constructor(fields: {
    status: number
    code: string
    message: string
    details?: string | null
    hint?: string | null
    retryAfter?: number | null
    cause?: unknown
  }) {
    super(fields.message, { cause: fields.cause })
    this.status = fields.status
    this.code = fields.code
    this.details = fields.details ?? null
    this.hint = fields.hint ?? null
    this.retryAfter = fields.retryAfter ?? null
  }
}

export const apiPrefix: string = (import.meta.env.VITE_API_PREFIX as string | undefined) ?? '/api'
export const timeLimitMs = 30_000

export function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function seconds(header: string | null): number | null {
  return header !== null && /^\d{1,5}$/.test(header.trim()) ? Number(header) : null
}

async function toError(response: Response): Promise<ApiError> {
  const parsed: unknown = await response.json().catch(() => null)
  const retryAfter = seconds(response.headers.get('Retry-After'))
  if (typeof parsed !== 'object' || parsed === null) {
    // Not the gateway's answer: a proxy between the page and it.
    const message = `The answer has status ${response.status} and no explanation.`
    return new ApiError({ status: response.status, code: pageCode.notJson, message, retryAfter })
  }
  const body = parsed as ErrorBody
  return new ApiError({
    status: response.status,
    code: textOrNull(body.code) ?? `HTTP${response.status}`,
    message: textOrNull(body.message) ?? `The answer has status ${response.status}.`,
    details: textOrNull(body.details),
    hint: textOrNull(body.hint),
    retryAfter,
  })
}

/** An answer that is a success, or an ApiError. Nothing of it stays in the browser's cache. */
export async function send(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
  const limit = AbortSignal.timeout(timeLimitMs)
  let response: Response
  try {
    response = await fetch(path, {
      ...init,
      credentials: 'same-origin',
      cache: 'no-store',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    })
  } catch (cause) {
    if (signal?.aborted) throw cause // the query was cancelled: nobody waits for the answer
    const code = limit.aborted ? pageCode.timeout : pageCode.network
    throw new ApiError({ status: 0, code, message: 'No answer arrived.', cause })
  }
  if (!response.ok) throw await toError(response)
  return response
}

function request(method: 'GET' | 'POST', path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers = { Accept: 'application/json' }
  const init: RequestInit =
    body === undefined
      ? { method, headers }
      : { method, headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
  return send(apiPrefix + path, init, signal)
}

/** Parses the header by which the gateway says for whom the database gave the rows. */
export function contextOf(response: Response): Context | null {
  const fields = new URLSearchParams(response.headers.get('Tenancy-Context') ?? '')
  const userId = fields.get('user')
  return userId === null ? null : { userId, tenantId: fields.get('tenant') }
}

/** The error of an answer that says it succeeded and cannot be read. */
export function notJson(cause: unknown): ApiError {
  return new ApiError({ status: 200, code: pageCode.notJson, message: 'The answer is not JSON.', cause })
}

async function json<T>(method: 'GET' | 'POST', path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(method, path, body, signal)
  try {
    return (await response.json()) as T
  } catch (cause) {
    throw signal?.aborted ? cause : notJson(cause)
  }
}

export const api = {
  login: (userName: string, password: string) => json<Session>('POST', '/auth/login', { userName, password }),
  /** null: none, which is all of them for an admin. */
  chooseTenant: (tenantId: string | null) => json<Session>('POST', '/auth/tenant', { tenantId }),
  logout: async () => {
    await request('POST', '/auth/logout')
  },
  session: (signal?: AbortSignal) => json<Session>('GET', '/auth/session', undefined, signal),
  demo: (signal?: AbortSignal) => json<Demo>('GET', '/demo', undefined, signal),
  /** What the gateway counts, for admins. */
  stats: (signal?: AbortSignal) => json<Stats>('GET', '/stats', undefined, signal),
}
