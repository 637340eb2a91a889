import { highest, type Overview, type Step } from './activity-series'
import { countText, durationText, rateText, shareText } from './activity-words'
import { total, type Counts, type Levels } from './gateway-counts'
import { tenantNameOf, type TenantNames } from './tenant-choices'

/** The charts as sentences. */

export function requestSummary({ requests }: Overview, steps: readonly Step[]): string {
  if (requests.all === 0) return 'No request has come yet.'
  const most = `At most ${rateText(highest(steps, 'answered', 'refused', 'failed'))} per second.`
  const of = `Of ${countText(requests.all, 'request')}`
  if (requests.refused + requests.failed === 0) return `${most} ${of} none was refused and none failed.`
  const share = (count: number) => `${countText(count, '', '').trim()} (${shareText(count, requests.all)})`
  return `${most} ${of} ${share(requests.refused)} ${requests.refused === 1 ? 'was' : 'were'} refused, ${share(requests.failed)} failed.`
}

export function latencySummary({ latency, rowRequests }: Overview): string {
  if (latency.p50 === null) return 'Nobody has asked for rows yet.'
  const all = countText(rowRequests, 'request')
  return `Of ${all} for rows, half took up to ${durationText(latency.p50)}, 95 % up to ${durationText(latency.p95)}, 99 % up to ${durationText(latency.p99)}.`
}

export function poolSummary({ poolSize, poolInUse, poolWaiting }: Levels, steps: readonly Step[]): string {
  const waiting = poolWaiting === 0 ? 'no request waits' : countText(poolWaiting, 'request waits', 'requests wait')
  return `${poolInUse} of ${countText(poolSize, 'connection')} in use now, at most ${highest(steps, 'inUse')}; ${waiting} for one.`
}

export function signInSummary({ counts: { signIns } }: Overview, text: (result: string) => string): string {
  if (total(signIns) === 0) return 'Nobody has tried to sign in yet.'
  const inOrder = [...signIns].sort(([a], [b]) => Number(b === 'ok') - Number(a === 'ok') || a.localeCompare(b))
  const parts = inOrder.filter(([, count]) => count > 0).map(([result, count]) => `${countText(count, '', '').trim()} ${text(result)}`)
  return `${parts.join(', ')}.`
}

/** One line of the table of tenants: what it asked for, and what it has. */
export interface TenantActivity {
  id: string
  name: string
  requests: number
  rows: number
  users: number | null
  patients: number | null
}

export interface TenantStock {
  id: string | number | null
  users: number | null
  patients: number | null
}

const mostTenants = 20

/**
 * The busiest tenants, then those that did nothing. The counts may have a line for tenants without a count of their own,
 * and admins who have chosen no tenant get one too.
 */
export function tenantActivity(
  counts: { tenantRequests: Counts; tenantRows: Counts; bypassRequests: Counts; bypassRows: Counts },
  names: TenantNames,
  stocks: readonly TenantStock[],
): { shown: TenantActivity[]; left: number } {
  const stockOf = new Map(stocks.map((stock) => [String(stock.id), stock]))
  const line = (id: string, name: string): TenantActivity => ({
    id,
    name,
    requests: counts.tenantRequests.get(id) ?? 0,
    rows: counts.tenantRows.get(id) ?? 0,
    users: stockOf.get(id)?.users ?? null,
    patients: stockOf.get(id)?.patients ?? null,
  })
  const ids = new Set([...counts.tenantRequests.keys(), ...counts.tenantRows.keys(), ...names.keys(), ...stockOf.keys()])
  ids.delete('')
  const order = new Intl.Collator('en', { numeric: true })
  const tenants = [...ids]
    .map((id) => line(id, tenantNameOf(names, id)))
    .sort((a, b) => b.requests - a.requests || b.rows - a.rows || order.compare(a.name, b.name))
  const shown = tenants.slice(0, mostTenants)
  if (counts.tenantRequests.has('')) shown.push(line('', 'Tenants without a count of their own'))
  const bypass = { requests: total(counts.bypassRequests), rows: total(counts.bypassRows) }
  if (bypass.requests > 0) shown.push({ ...line('', 'Admins, in all tenants'), id: 'bypass', ...bypass })
  return { shown, left: tenants.length - mostTenants > 0 ? tenants.length - mostTenants : 0 }
}

export function tenantSummary(tenants: readonly TenantActivity[]): string {
  const all = tenants.reduce((sum, { requests }) => sum + requests, 0)
  const [busiest] = [...tenants].sort((a, b) => b.requests - a.requests)
  if (!busiest || all === 0) return 'Nobody has asked for rows yet.'
  const rows = tenants.reduce((sum, each) => sum + each.rows, 0)
  return `${countText(rows, 'row')} in ${countText(all, 'answer')}. Most asked: ${busiest.name}, with ${shareText(busiest.requests, all)} of the requests.`
}

export function errorSummary(errors: Counts): string {
  const all = total(errors)
  return all === 0 ? 'The database has reported no error.' : `The database has reported ${countText(all, 'error')}.`
}
