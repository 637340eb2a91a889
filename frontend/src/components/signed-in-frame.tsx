import { Anchor, Button, Container, Group, Stack, Text, VisuallyHidden } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Session } from '../api/client'
import { useChooseTenant, useSignOut, useTenantNames } from '../api/queries'
import { explain } from '../logic/explanation'
import { mustChooseTenant, welcome } from '../logic/session-state'
import { steppedInto, tenantChoices } from '../logic/tenant-choices'
import { ColourSchemeButton } from './colour-scheme-button'
import { ErrorNotice } from './error-notice'
import { Logo } from './logo'
import { PageLinks } from './page-links'
import { TenantBanner } from './tenant-banner'
import { TenantSwitch } from './tenant-switch'

const noNames: ReadonlyMap<string, string> = new Map()

/** Header with who is signed in, where, and the ways to elsewhere and out, around every page of a session. */
export function SignedInFrame({ session, children }: { session: Session; children: ReactNode }) {
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
      <header className="page-header">
        <Container size="md" py="sm">
          <div className="page-header-parts">
            <Logo />
            {decided && <PageLinks isAdmin={session.isAdmin} />}
            <Text className="page-header-welcome">{welcome(session)}</Text>
            {decided && <TenantSwitch session={session} choices={tenantChoices(session, names)} choose={choose} />}
            <Group gap="xs" wrap="nowrap">
              <ColourSchemeButton />
              <Button variant="default" onClick={leave} loading={signOut.isPending}>
                Logout
              </Button>
            </Group>
          </div>
        </Container>
      </header>
      {tenant !== null && <TenantBanner name={tenant} choose={choose} />}
      <VisuallyHidden role="status">{choose.isSuccess ? changed : ''}</VisuallyHidden>
      <Container component="main" id="content" size="md" py="lg">
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
          {children}
        </Stack>
      </Container>
    </>
  )
}
