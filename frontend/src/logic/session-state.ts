import type { Session } from '../api/client'

/**
 * none: nobody was signed in when the page opened; ended: a session was there and the server ended it;
 * left: the user signed out.
 */
export type SignedOutReason = 'none' | 'ended' | 'left'

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

/** An admin's session has no tenant of its own; the header then names the tenant it belongs to. */
export function tenantLabel(session: Session): string | null {
  if (session.tenantName !== null) return session.tenantName
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

/** Rows carry ids as the database's numbers, sessions as text. */
export function sameId(a: string | number, b: string | number): boolean {
  return typeof a === typeof b ? a === b : Number(a) === Number(b)
}

/**
 * False when rows of another tenant are among the answer: then the cookie belongs to another session than
 * the one this page shows, because somebody signed in in another tab between two requests.
 */
export function rowsBelongTo(session: Session, rows: readonly { tenantId: string | number }[]): boolean {
  const { tenantId } = session
  if (tenantId === null) return session.isAdmin
  return rows.every((row) => sameId(row.tenantId, tenantId))
}
