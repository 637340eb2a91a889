/**
 * What the gateway has counted since it started, and what lies between two such readings. A gateway that was started
 * anew counts from zero.
 */

interface Entry<Value> {
  key: string
  labels: Record<string, string>
  value: Value
}

interface Histogram {
  /** Bound in seconds (null: none) and how many lie between it and the bound before. */
  buckets: [bound: number | null, count: number][]
}

/** The answer of GET /stats, as far as it is used here. */
export interface Stats {
  counters: Entry<number>[]
  gauges: Entry<number>[]
  histograms: Entry<Histogram>[]
}

export type Counts = ReadonlyMap<string, number>

const groups = ['requests', 'errors', 'signIns', 'latency', 'tenantRequests', 'tenantRows', 'bypassRequests', 'bypassRows'] as const

type GroupName = (typeof groups)[number]

/**
 * requests by class of status ("2xx"); errors by SQLSTATE; signIns by result; latency by the bound of the bucket in
 * seconds, of requests for rows; tenant… by tenant's id, "" for those who have no count of their own; bypass…: of admins
 * who have chosen no tenant, under "".
 */
export type CountGroups = Readonly<Record<GroupName, Counts>>

export interface Levels {
  poolSize: number
  poolInUse: number
  poolWaiting: number
}

export interface Reading {
  /** Milliseconds of this page's clock. */
  at: number
  counts: CountGroups
  levels: Levels
}

/** What was counted between two readings, the times in milliseconds. */
export interface Growth {
  from: number
  to: number
  counts: CountGroups
}

function inEachGroup<Each extends Counts>(make: (group: GroupName) => Each): Record<GroupName, Each> {
  return Object.fromEntries(groups.map((group) => [group, make(group)])) as Record<GroupName, Each>
}

function emptyGroups() {
  return inEachGroup(() => new Map<string, number>())
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count)
}

/** The questions of this very page are left out: they would be most of what it shows. */
const ownRoute = '/stats'
/** The templates of rows and functions have a part that is open; a sign-in takes long on purpose and is none of them. */
const routeOfRows = /\/\*(\/|$)/

const plainCounters: Record<string, { group: GroupName; label: string }> = {
  tenancy_gateway_database_errors_total: { group: 'errors', label: 'sqlstate' },
  tenancy_gateway_sign_ins_total: { group: 'signIns', label: 'result' },
  tenancy_gateway_tenant_requests_total: { group: 'tenantRequests', label: 'tenant' },
  tenancy_gateway_tenant_rows_total: { group: 'tenantRows', label: 'tenant' },
  tenancy_gateway_bypass_requests_total: { group: 'bypassRequests', label: '' },
  tenancy_gateway_bypass_rows_total: { group: 'bypassRows', label: '' },
}

export function readingOf(stats: Stats, at: number): Reading {
  const counts = emptyGroups()
  for (const { key, labels, value } of stats.counters) {
    const { route = '', status = '' } = labels
    if (key === 'tenancy_gateway_requests_total' && !route.endsWith(ownRoute)) add(counts.requests, `${status.charAt(0)}xx`, value)
    const plain = plainCounters[key]
    if (plain) add(counts[plain.group], labels[plain.label] ?? '', value)
  }
  for (const { key, labels, value } of stats.histograms) {
    if (key !== 'tenancy_gateway_request_seconds' || !routeOfRows.test(labels.route ?? '')) continue
    for (const [bound, count] of value.buckets) add(counts.latency, String(bound ?? Infinity), count)
  }
  const level = (key: string) => stats.gauges.find((gauge) => gauge.key === key)?.value ?? 0
  return {
    at,
    counts,
    levels: {
      poolSize: level('tenancy_gateway_pool_size'),
      poolInUse: level('tenancy_gateway_pool_in_use'),
      poolWaiting: level('tenancy_gateway_pool_waiting'),
    },
  }
}

export function total(counts: Counts): number {
  let sum = 0
  for (const count of counts.values()) sum += count
  return sum
}

export function growth(before: Reading, after: Reading): Growth {
  const startedAnew = total(after.counts.requests) < total(before.counts.requests)
  return {
    from: before.at,
    to: after.at,
    counts: inEachGroup((group) => {
      const known = startedAnew ? new Map<string, number>() : before.counts[group]
      return new Map([...after.counts[group]].map(([name, count]) => [name, Math.max(0, count - (known.get(name) ?? 0))]))
    }),
  }
}

export function growths(readings: readonly Reading[]): Growth[] {
  return readings.slice(1).flatMap((after, index) => {
    const before = readings[index]
    return before && after.at > before.at ? [growth(before, after)] : []
  })
}

/** Shorter growths than this are not divided: halves of a sign-in are hard to explain. */
const divisibleMs = 5000

/**
 * What was counted between two moments. A growth belongs to where it ends; a longer one, after a pause, lies evenly over
 * its time.
 */
export function between(parts: readonly Growth[], from: number, to: number): { seconds: number; counts: CountGroups } {
  const sums = emptyGroups()
  let coveredMs = 0
  for (const part of parts) {
    const length = part.to - part.from
    const overlap = Math.max(0, Math.min(part.to, to) - Math.max(part.from, from))
    const endsHere = part.to > from && part.to <= to
    const share = length > divisibleMs ? overlap / length : endsHere ? 1 : 0
    coveredMs += share * length
    for (const group of groups) {
      for (const [name, count] of part.counts[group]) add(sums[group], name, count * share)
    }
  }
  return { seconds: coveredMs / 1000, counts: sums }
}

/**
 * The value that a share of all does not exceed, in seconds, taken from counts by upper bound: within a bucket as if its
 * values lay evenly, as Prometheus does it. Above the last bound: that bound. Null when nothing was counted.
 */
export function quantile(share: number, latency: Counts): number | null {
  const buckets = [...latency].map(([bound, count]) => ({ bound: Number(bound), count })).sort((a, b) => a.bound - b.bound)
  const rank = share * total(latency)
  if (rank === 0) return null
  let below = 0
  let lower = 0
  for (const { bound, count } of buckets) {
    if (below + count >= rank && count > 0) {
      return bound === Infinity ? lower : lower + ((bound - lower) * (rank - below)) / count
    }
    below += count
    if (bound !== Infinity) lower = bound
  }
  return lower
}
