import { Anchor, Button, Container, Group, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Session } from '../api/client'
import { useSignOut } from '../api/queries'
import { explain } from '../logic/explanation'
import { welcome } from '../logic/session-state'
import { ColourSchemeButton } from './colour-scheme-button'
import { ErrorNotice } from './error-notice'
import { Logo } from './logo'

/** Header with who is signed in and the way out, around every page of a session. */
export function SignedInFrame({ session, children }: { session: Session; children: ReactNode }) {
  const signOut = useSignOut()
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
            <Text className="page-header-welcome">{welcome(session)}</Text>
            <Group gap="xs" wrap="nowrap">
              <ColourSchemeButton />
              <Button variant="default" onClick={leave} loading={signOut.isPending}>
                Logout
              </Button>
            </Group>
          </div>
        </Container>
      </header>
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
          {children}
        </Stack>
      </Container>
    </>
  )
}
