import { Anchor, Button, Group, Stack, Text, VisuallyHidden } from '@mantine/core'
import { useState } from 'react'
import { Navigate, Outlet, useLocation } from 'react-router'
import { useChooseTenant, useSignOut } from '../api/queries'
import { useTenantNames } from '../api/rows'
import { explain } from '../logic/explanation'
import { isAboutAllTenants } from '../logic/pages'
import { homePath } from '../logic/return-path'
import { mustChooseTenant, welcome } from '../logic/session-state'
import { steppedInto, tenantChoices } from '../logic/tenant-choices'
import { ColourSchemeButton } from './colour-scheme-button'
import { ErrorNotice } from './error-notice'
import { Logo } from './logo'
import { PageBoundary } from './page-boundary'
import { PageLinks } from './page-links'
import { PageMenu } from './page-menu'
import { useCurrentSession } from './session-gate'
import { TenantBanner } from './tenant-banner'
import { TenantSwitch } from './tenant-switch'

const noNames: ReadonlyMap<string, string> = new Map()

interface Place {
  tenantId: string | null
  /** The visit of a page during which the view of all tenants was left for one. */
  leftAll: string | null
}

/**
 * Around every page of a session: the menu of pages, who is signed in and where, and the ways to elsewhere and out.
 * On a wide screen the menu stands at the side, on others a button opens it.
 */
export function SignedInFrame() {
  const session = useCurrentSession()
  const { pathname, key: visit } = useLocation()
  const [place, setPlace] = useState<Place>({ tenantId: session.tenantId, leftAll: null })
  if (place.tenantId !== session.tenantId) {
    setPlace({ tenantId: session.tenantId, leftAll: place.tenantId === null ? visit : null })
  }
  // Who steps into a tenant wants its rows. Who opens such a page in a tenant is told that it is not for there.
  const goesHome = place.leftAll === visit && isAboutAllTenants(pathname)
  const signOut = useSignOut()
  const choose = useChooseTenant()
  const names = useTenantNames(session).data ?? noNames
  const decided = !mustChooseTenant(session)
  const tenant = steppedInto(session, names)
  const changed = `You are in ${tenant ?? session.tenantName ?? 'all tenants'} now.`
  function leave() {
    signOut.mutate('left')
  }
  return (
    <>
      <Anchor href="#content" className="skip-link">
        Skip to the content
      </Anchor>
      <div className={decided ? 'shell shell-with-sidebar' : 'shell'}>
        {decided && (
          <nav aria-label="Pages" className="sidebar">
            <Logo />
            <PageLinks session={session} />
          </nav>
        )}
        <div className="shell-body">
          <header className="page-header">
            <div className="page-header-start">
              {decided && <PageMenu session={session} />}
              <Logo />
            </div>
            <Text className="page-header-welcome">{welcome(session)}</Text>
            {decided && <TenantSwitch session={session} choices={tenantChoices(session, names)} choose={choose} />}
            <Group className="page-header-end" gap="xs" wrap="nowrap">
              <ColourSchemeButton />
              <Button variant="default" onClick={leave} loading={signOut.isPending}>
                Logout
              </Button>
            </Group>
          </header>
          {tenant !== null && <TenantBanner name={tenant} choose={choose} />}
          <VisuallyHidden role="status">{choose.isSuccess ? changed : ''}</VisuallyHidden>
          <main id="content" className="content" tabIndex={-1}>
            <Stack>
              {signOut.isError && (
                <ErrorNotice
                  explanation={{
                    ...explain(signOut.error),
                    title: `You are still signed in. ${explain(signOut.error).title}`,
                  }}
                  onRetry={leave}
                  retrying={signOut.isPending}
                />
              )}
              {choose.isError && (
                <ErrorNotice
                  explanation={{
                    ...explain(choose.error),
                    title: `The tenant was not changed. ${explain(choose.error).title}`,
                  }}
                />
              )}
            </Stack>
            {/* The key: nothing of the user or the tenant before stays, and the heading takes the focus. */}
            <Stack key={`${session.userId} ${session.tenantId ?? ''}`}>
              <PageBoundary place={pathname}>
                {goesHome ? <Navigate to={homePath} replace /> : <Outlet context={session} />}
              </PageBoundary>
            </Stack>
          </main>
        </div>
      </div>
    </>
  )
}
