import { between, growths, quantile, total, type CountGroups, type Counts, type Growth, type Reading } from './gateway-counts'

/** The page asks this often, and shows so much of the past, in steps of so long. */
export const pollMs = 2000
export const windowMs = 180_000
export const stepMs = 5000
const fewestSteps = 12
/** What "now" means in a rate: shorter, and single requests would make it jump. */
const recentMs = 10_000

/** The readings with a new one; those that are too old to be shown go. */
export function withReading(readings: readonly Reading[], latest: Reading): Reading[] {
  return [...readings.filter(({ at }) => at >= latest.at - windowMs && at < latest.at), latest]
}

/** One column of the charts. What was not counted is null: no reading covers this step, or nothing was asked in it. */
export interface Step {
  /** Its beginning, in milliseconds. */
  at: number
  answered: number | null
  refused: number | null
  failed: number | null
  p50: number | null
  p95: number | null
  p99: number | null
  inUse: number | null
  waiting: number | null
  signedIn: number | null
  signInRefused: number | null
}

export function latencyOf(counts: Counts) {
  return { p50: quantile(0.5, counts), p95: quantile(0.95, counts), p99: quantile(0.99, counts) }
}

function signInsOf(signIns: Counts) {
  const signedIn = signIns.get('ok') ?? 0
  return { signedIn, signInRefused: total(signIns) - signedIn }
}

/** By classes of status. Redirections are answers too: most tell a browser that what it has is still right. */
function requestsOf(requests: Counts) {
  const refused = requests.get('4xx') ?? 0
  const failed = requests.get('5xx') ?? 0
  const all = total(requests)
  return { all, answered: all - refused - failed, refused, failed }
}

const nothing = { answered: null, refused: null, failed: null, signedIn: null, signInRefused: null }

function stepAt(at: number, parts: readonly Growth[], readings: readonly Reading[]): Step {
  const { counts, seconds } = between(parts, at, at + stepMs)
  const { answered, refused, failed } = requestsOf(counts.requests)
  const levels = readings.filter((reading) => reading.at > at && reading.at <= at + stepMs).map((reading) => reading.levels)
  const highest = (level: 'poolInUse' | 'poolWaiting') =>
    levels.length === 0 ? null : Math.max(...levels.map((each) => each[level]))
  const counted = () => ({
    answered: answered / seconds,
    refused: refused / seconds,
    failed: failed / seconds,
    ...signInsOf(counts.signIns),
  })
  return {
    at,
    ...(seconds === 0 ? nothing : counted()),
    ...latencyOf(counts.latency),
    inUse: highest('poolInUse'),
    waiting: highest('poolWaiting'),
  }
}

/** The charts' columns up to the latest reading: a minute of them at first, later all of the window. */
export function stepsOf(readings: readonly Reading[]): Step[] {
  const [first, latest] = [readings.at(0), readings.at(-1)]
  if (!first || !latest) return []
  const parts = growths(readings)
  const end = Math.floor(latest.at / stepMs) * stepMs
  const known = (end - Math.floor(first.at / stepMs) * stepMs) / stepMs + 1
  const steps = Math.min(Math.max(known, fewestSteps), windowMs / stepMs)
  return Array.from({ length: steps }, (_, index) => stepAt(end - (steps - 1 - index) * stepMs, parts, readings))
}

/** What the cards say in numbers: of the last seconds, and of all that is shown. */
export interface Overview {
  /** That the readings span; 0: there is only one yet. */
  seconds: number
  perSecond: number
  requests: ReturnType<typeof requestsOf>
  latency: ReturnType<typeof latencyOf>
  rowRequests: number
  counts: CountGroups
}

export function overviewOf(readings: readonly Reading[]): Overview {
  const parts = growths(readings)
  const [from, to] = [readings.at(0)?.at ?? 0, readings.at(-1)?.at ?? 0]
  const { counts, seconds } = between(parts, from, to)
  const recent = between(parts, to - recentMs, to)
  return {
    seconds,
    perSecond: recent.seconds === 0 ? 0 : total(recent.counts.requests) / recent.seconds,
    requests: requestsOf(counts.requests),
    latency: latencyOf(counts.latency),
    rowRequests: total(counts.latency),
    counts,
  }
}

/** The most that any step shows of a series, or of several that lie on top of each other. */
export function highest(steps: readonly Step[], ...series: Exclude<keyof Step, 'at'>[]): number {
  return Math.max(0, ...steps.map((step) => series.reduce((sum, each) => sum + (step[each] ?? 0), 0)))
}
