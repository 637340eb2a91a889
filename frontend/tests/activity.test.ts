import { describe, expect, it } from 'vitest'
import { highest, overviewOf, stepsOf, windowMs, withReading } from '../src/logic/activity-series'
import { latencySummary, poolSummary, requestSummary, signInSummary, tenantActivity, tenantSummary } from '../src/logic/activity-summary'
import { axisTicks, durationText, rateText, shareText, signInText, spanText, sqlstateText, timeTicks } from '../src/logic/activity-words'
import { readingOf, type Reading } from '../src/logic/gateway-counts'

interface Counted {
  answered?: number
  refused?: number
  failed?: number
  signedIn?: number
  fast?: number
  slow?: number
  inUse?: number
}

const start = 1_800_000_000_000 // a whole minute

function reading(second: number, { answered = 0, refused = 0, failed = 0, signedIn = 0, fast = 0, slow = 0, inUse = 0 }: Counted): Reading {
  const request = (status: string, value: number) => ({
    key: 'tenancy_gateway_requests_total',
    labels: { route: '/api/*', status },
    value,
  })
  return readingOf(
    {
      counters: [
        request('200', answered),
        request('404', refused),
        request('503', failed),
        { key: 'tenancy_gateway_sign_ins_total', labels: { result: 'ok' }, value: signedIn },
        { key: 'tenancy_gateway_sign_ins_total', labels: { result: 'refused' }, value: 0 },
      ],
      gauges: [
        { key: 'tenancy_gateway_pool_size', labels: {}, value: 8 },
        { key: 'tenancy_gateway_pool_in_use', labels: {}, value: inUse },
      ],
      histograms: [
        {
          key: 'tenancy_gateway_request_seconds',
          labels: { route: '/api/*' },
          value: { buckets: [[0.001, fast], [0.01, 0], [0.1, slow], [null, 0]] },
        },
      ],
    },
    start + second * 1000,
  )
}

describe('the readings that are kept', () => {
  it('are those of the window, in their order', () => {
    let kept: Reading[] = []
    for (let second = 0; second <= 300; second += 2) kept = withReading(kept, reading(second, {}))
    expect(kept.at(0)?.at).toBe(start + 300_000 - windowMs)
    expect(kept.at(-1)?.at).toBe(start + 300_000)
  })

  it('are only the newest when the page was hidden for longer than that', () => {
    const kept = withReading([reading(0, {}), reading(2, {})], reading(1000, {}))
    expect(kept.map(({ at }) => at)).toEqual([start + 1000_000])
  })
})

describe('the columns of the charts', () => {
  it('are a minute at first, and do not say zero where nothing was counted', () => {
    const steps = stepsOf([reading(31, {}), reading(33, { answered: 6, failed: 2 })])
    expect(steps).toHaveLength(12)
    expect(steps.at(-1)).toMatchObject({ at: start + 30_000, answered: 3, refused: 0, failed: 1, p50: null })
    expect(steps.at(-2)).toMatchObject({ answered: null, refused: null, failed: null, signedIn: null, inUse: null })
  })

  it('grow to the whole window and no further', () => {
    const readings = Array.from({ length: 91 }, (_, index) => reading(index * 2, { answered: index * 2 }))
    const steps = stepsOf(readings)
    expect(steps).toHaveLength(36)
    expect(steps.slice(1, -1).every(({ answered }) => answered === 1)).toBe(true)
    expect(timeTicks(steps).map((at) => (at - start) / 1000)).toEqual([30, 60, 90, 120, 150, 180])
  })

  it('hold whole sign-ins, the quantiles of their requests and the most connections that were seen', () => {
    const readings = [
      reading(0, { inUse: 1 }),
      reading(2, { signedIn: 1, fast: 4, inUse: 5 }),
      reading(4, { signedIn: 3, fast: 4, slow: 4, inUse: 2 }),
      reading(6, { signedIn: 4, fast: 4, slow: 4, inUse: 0 }),
    ]
    const [before, last] = stepsOf(readings).slice(-2)
    expect(before).toMatchObject({ signedIn: 3, signInRefused: 0, inUse: 5, p50: 0.001 })
    expect(before?.p99).toBeCloseTo(0.0982)
    expect(last).toMatchObject({ signedIn: 1, inUse: 0, p50: null })
  })

  it('are none without a reading', () => {
    expect(stepsOf([])).toEqual([])
  })
})

