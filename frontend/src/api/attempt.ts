/**
 * Requests of the tour. They go where all others go, but their answers are looked at whatever they are: a refusal here is
 * what one hopes for, and says nothing of the session.
 */
import type { HttpForm, HttpRequest } from '../logic/attacks'
import type { Outcome, Row } from '../logic/verdict'
import { apiPrefix, contextOf, textOrNull, timeLimitMs, type Session } from './client'

const none: Outcome = { status: 0, code: null, message: null, details: null, hint: null, rows: null, context: null }

function isObject(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** One object is a list of one row; what is neither is one row with one value. */
function rowsOf(body: unknown): Row[] | null {
  if (body === null || body === undefined) return null
  const items: unknown[] = Array.isArray(body) ? body : [body]
  return items.map((item) => (isObject(item) ? item : { value: item }))
}

function outcomeOf(status: number, text: string, context: Outcome['context'] = null): Outcome {
  let parsed: unknown = null
  try {
    if (text !== '') parsed = JSON.parse(text)
  } catch {
    return none // not the gateway's answer
  }
  if (status >= 200 && status <= 299) return { ...none, status, context, rows: rowsOf(parsed) }
  const error = isObject(parsed) ? parsed : {}
  return {
    status,
    context,
    rows: null,
    code: textOrNull(error.code),
    message: textOrNull(error.message),
    details: textOrNull(error.details),
    hint: textOrNull(error.hint),
  }
}

export async function attempt({ method, path, headers = {}, body }: HttpRequest): Promise<Outcome> {
  try {
    const response = await fetch(apiPrefix + path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      headers: { Accept: 'application/json', ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
      signal: AbortSignal.timeout(timeLimitMs),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return outcomeOf(response.status, await response.text(), contextOf(response))
  } catch {
    return none
  }
}

/** Runs a statement as the user who is signed in. What it changes is taken back. */
export async function attemptStatement(statement: string): Promise<Outcome> {
  const outcome = await attempt({
    method: 'POST',
    path: '/rpc/tour_statement',
    headers: { Prefer: 'tx=rollback' },
    body: { statement },
  })
  const [told] = outcome.rows ?? []
  if (told === undefined) return outcome
  // A mistake comes as an answer, in the words of the database.
  if (typeof told.code === 'string') {
    return { ...outcome, rows: null, code: told.code, message: textOrNull(told.message), hint: textOrNull(told.hint) }
  }
  return { ...outcome, rows: rowsOf(told.rows) }
}

const formWindow = 'other-site'
const lookMs = 50

/**
 * Sends a form as a page of another site would: from a window whose pages do not say where they are, so that the browser
 * writes "Origin: null". The cookie goes along. No script may write that header into a request.
 */
export async function attemptForm({ path, fields }: HttpForm): Promise<Outcome> {
  const other = window.open('', formWindow, 'popup,width=480,height=240')
  if (other === null) return { ...none, message: 'The browser opened no window for it.' }
  const { document: page } = other
  const silence = page.createElement('meta')
  silence.name = 'referrer'
  silence.content = 'no-referrer'
  page.head.append(silence)
  const form = page.createElement('form')
  form.method = 'post'
  form.action = window.location.origin + apiPrefix + path
  for (const [name, value] of Object.entries(fields)) {
    const field = page.createElement('input')
    field.type = 'hidden'
    field.name = name
    field.value = value
    form.append(field)
  }
  page.body.append(form)
  form.submit()
  try {
    const end = Date.now() + timeLimitMs
    while (!other.closed && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, lookMs))
      if (other.location.href === 'about:blank' || other.document.readyState !== 'complete') continue
      const [entry] = other.performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
      return outcomeOf(entry?.responseStatus ?? 0, other.document.body.innerText)
    }
  } catch {
    // Some browsers show an answer in a window that nobody may look into.
  } finally {
    other.close()
  }
  return none
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
