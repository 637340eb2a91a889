import { Badge, Button, Text } from '@mantine/core'
import { useState } from 'react'
import { useSignOut } from '../api/queries'
import { useChange, usePages, useTenantNames } from '../api/rows'
import type { Row } from '../api/schema'
import { ConfirmDialog } from '../components/confirm-dialog'
import { ListView } from '../components/list-view'
import { Moment } from '../components/moment'
import { focusHeading } from '../components/page-title'
import { useCurrentSession } from '../components/session-gate'
import { deviceName } from '../logic/device'
import { tenantNameOf } from '../logic/tenant-choices'

type OwnSession = Row<'sessions'>

/** One's own sessions: where one is signed in, and the way to end what one does not know or need any more. */
export function SessionsPage() {
  const session = useCurrentSession()
  const sessions = usePages(
    session,
    'sessions',
    (rows) =>
      rows
        .select('*', { count: 'exact' })
        .order('current', { ascending: false })
        .order('lastUsedAt', { ascending: false })
        .order('id'),
    { by: 'number', size: 20 },
  )
  const [asked, setAsked] = useState<OwnSession | 'others' | null>(null)
  const [done, setDone] = useState('')
  const count = sessions.count ?? 0

  /** The button that was pressed may be gone with its session. */
  function finish(message: string) {
    setAsked(null)
    setDone(message)
    focusHeading()
  }

  return (
    <>
      <ListView
        title="Your sessions"
        count={count === 0 ? '' : `${count} ${count === 1 ? 'session' : 'sessions'}`}
        query={sessions}
        what="sessions"
        actions={
          count > 1 && (
            <Button
              variant="default"
              onClick={() => {
                setAsked('others')
              }}
            >
              End all others
            </Button>
          )
        }
        note={done}
      >
        {sessions.rows?.map((one) => (
          <li key={one.id} className="list-item">
            <SessionFacts one={one} />
            <Button
              variant="default"
              size="xs"
              aria-label={`End ${deviceName(one.userAgent)}${one.current ? ', this session' : ''}`}
              onClick={() => {
                setAsked(one)
              }}
            >
              End
            </Button>
          </li>
        ))}
      </ListView>
      {asked === 'others' && (
        <EndOthers
          count={count - 1}
          onDone={finish}
          onClose={() => {
            setAsked(null)
          }}
        />
      )}
      {asked !== null && asked !== 'others' && (
        <EndOne
          one={asked}
          onDone={finish}
          onClose={() => {
            setAsked(null)
          }}
        />
      )}
    </>
  )
}

function SessionFacts({ one }: { one: OwnSession }) {
  const session = useCurrentSession()
  const names = useTenantNames(session).data
  const tenants = new Map([...(names ?? []), ...session.tenants.map(({ id, name }): [string, string] => [id, name])])
  const place = [one.address, one.tenantId === null ? null : `in ${tenantNameOf(tenants, one.tenantId)}`]
  return (
    <div className="list-facts">
      <Text fw={600} component="h2" size="md">
        {deviceName(one.userAgent)} {one.current && <Badge tt="none">This session</Badge>}
      </Text>
      <Text size="sm">{place.filter(Boolean).join(', ') || 'from an unknown address'}</Text>
      <Text size="sm" c="dimmed">
        Last used <Moment iso={one.lastUsedAt} />
      </Text>
      <Text size="sm" c="dimmed">
        Signed in <Moment iso={one.startedAt} />
      </Text>
    </div>
  )
}

interface EndProps {
  onDone: (message: string) => void
  onClose: () => void
}

function EndOne({ one, onDone, onClose }: EndProps & { one: OwnSession }) {
  const session = useCurrentSession()
  const end = useChange(session, (data, id: string) => data.rpc('end_session', { id }), ['sessions'])
  const leave = useSignOut()
  const device = deviceName(one.userAgent)
  const from = one.address === null ? '' : `, signed in from ${one.address}`
  return (
    <ConfirmDialog
      title={one.current ? 'End this session?' : `End the session of ${device}?`}
      action="End session"
      danger
      pending={end.isPending || leave.isPending}
      error={end.error ?? leave.error}
      onClose={onClose}
      onConfirm={() => {
        if (one.current) {
          leave.mutate('closed')
          return
        }
        if (one.id === null) return
        end.mutate(one.id, {
          onSuccess: (was) => {
            onDone(was ? `The session of ${device} has ended.` : `The session of ${device} had ended already.`)
          },
        })
      }}
    >
      <Text>
        {one.current
          ? 'It is the one that you work in now: you come back to the sign-in.'
          : `${device}${from}. Whoever uses it must sign in again for the next click.`}
      </Text>
    </ConfirmDialog>
  )
}

function EndOthers({ count, onDone, onClose }: EndProps & { count: number }) {
  const session = useCurrentSession()
  const end = useChange(session, (data) => data.rpc('end_other_sessions'), ['sessions'])
  return (
    <ConfirmDialog
      title="End all other sessions?"
      action="End all others"
      danger
      pending={end.isPending}
      error={end.error}
      onClose={onClose}
      onConfirm={() => {
        end.mutate(undefined, {
          onSuccess: (ended) => {
            onDone(ended === 1 ? 'One other session has ended.' : `${ended} other sessions have ended.`)
          },
        })
      }}
    >
      <Text>
        {count === 1 ? 'One session of yours ends' : `${count} sessions of yours end`}, on all devices. This one stays.
      </Text>
    </ConfirmDialog>
  )
}
