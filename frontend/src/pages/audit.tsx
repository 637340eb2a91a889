import { Button, Select, Text, TextInput, VisuallyHidden } from '@mantine/core'
import { useSearchParams } from 'react-router'
import type { Session } from '../api/client'
import { usePages, useRows, useTenantNames } from '../api/rows'
import type { Row } from '../api/schema'
import { ListView } from '../components/list-view'
import { Moment } from '../components/moment'
import { useCurrentSession } from '../components/session-gate'
import { actionText, beginOf, detailPairs, endOf, filterOf, knownActions, mentionedUsers, searchOf, type AuditFilter } from '../logic/audit'
import { tenantNameOf, type TenantNames } from '../logic/tenant-choices'

type Entry = Row<'audit_log'>

const noNames: TenantNames = new Map()

/** For admins: what was done beyond one tenant, by whom and why, the newest first. */
export function AuditPage() {
  const session = useCurrentSession()
  const [search, setSearch] = useSearchParams()
  const filter = filterOf(search)
  const names = useTenantNames(session).data ?? noNames
  const entries = usePages(
    session,
    'audit_log',
    (rows) => {
      let all = rows.select().order('id', { ascending: false })
      if (filter.action !== null) all = all.eq('action', filter.action)
      if (filter.tenantId !== null) all = all.eq('tenantId', filter.tenantId)
      if (filter.from !== null) all = all.gte('at', beginOf(filter.from))
      if (filter.to !== null) all = all.lt('at', endOf(filter.to))
      return all
    },
    { size: 30, key: [filter] },
  )
  const users = useUserNames(session, entries.rows ?? [])
  function change(part: Partial<AuditFilter>) {
    setSearch(searchOf({ ...filter, ...part }), { replace: true })
  }
  const filtered = Object.keys(searchOf(filter)).length > 0

  return (
    <ListView
      title="Audit log"
      what="entries"
      query={entries}
      empty={filtered ? 'No entry is like this.' : 'There are no entries yet.'}
      filters={
        <fieldset className="filters">
          <VisuallyHidden component="legend">Which entries</VisuallyHidden>
          <Select
            className="filter-wide"
            label="Action"
            placeholder="All actions"
            clearable
            clearButtonProps={{ 'aria-label': 'All actions' }}
            data={knownActions}
            value={filter.action}
            onChange={(action) => {
              change({ action })
            }}
          />
          <Select
            className="filter-wide"
            label="Tenant"
            placeholder="All tenants"
            clearable
            clearButtonProps={{ 'aria-label': 'All tenants' }}
            searchable
            data={[...names].map(([value, label]) => ({ value, label }))}
            value={filter.tenantId}
            onChange={(tenantId) => {
              change({ tenantId })
            }}
          />
          <TextInput
            label="From"
            type="date"
            value={filter.from ?? ''}
            max={filter.to ?? undefined}
            onChange={(event) => {
              change({ from: event.currentTarget.value || null })
            }}
          />
          <TextInput
            label="To"
            type="date"
            value={filter.to ?? ''}
            min={filter.from ?? undefined}
            onChange={(event) => {
              change({ to: event.currentTarget.value || null })
            }}
          />
          {filtered && (
            <Button
              variant="default"
              onClick={() => {
                setSearch({}, { replace: true })
              }}
            >
              Show all
            </Button>
          )}
        </fieldset>
      }
    >
      {entries.rows?.map((entry) => (
        <AuditEntry key={entry.id} entry={entry} tenants={names} users={users} />
      ))}
    </ListView>
  )
}

/** The names of the users whom entries speak of, by id. Who is gone has none any more. */
function useUserNames(session: Session, entries: Entry[]): ReadonlyMap<string, string | null> {
  const ids = mentionedUsers(entries)
  const users = useRows(session, 'users', (rows) => rows.select('id, userName').in('id', ids), {
    key: [ids],
    enabled: ids.length > 0,
  })
  return new Map(users.data?.map(({ id, userName }) => [String(id), userName]))
}

interface EntryProps {
  entry: Entry
  tenants: TenantNames
  users: ReadonlyMap<string, string | null>
}

function AuditEntry({ entry, tenants, users }: EntryProps) {
  const nameOf = (id: string) => users.get(id) ?? `user ${id}`
  const by = entry.userId === null ? `database login ${entry.login}` : `${nameOf(entry.userId)}, through login ${entry.login}`
  const facts: [string, string][] = [['by', by]]
  if (entry.actingAs !== null) facts.push(['acting as', nameOf(entry.actingAs)])
  if (entry.tenantId !== null) facts.push(['tenant', tenantNameOf(tenants, entry.tenantId)])
  if (entry.reason !== null) facts.push(['reason', entry.reason])
  facts.push(...detailPairs(entry.detail))
  return (
    <li className="list-item">
      <div className="list-facts">
        <div className="list-head">
          <Text fw={600} component="h2" size="md">
            {actionText(entry.action)}
          </Text>
          <Text size="sm" c="dimmed">
            <Moment iso={entry.at} />
          </Text>
        </div>
        <dl className="facts">
          {facts.map(([name, value], index) => (
            <div key={index}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </div>
    </li>
  )
}
