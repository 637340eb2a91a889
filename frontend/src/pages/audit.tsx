import { Button, Group, Select, Text, TextInput } from '@mantine/core'
import { useSearchParams } from 'react-router'
import { usePages, useTenantNames } from '../api/rows'
import type { Row } from '../api/schema'
import { ListView } from '../components/list-view'
import { Moment } from '../components/moment'
import { useCurrentSession } from '../components/session-gate'
import { actionText, beginOf, detailPairs, endOf, filterOf, knownActions, searchOf, type AuditFilter } from '../logic/audit'
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
        <Group component="fieldset" className="filters" gap="sm" align="end">
          <legend className="filters-legend">Show</legend>
          <Select
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
        </Group>
      }
    >
      {entries.rows?.map((entry) => (
        <AuditEntry key={entry.id} entry={entry} names={names} />
      ))}
    </ListView>
  )
}

function AuditEntry({ entry, names }: { entry: Entry; names: TenantNames }) {
  const facts: [string, string][] = [
    ['by', entry.userId === null ? `the login ${entry.login}` : `user ${entry.userId} (login ${entry.login})`],
  ]
  if (entry.actingAs !== null) facts.push(['acting as', `user ${entry.actingAs}`])
  if (entry.tenantId !== null) facts.push(['tenant', tenantNameOf(names, entry.tenantId)])
  if (entry.reason !== null) facts.push(['reason', entry.reason])
  facts.push(...detailPairs(entry.detail))
  return (
    <li className="list-item">
      <div className="list-facts">
        <Text fw={600} component="h2" size="md">
          {actionText(entry.action)}
        </Text>
        <Text size="sm" c="dimmed">
          <Moment iso={entry.at} />
        </Text>
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
