import { Anchor, Button, Group, Stack, Text, VisuallyHidden } from '@mantine/core'
import { Outlet, useLocation } from 'react-router'
import { useChooseTenant, useSignOut } from '../api/queries'
import { useTenantNames } from '../api/rows'
import { explain } from '../logic/explanation'
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

/**
 * Around every page of a session: the menu of pages, who is signed in and where, and the ways to elsewhere and out.
 * On a wide screen the menu stands at the side, on others a button opens it.
 */
export function SignedInFrame() {
  const session = useCurrentSession()
  const { pathname } = useLocation()
  const signOut = useSignOut()
  const choose = useChooseTenant()
  const names = useTenantNames(session).data ?? noNames
  const decided = !mustChooseTenant(session)
  const tenant = steppedInto(session, names)
  const changed = `You are in ${tenant ?? session.tenantName ?? 'all tenants'} now.`
  function leave() {
    signOut.mutate(undefined)
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
                <Outlet context={session} />
              </PageBoundary>
            </Stack>
          </main>
        </div>
      </div>
    </>
  )
}
