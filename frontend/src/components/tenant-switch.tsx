import { Button, Menu, Text } from '@mantine/core'
import type { Session } from '../api/client'
import type { ChooseTenant } from '../api/queries'
import { seesAllTenants } from '../logic/session-state'
import type { TenantChoice } from '../logic/tenant-choices'

interface Props {
  session: Session
  choices: TenantChoice[]
  choose: ChooseTenant
}

/** The header's menu of tenants, for whoever has a choice. */
export function TenantSwitch({ session, choices, choose }: Props) {
  if (choices.length < 2) return null
  return (
    <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false} width={240} shadow="md">
      <Menu.Target>
        <Button
          variant="default"
          className="tenant-switch"
          px="sm"
          fw={500}
          loading={choose.isPending}
          rightSection={<Chevron />}
        >
          {seesAllTenants(session) ? 'Choose tenant' : 'Switch tenant'}
        </Button>
      </Menu.Target>
      <Menu.Dropdown className="tenant-menu">
        {choices.map(({ id, name }) => {
          const current = id === session.tenantId
          return (
            <Menu.Item
              key={id ?? ''}
              aria-current={current || undefined}
              rightSection={current ? <Tick /> : null}
              onClick={() => {
                if (!current) choose.mutate(id)
              }}
            >
              <Text span inherit fw={current ? 600 : undefined}>
                {name}
              </Text>
            </Menu.Item>
          )
        })}
      </Menu.Dropdown>
    </Menu>
  )
}

function Chevron() {
  return (
    <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
      <path d="M1.5 3 5 6.5 8.5 3" fill="none" stroke="currentColor" strokeWidth="1.6" />
    </svg>
  )
}

function Tick() {
  return (
    <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
      <path d="m2 7.5 3.2 3.2L12 3.8" fill="none" stroke="currentColor" strokeWidth="2" />
    </svg>
  )
}