describe('the summary', () => {
  const readings = [reading(0, { answered: 100 }), reading(2, { answered: 110, refused: 1 }), reading(4, { answered: 112, refused: 1, failed: 3, fast: 9, slow: 1 })]
  const overview = overviewOf(readings)
  const steps = stepsOf(readings)

  it('of requests names the most, and what was refused and failed', () => {
    expect(overview).toMatchObject({ seconds: 4, perSecond: 4, requests: { all: 16, answered: 12, refused: 1, failed: 3 } })
    expect(highest(steps, 'answered', 'refused', 'failed')).toBe(4)
    expect(requestSummary(overview, steps)).toBe('At most 4 per second. Of 16 requests 1 (6.3 %) was refused, 3 (18.8 %) failed.')
    const calm = [reading(0, {}), reading(2, { answered: 1 })]
    expect(requestSummary(overviewOf(calm), stepsOf(calm))).toBe('At most 0.5 per second. Of 1 request none was refused and none failed.')
    expect(requestSummary(overviewOf([]), [])).toBe('No request has come yet.')
  })

  it('of the rest is a sentence, too', () => {
    expect(latencySummary(overview)).toBe('Of 10 requests for rows, half took up to 0.6 ms, 95 % up to 55 ms, 99 % up to 91 ms.')
    expect(latencySummary(overviewOf([]))).toBe('Nobody has asked for rows yet.')
    expect(poolSummary({ poolSize: 8, poolInUse: 1, poolWaiting: 1 }, steps)).toBe('1 of 8 connections in use now, at most 0; 1 request waits for one.')
    const signIns = overviewOf([reading(0, {}), reading(2, { signedIn: 2 })])
    expect(signInSummary(signIns, signInText)).toBe('2 signed in.')
    expect(signInSummary(overview, signInText)).toBe('Nobody has tried to sign in yet.')
  })
})

describe('the table of tenants', () => {
  const nothing = new Map<string, number>()
  const names = new Map([['1', 'North'], ['2', 'South'], ['10', 'West']])
  const counts = {
    tenantRequests: new Map([['2', 5], ['1', 9], ['', 3], ['77', 1]]),
    tenantRows: new Map([['2', 50], ['1', 9], ['', 4], ['77', 1]]),
    bypassRequests: new Map([['', 2]]),
    bypassRows: new Map([['', 25]]),
  }

  it('begins with the busiest, has those that did nothing, and ends with who has no tenant of his own', () => {
    const { shown, left } = tenantActivity(counts, names, [{ id: 1, users: 2, patients: 5 }])
    expect(shown.map(({ name, requests, rows, patients }) => [name, requests, rows, patients])).toEqual([
      ['North', 9, 9, 5],
      ['South', 5, 50, null],
      ['tenant 77', 1, 1, null],
      ['West', 0, 0, null],
      ['Tenants without a count of their own', 3, 4, null],
      ['Admins, in all tenants', 2, 25, null],
    ])
    expect(left).toBe(0)
    expect(new Set(shown.map(({ id }) => id)).size).toBe(shown.length)
    expect(tenantSummary(shown)).toBe('89 rows in 20 answers. Most asked: North, with 45 % of the requests.')
  })

  it('is cut where it gets long', () => {
    const many = new Map(Array.from({ length: 50 }, (_, index) => [String(index), `tenant ${index}`]))
    const { shown, left } = tenantActivity({ ...counts, bypassRequests: nothing }, many, [])
    expect([shown.length, left]).toEqual([21, 31])
  })

  it('says so when nobody asked', () => {
    const empty = { tenantRequests: nothing, tenantRows: nothing, bypassRequests: nothing, bypassRows: nothing }
    expect(tenantSummary(tenantActivity(empty, names, []).shown)).toBe('Nobody has asked for rows yet.')
  })
})

describe('words', () => {
  it('keep numbers short', () => {
    expect([0, 0.04, 0.25, 12.34, 1234.5].map(rateText)).toEqual(['0', 'less than 0.1', '0.3', '12.3', '1,235'])
    expect([null, 0.0004, 0.0123, 0.9999, 2.5].map(durationText)).toEqual(['none', '0.4 ms', '12 ms', '1 s', '2.5 s'])
    expect([shareText(0, 0), shareText(1, 3), shareText(1, 10_000)]).toEqual(['0 %', '33.3 %', 'less than 0.1 %'])
    expect([1, 40, 150].map(spanText)).toEqual(['1 second', '40 seconds', '2.5 minutes'])
  })

  it('mark an axis with round numbers', () => {
    expect(axisTicks(9.7)).toEqual([0, 5, 10])
    expect(axisTicks(8, 1)).toEqual([0, 2, 4, 6, 8])
    expect(axisTicks(2, 1)).toEqual([0, 1, 2])
    expect(axisTicks(0.049)).toEqual([0, 0.02, 0.04, 0.06])
    expect(axisTicks(0.004)).toEqual([0, 0.001, 0.002, 0.003, 0.004])
  })

  it('explain SQLSTATEs that are known, by their class where the gateway tells no more', () => {
    expect(sqlstateText('23505')).toBe('such a row is there already')
    expect(sqlstateText('22xxx')).toBe('a value that does not fit')
    expect(sqlstateText('connection')).toBe('no connection to the database')
    expect(sqlstateText('0Zxxx')).toBeNull()
  })
})
