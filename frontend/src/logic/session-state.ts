import type { Context, Session } from '../api/client'

/**
 * none: nobody was signed in when the page opened; ended: a session was there and the server ended it;
 * left: the user signed out; closed: the user ended this session on the page of sessions.
 */
export type SignedOutReason = 'none' | 'ended' | 'left' | 'closed'

export type SessionState =
  | { status: 'signed-in'; session: Session }
  | { status: 'signed-out'; reason: SignedOutReason }

export function signedIn(session: Session): SessionState {
  return { status: 'signed-in', session }
}

export function signedOut(reason: SignedOutReason): SessionState {
  return { status: 'signed-out', reason }
}

/** The state after the server said "no session", seen from the state before. */
export function afterRefusal(before: SessionState | undefined): SessionState {
  if (before === undefined) return signedOut('none')
  return before.status === 'signed-in' ? signedOut('ended') : before
}

/** An admin may step into any tenant, and still belongs to the own one. */
export function tenantLabel(session: Session): string | null {
  if (!session.isAdmin) return session.tenantName
  const [only, ...others] = session.tenants
  return only !== undefined && others.length === 0 ? only.name : null
}

export function welcome(session: Session): string {
  const tenant = tenantLabel(session)
  return tenant === null ? `Welcome, ${session.userName}` : `Welcome, ${session.userName} of ${tenant}`
}

export function mustChooseTenant(session: Session): boolean {
  return session.tenantId === null && !session.isAdmin
}

export function seesAllTenants(session: Session): boolean {
  return session.isAdmin && session.tenantId === null
}

/**
 * False when an answer was given to another session than the one this page shows: the cookie has changed meanwhile,
 * because somebody signed in or changed the tenant in another tab.
 */
export function isAnswerTo(session: Session, context: Context | null): boolean {
  if (context === null || (context.tenantId === null && !session.isAdmin)) return false
  return context.userId === session.userId && context.tenantId === session.tenantId
}

/** Rows carry ids as the database's numbers, sessions as text. */
export function sameId(a: string | number, b: string | number): boolean {
  return typeof a === typeof b ? a === b : Number(a) === Number(b)
}

/** False when rows of another tenant are among the answer, whatever it says of itself. Rows may name none. */
export function rowsBelongTo(session: Session, rows: readonly { tenantId?: string | number }[]): boolean {
  const { tenantId } = session
  if (tenantId === null) return session.isAdmin
  return rows.every((row) => row.tenantId === undefined || sameId(row.tenantId, tenantId))
}
