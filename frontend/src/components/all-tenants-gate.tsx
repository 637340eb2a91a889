import { Anchor, Button, Stack, Text } from '@mantine/core'
import { Link, Outlet } from 'react-router'
import { useChooseTenant } from '../api/queries'
import { explain } from '../logic/explanation'
import { homePath } from '../logic/return-path'
import { seesAllTenants } from '../logic/session-state'
import { ErrorNotice } from './error-notice'
import { PageTitle } from './page-title'
import { useCurrentSession } from './session-gate'

/** Opens the pages inside to an admin who is in no tenant, and tells the others why not, and where to go. */
export function RequireAllTenants() {
  const session = useCurrentSession()
  const choose = useChooseTenant()
  if (seesAllTenants(session)) return <Outlet context={session} />
  if (!session.isAdmin) {
    return (
      <Stack align="start">
        <PageTitle>For admins only</PageTitle>
        <Text>This page is about all tenants, and you work in one. Ask an admin for what you need.</Text>
        <Anchor component={Link} to={homePath}>
          Go to the patients
        </Anchor>
      </Stack>
    )
  }
  return (
    <Stack align="start">
      <PageTitle>Not inside a tenant</PageTitle>
      <Text>This page is about all tenants, and you are in one. Go back to all to see it.</Text>
      {choose.isError && <ErrorNotice explanation={explain(choose.error)} />}
      <Button
        loading={choose.isPending}
        onClick={() => {
          choose.mutate(null)
        }}
      >
        See all tenants
      </Button>
    </Stack>
  )
}
