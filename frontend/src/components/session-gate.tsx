import { Button, Stack } from '@mantine/core'
import { Navigate, Outlet, useLocation, useOutletContext } from 'react-router'
import { ApiError, type Session } from '../api/client'
import { useChooseTenant, useSession } from '../api/queries'
import { explain } from '../logic/explanation'
import { safeReturnPath, signInTarget } from '../logic/return-path'
import { mustChooseTenant } from '../logic/session-state'
import { ErrorNotice } from './error-notice'
import { FullPageLoader } from './full-page-loader'
import { PlainFrame } from './plain-frame'

/** Opens the pages inside only to somebody who is signed in; the others go to sign-in, and come back after it. */
export function RequireSession() {
  const query = useSession()
  const location = useLocation()

  if (query.data === undefined) {
    if (!query.isError) return <FullPageLoader />
    const forbidden = query.error instanceof ApiError && query.error.status === 403
    return (
      <PlainFrame size="xs">
        <ErrorNotice
          explanation={explain(query.error)}
          onRetry={() => void query.refetch()}
          retrying={query.isFetching}
        />
        {forbidden && <LeaveTenant />}
      </PlainFrame>
    )
  }
  if (query.data.status === 'signed-out') {
    return <Navigate to={signInTarget(location)} replace />
  }
  return <Outlet context={query.data.session} />
}

/** The way out of a tenant that is closed: whoever belongs to another one may go on there. */
function LeaveTenant() {
  const choose = useChooseTenant()
  return (
    <Stack mt="md">
      {choose.isError && <ErrorNotice explanation={explain(choose.error)} />}
      <Button
        loading={choose.isPending}
        onClick={() => {
          choose.mutate(null)
        }}
      >
        Choose another tenant
      </Button>
    </Stack>
  )
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
