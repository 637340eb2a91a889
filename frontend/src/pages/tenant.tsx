import { Button, Stack, Text } from '@mantine/core'
import { Navigate, useSearchParams } from 'react-router'
import { useChooseTenant } from '../api/queries'
import { ErrorNotice } from '../components/error-notice'
import { PageTitle } from '../components/page-title'
import { useCurrentSession } from '../components/session-gate'
import { explain } from '../logic/explanation'
import { safeReturnPath } from '../logic/return-path'
import { mustChooseTenant } from '../logic/session-state'

/** Where somebody with several tenants says which one this session works for. */
export function TenantPage() {
  const session = useCurrentSession()
  const choose = useChooseTenant()
  const [search] = useSearchParams()

  if (!mustChooseTenant(session)) {
    const next = safeReturnPath(search.get('next'))
    return <Navigate to={next.startsWith('/tenant') ? '/' : next} replace />
  }
  return (
    <>
      <PageTitle>Choose a tenant</PageTitle>
      {choose.isError && <ErrorNotice explanation={explain(choose.error)} />}
      {session.tenants.length === 0 ? (
        <Text>Your account belongs to no tenant. Ask the people who run this site to add you to one.</Text>
      ) : (
        <>
          <Text>You will see and change the rows of this tenant only.</Text>
          <Stack component="ul" className="plain-list" gap="xs" maw={420}>
            {session.tenants.map((tenant) => (
              <li key={tenant.id}>
                <Button
                  variant="default"
                  fullWidth
                  justify="start"
                  size="md"
                  loading={choose.isPending && choose.variables === tenant.id}
                  disabled={choose.isPending && choose.variables !== tenant.id}
                  onClick={() => {
                    choose.mutate(tenant.id)
                  }}
                >
                  {tenant.name}
                </Button>
              </li>
            ))}
          </Stack>
        </>
      )}
    </>
  )
}
