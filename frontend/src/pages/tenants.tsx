import { Badge, Button, Group, Text, Textarea, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useRef, useState } from 'react'
import { useChooseTenant, type ChooseTenant } from '../api/queries'
import { useChange, usePages } from '../api/rows'
import type { Row } from '../api/schema'
import { ConfirmDialog } from '../components/confirm-dialog'
import { ErrorNotice } from '../components/error-notice'
import { ListView } from '../components/list-view'
import { Moment } from '../components/moment'
import { focusHeading } from '../components/page-title'
import { useCurrentSession } from '../components/session-gate'
import { explain } from '../logic/explanation'
import { likePattern } from '../logic/like-pattern'

type Overview = Row<'tenant_overview'>

const typingMs = 250
const counted = (count: number | null, one: string, many: string) => `${count ?? 0} ${count === 1 ? one : many}`

/** All tenants, for admins: how much is in each, the way into one, and who is kept out. */
export function TenantsPage() {
  const session = useCurrentSession()
  const choose = useChooseTenant()
  const [wanted, setWanted] = useState('')
  const [search] = useDebouncedValue(wanted.trim(), typingMs)
  const tenants = usePages(
    session,
    'tenant_overview',
    (rows) => {
      const all = rows.select('*', { count: 'exact' }).order('displayName').order('id')
      return search === '' ? all : all.ilike('displayName', likePattern(search))
    },
    { by: 'number', size: 50, key: [search] },
  )
  const [asked, setAsked] = useState<Overview | null>(null)
  const [done, setDone] = useState('')

  function close() {
    setAsked(null)
  }
  function finish(message: string) {
    close()
    setDone(message)
    focusHeading()
  }

  return (
    <>
      <ListView
        title="Tenants"
        count={tenants.count === null ? '' : counted(tenants.count, 'tenant', 'tenants')}
        what="tenants"
        query={tenants}
        note={done}
        empty={search === '' ? 'There are no tenants yet.' : `No tenant has a name with “${search}” in it.`}
        filters={
          <>
            <TextInput
              label="Find a tenant by name"
              type="search"
              value={wanted}
              maw={360}
              onChange={(event) => {
                setWanted(event.currentTarget.value)
              }}
            />
            {choose.isError && <ErrorNotice explanation={explain(choose.error)} />}
          </>
        }
      >
        {tenants.rows?.map((tenant) => (
          <TenantItem
            key={tenant.id}
            tenant={tenant}
            choose={choose}
            onStepIn={() => {
              choose.mutate(String(tenant.id))
            }}
            onAsk={() => {
              setDone('')
              setAsked(tenant)
            }}
          />
        ))}
      </ListView>
      {asked?.suspended === false && <Suspend tenant={asked} onDone={finish} onClose={close} />}
      {asked?.suspended === true && <Resume tenant={asked} onDone={finish} onClose={close} />}
    </>
  )
}

interface ItemProps {
  tenant: Overview
  choose: ChooseTenant
  onStepIn: () => void
  onAsk: () => void
}

function TenantItem({ tenant, choose, onStepIn, onAsk }: ItemProps) {
  const name = tenant.displayName
  const action = tenant.suspended ? 'Resume' : 'Suspend'
  return (
    <li className="list-item">
      <div className="list-facts">
        <Text fw={600} component="h2" size="md">
          {name} {tenant.suspended && <Badge color="red.9">Suspended</Badge>}
        </Text>
        <Text size="sm">
          {counted(tenant.users, 'user', 'users')}, {counted(tenant.patients, 'patient', 'patients')},{' '}
          {counted(tenant.sessions, 'session', 'sessions')}
        </Text>
        {tenant.suspended && (
          <Text size="sm" c="dimmed">
            Suspended <Moment iso={tenant.suspendedAt} />: {tenant.suspensionReason}
          </Text>
        )}
      </div>
      <Group gap="xs">
        {!tenant.suspended && (
          <Button
            variant="default"
            size="xs"
            loading={choose.isPending && choose.variables === String(tenant.id)}
            disabled={choose.isPending && choose.variables !== String(tenant.id)}
            aria-label={`Step in to ${name}`}
            onClick={onStepIn}
          >
            Step in
          </Button>
        )}
        <Button variant="default" size="xs" aria-label={`${action} ${name}`} onClick={onAsk}>
          {action}
        </Button>
      </Group>
    </li>
  )
}

interface ChangeProps {
  tenant: Overview
  onDone: (message: string) => void
  onClose: () => void
}

const longestReason = 1000

function Suspend({ tenant, onDone, onClose }: ChangeProps) {
  const session = useCurrentSession()
  const [reason, setReason] = useState('')
  const [missing, setMissing] = useState(false)
  const field = useRef<HTMLTextAreaElement>(null)
  const suspend = useChange(
    session,
    (data, why: string) => data.rpc('suspend_tenant', { tenant: String(tenant.id), reason: why }),
    ['tenant_overview', 'audit_log'],
  )
  return (
    <ConfirmDialog
      title={`Suspend ${tenant.displayName}?`}
      action="Suspend"
      danger
      pending={suspend.isPending}
      error={suspend.error}
      onClose={onClose}
      onConfirm={() => {
        const why = reason.trim()
        if (why === '') {
          setMissing(true)
          field.current?.focus()
          return
        }
        suspend.mutate(why, {
          onSuccess: (isNew) => {
            onDone(`${tenant.displayName} ${isNew ? 'is suspended.' : 'was suspended already.'}`)
          },
        })
      }}
    >
      <Text>
        From their next click on, nobody can work in this tenant: its users are told that it is suspended. Nothing is
        deleted, admins still see its rows among those of all tenants, and you can resume it at any time.
      </Text>
      <Textarea
        ref={field}
        label="Reason"
        description="For the audit log and other admins. The tenant’s users do not see it."
        required
        data-autofocus
        rows={3}
        maxLength={longestReason}
        value={reason}
        error={missing && reason.trim() === '' ? 'Say why in a sentence.' : null}
        onChange={(event) => {
          setReason(event.currentTarget.value)
        }}
      />
    </ConfirmDialog>
  )
}

function Resume({ tenant, onDone, onClose }: ChangeProps) {
  const session = useCurrentSession()
  const resume = useChange(session, (data) => data.rpc('resume_tenant', { tenant: String(tenant.id) }), [
    'tenant_overview',
    'audit_log',
  ])
  return (
    <ConfirmDialog
      title={`Resume ${tenant.displayName}?`}
      action="Resume"
      pending={resume.isPending}
      error={resume.error}
      onClose={onClose}
      onConfirm={() => {
        resume.mutate(undefined, {
          onSuccess: (was) => {
            onDone(`${tenant.displayName} ${was ? 'is open again.' : 'was open already.'}`)
          },
        })
      }}
    >
      <Text>Its users can work in it again at once, where they left off.</Text>
    </ConfirmDialog>
  )
}
