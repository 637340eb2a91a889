import { Navigate, Outlet, useLocation, useOutletContext } from 'react-router'
import type { Session } from '../api/client'
import { useSession } from '../api/queries'
import { explain, isSuspended } from '../logic/explanation'
import { safeReturnPath, signInTarget } from '../logic/return-path'
import { mustChooseTenant } from '../logic/session-state'
import { SuspendedPage } from '../pages/suspended'
import { ErrorNotice } from './error-notice'
import { FullPageLoader } from './full-page-loader'
import { PlainFrame } from './plain-frame'

/** Opens the pages inside only to somebody who is signed in; the others go to sign-in, and come back after it. */
export function RequireSession() {
  const query = useSession()
  const location = useLocation()

  if (query.isError && isSuspended(query.error)) {
    const session = query.data?.status === 'signed-in' ? query.data.session : null
    return <SuspendedPage session={session} onRetry={() => void query.refetch()} retrying={query.isFetching} />
  }
  if (query.data === undefined) {
    if (!query.isError) return <FullPageLoader />
    return (
      <PlainFrame size="xs">
        <ErrorNotice
          explanation={explain(query.error)}
          onRetry={() => void query.refetch()}
          retrying={query.isFetching}
        />
      </PlainFrame>
    )
  }
  if (query.data.status === 'signed-out') {
    return <Navigate to={signInTarget(location)} replace />
  }
  return <Outlet context={query.data.session} />
}

/** Sends a session that has not chosen one of its tenants yet to the page where it does. */
export function RequireTenant() {
  const session = useCurrentSession()
  const location = useLocation()
  if (mustChooseTenant(session)) {
    const next = safeReturnPath(location.pathname + location.search + location.hash)
    return <Navigate to={`/tenant?next=${encodeURIComponent(next)}`} replace />
  }
  return <Outlet context={session} />
}

/** The session of the pages inside RequireSession. */
export function useCurrentSession(): Session {
  return useOutletContext<Session>()
}
