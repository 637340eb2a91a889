import { Button, Text } from '@mantine/core'
import type { ChooseTenant } from '../api/queries'

/** Seen on every page while an admin is in one tenant: else rows that are missing would look as if they were not there. */
export function TenantBanner({ name, choose }: { name: string; choose: ChooseTenant }) {
  return (
    <section className="tenant-banner" aria-label="Tenant that you are in">
      <div className="tenant-banner-parts">
        <Text size="sm">
          You are in <strong>{name}</strong> and see its rows alone.
        </Text>
        <Button
          variant="default"
          size="xs"
          loading={choose.isPending && choose.variables === null}
          disabled={choose.isPending && choose.variables !== null}
          onClick={() => {
            choose.mutate(null)
          }}
        >
          Back to all tenants
        </Button>
      </div>
    </section>
  )
}
