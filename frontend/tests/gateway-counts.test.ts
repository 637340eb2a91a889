import { describe, expect, it } from 'vitest'
import { between, growth, growths, quantile, readingOf, type CountGroups, type Stats } from '../src/logic/gateway-counts'

type Entries = [labels: Record<string, string>, value: number][]

function stats(counters: Record<string, Entries>, histograms: Stats['histograms'] = []): Stats {
  return {
    counters: Object.entries(counters).flatMap(([name, entries]) =>
      entries.map(([labels, value]) => ({ key: `tenancy_gateway_${name}`, labels, value })),
    ),
    gauges: [
      { key: 'tenancy_gateway_pool_size', labels: {}, value: 8 },
      { key: 'tenancy_gateway_pool_in_use', labels: {}, value: 3 },
      { key: 'tenancy_gateway_pool_waiting', labels: {}, value: 1 },
    ],
    histograms,
  }
}

const requests = (ok: number, at: number) => readingOf(stats({ requests_total: [[{ route: '/api/*', status: '200' }, ok]] }), at)
const plain = (counts: CountGroups) =>
  Object.fromEntries(Object.entries(counts).flatMap(([group, each]) => (each.size > 0 ? [[group, Object.fromEntries(each)]] : [])))

describe('a reading', () => {
  it('adds up statuses of a class and leaves out what the page itself asked', () => {
    const { counts } = readingOf(
      stats({
        requests_total: [
          [{ route: '/api/*', method: 'GET', status: '200' }, 5],
          [{ route: '/api/*', method: 'POST', status: '201' }, 2],
          [{ route: 'page', method: 'GET', status: '304' }, 4],
          [{ route: '/api/*', method: 'POST', status: '409' }, 1],
          [{ route: 'other', method: 'GET', status: '404' }, 1],
          [{ route: '/nest/stats', method: 'GET', status: '200' }, 90],
        ],
        database_errors_total: [[{ sqlstate: '23505' }, 1]],
        sign_ins_total: [[{ result: 'ok' }, 2], [{ result: 'refused' }, 3]],
        tenant_requests_total: [[{ tenant: '3' }, 4], [{ tenant: '' }, 2]],
        tenant_rows_total: [[{ tenant: '3' }, 20]],
        bypass_requests_total: [[{}, 1]],
        bypass_rows_total: [[{}, 25]],
      }),
      0,
    )
    expect(plain(counts)).toEqual({
      requests: { '2xx': 7, '3xx': 4, '4xx': 2 },
      errors: { 23505: 1 },
      signIns: { ok: 2, refused: 3 },
      tenantRequests: { 3: 4, '': 2 },
      tenantRows: { 3: 20 },
      bypassRequests: { '': 1 },
      bypassRows: { '': 25 },
    })
  })

  it('measures the routes of rows, all together', () => {
    const told = (route: string): Stats['histograms'][number] => ({
      key: 'tenancy_gateway_request_seconds',
      labels: { route },
      value: { buckets: [[0.01, 3], [null, 1]] },
    })
    const { counts, levels } = readingOf(stats({}, ['/api/*', '/api/*/*', '/api/auth/login', '/api/stats', 'page'].map(told)), 0)
    expect(plain(counts)).toEqual({ latency: { 0.01: 6, Infinity: 2 } })
    expect(levels).toEqual({ poolSize: 8, poolInUse: 3, poolWaiting: 1 })
  })
})

describe('the growth between two readings', () => {
  it('is the difference; what was not there before began at zero', () => {
    const before = requests(10, 1000)
    const after = readingOf(
      stats({
        requests_total: [[{ route: '/api/*', status: '200' }, 16], [{ route: '/api/*', status: '500' }, 1]],
        sign_ins_total: [[{ result: 'ok' }, 2]],
      }),
      3000,
    )
    const { from, to, counts } = growth(before, after)
    expect([from, to]).toEqual([1000, 3000])
    expect(plain(counts)).toEqual({ requests: { '2xx': 6, '5xx': 1 }, signIns: { ok: 2 } })
  })

  it('begins at zero when the gateway was started anew', () => {
    expect(plain(growth(requests(1000, 0), requests(7, 2000)).counts)).toEqual({ requests: { '2xx': 7 } })
  })

  it('needs two readings, and time between them', () => {
    expect(growths([])).toEqual([])
    expect(growths([requests(1, 0)])).toEqual([])
    expect(growths([requests(1, 5), requests(3, 5)])).toEqual([])
  })
})

describe('a span of time', () => {
  it('has what ended in it, undivided', () => {
    const parts = growths([requests(0, 0), requests(4, 2000), requests(5, 4000), requests(9, 6000)])
    expect(between(parts, 0, 5000)).toMatchObject({ seconds: 4 })
    expect(plain(between(parts, 0, 5000).counts)).toEqual({ requests: { '2xx': 5 } })
    expect(plain(between(parts, 5000, 10000).counts)).toEqual({ requests: { '2xx': 4 } })
    expect(between(parts, 10000, 15000).seconds).toBe(0)
  })

  it('has its part of what was counted during a pause', () => {
    const parts = growths([requests(0, 0), requests(60, 60_000)])
    const part = between(parts, 10_000, 15_000)
    expect(part.seconds).toBe(5)
    expect(part.counts.requests.get('2xx')).toBeCloseTo(5)
  })
})

describe('a quantile', () => {
  const buckets = new Map([['0.1', 10], ['0.001', 50], ['0.01', 40], ['Infinity', 0]])

  it('lies evenly within its bucket', () => {
    expect(quantile(0.5, buckets)).toBeCloseTo(0.001)
    expect(quantile(0.25, buckets)).toBeCloseTo(0.0005)
    expect(quantile(0.7, buckets)).toBeCloseTo(0.001 + 0.009 / 2)
    expect(quantile(0.99, buckets)).toBeCloseTo(0.01 + 0.09 * 0.9)
    expect(quantile(1, buckets)).toBeCloseTo(0.1)
  })

  it('is the last bound for what lies above it, and nothing when there is nothing', () => {
    expect(quantile(0.99, new Map([['10', 1], ['Infinity', 9]]))).toBe(10)
    expect(quantile(0.5, new Map([['1', 0], ['Infinity', 0]]))).toBeNull()
    expect(quantile(0.5, new Map())).toBeNull()
  })
})
