/**
 * Requests of the tour. They go where all others go, but their answers are looked at whatever they are: a refusal here is
 * what one hopes for, and says nothing of the session.
 */
import type { HttpRequest } from '../logic/attacks'
import type { Outcome, Row } from '../logic/verdict'
import { apiPrefix, contextOf, type Session } from './client'

const timeLimitMs = 30_000

const none: Outcome = { status: 0, code: null, message: null, details: null, hint: null, rows: null, context: null }

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function isObject(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** One object is a list of one row; what is neither is one row with one value. */
function rowsOf(body: unknown): Row[] | null {
  if (body === null || body === undefined) return null
  const items: unknown[] = Array.isArray(body) ? body : [body]
  return items.map((item) => (isObject(item) ? item : { value: item }))
}

export async function attempt({ method, path, headers = {}, body, hideOrigin }: HttpRequest): Promise<Outcome> {
  let response: Response
  let parsed: unknown
  try {
    response = await fetch(apiPrefix + path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      referrerPolicy: hideOrigin ? 'no-referrer' : '',
      headers: { Accept: 'application/json', ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
      signal: AbortSignal.timeout(timeLimitMs),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    parsed = text === '' ? null : JSON.parse(text)
  } catch {
    return none
  }
  const { status } = response
  const context = contextOf(response)
  if (response.ok) return { ...none, status, context, rows: rowsOf(parsed) }
  const error = isObject(parsed) ? parsed : {}
  return {
    ...none,
    status,
    context,
    code: textOrNull(error.code),
    message: textOrNull(error.message),
    details: textOrNull(error.details),
    hint: textOrNull(error.hint),
  }
}

/** Runs a statement as the user who is signed in. What it changes is taken back. */
export function attemptStatement(statement: string): Promise<Outcome> {
  return attempt({
    method: 'POST',
    path: '/rpc/tour_statement',
    headers: { Prefer: 'tx=rollback' },
    body: { statement },
  })
}

/**
 * Ends the session of this page in the database, which leaves the browser its cookie, and sends the cookie again. Then
 * signs in anew, so that the tour goes on.
 */
export async function replay(session: Session, password: string): Promise<Outcome> {
  const sessions = await attempt({ method: 'GET', path: '/sessions?select=id&current=is.true' })
  const id = sessions.rows?.[0]?.id
  if (typeof id !== 'string') return sessions
  const ended = await attempt({ method: 'POST', path: '/rpc/end_session', body: { id } })
  if (ended.status !== 200) return ended
  const outcome = await attempt({ method: 'GET', path: '/patients' })
  await attempt({ method: 'POST', path: '/auth/login', body: { userName: session.userName, password } })
  await attempt({ method: 'POST', path: '/auth/tenant', body: { tenantId: session.tenantId } })
  return outcome
}
