import { Stack, Text } from '@mantine/core'
import { FindingsSection } from '../components/findings-section'
import { IsolationSuite } from '../components/isolation-suite'
import { PageTitle } from '../components/page-title'
import { ProtectedTables } from '../components/protected-tables'
import { useCurrentSession } from '../components/session-gate'
import { WhySection } from '../components/why-section'
import { seesAllTenants } from '../logic/session-state'
import './security.css'

/** Whether isolation holds: all of it for admins, and for everybody why a row is seen or not. */
export function IsolationPage() {
  const session = useCurrentSession()
  const all = seesAllTenants(session)
  return (
    <>
      <PageTitle>Isolation</PageTitle>
      <Stack gap="xl">
        {all && <FindingsSection session={session} />}
        {all && <ProtectedTables session={session} />}
        {all && <IsolationSuite session={session} />}
        <WhySection session={session} />
        {session.isAdmin && !all && <Text c="dimmed">Go back to all tenants to see how the tables are protected.</Text>}
      </Stack>
    </>
  )
}
