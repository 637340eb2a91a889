import { Button, Group, Stack, Text } from '@mantine/core'
import type { Session } from '../api/client'
import { useChooseTenant, useSignOut } from '../api/queries'
import { ErrorNotice } from '../components/error-notice'
import { PageTitle } from '../components/page-title'
import { PlainFrame } from '../components/plain-frame'
import { explain } from '../logic/explanation'

interface Props {
  /** The session as it was before, when there was one on the screen. */
  session: Session | null
  onRetry: () => void
  retrying: boolean
}

/** What somebody sees whose tenant an admin has suspended: that it is so, and what can be done. */
export function SuspendedPage({ session, onRetry, retrying }: Props) {
  const choose = useChooseTenant()
  const signOut = useSignOut()
  const error = choose.error ?? signOut.error
  const name = session?.tenantName ?? null
  const elsewhere = session === null || session.isAdmin || session.tenants.length > 1
  return (
    <PlainFrame size="xs">
      <Stack>
        <PageTitle>This tenant is suspended</PageTitle>
        <Text>
          Nobody can work in {name === null ? 'it' : <strong>{name}</strong>} until an admin resumes it. Its rows are
          kept. Ask the people who run this site why, and how long.
        </Text>
        {error !== null && <ErrorNotice explanation={explain(error)} />}
        <Group gap="sm">
          {elsewhere && (
            <Button
              variant={session === null ? 'default' : 'filled'}
              loading={choose.isPending}
              onClick={() => {
                choose.mutate(null)
              }}
            >
              {session?.isAdmin ? 'Back to all tenants' : 'Choose another tenant'}
            </Button>
          )}
          <Button variant="default" loading={retrying} onClick={onRetry}>
            Try again
          </Button>
          <Button
            variant="default"
            loading={signOut.isPending}
            onClick={() => {
              signOut.mutate('left')
            }}
          >
            Logout
          </Button>
        </Group>
      </Stack>
    </PlainFrame>
  )
}
