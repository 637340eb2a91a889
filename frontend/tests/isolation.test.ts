import { describe, expect, it } from 'vitest'
import { ApiError } from '../src/api/client'
import {
  acceptedFindings,
  byTable,
  openFindings,
  plainComment,
  plainLine,
  runNote,
  runText,
  type Finding,
  type ResultLine,
  type Run,
} from '../src/logic/isolation'
import { adviceOf, explainWhy } from '../src/logic/why'

const finding = (fields: Partial<Finding>): Finding => ({
  severity: 'low',
  rule: 'r',
  object: 'o',
  hole: 'h',
  gain: 'g',
  mend: null,
  accepted: null,
  ...fields,
})
const line = (fields: Partial<ResultLine>): ResultLine => ({
  number: 1,
  tableName: 'app.a',
  ok: true,
  skipped: false,
  line: 'app.a: it holds',
  comment: null,
  ...fields,
})
const run = (fields: Partial<Run>): Run => ({
  id: 1,
  startedAt: null,
  state: 'passed',
  tables: 3,
  tablesDone: 3,
  passed: 86,
  failed: 0,
  skipped: 0,
  error: null,
  ...fields,
})

describe('findings', () => {
  const findings = [
    finding({ severity: 'low' }),
    finding({ severity: 'critical', accepted: 'we know' }),
    finding({ severity: 'critical' }),
    finding({ severity: 'odd' }),
    finding({ severity: 'high' }),
  ]

  it('that nobody has accepted are open, the worst first', () => {
    expect(openFindings(findings).map(({ severity }) => severity)).toEqual(['critical', 'high', 'low', 'odd'])
  })

  it('that somebody has accepted are kept apart', () => {
    expect(acceptedFindings(findings).map(({ accepted }) => accepted)).toEqual(['we know'])
  })
})

describe('the lines of the suite', () => {
  it('are counted by table, in the order in which they were tried', () => {
    const lines = [
      line({ number: 3, tableName: 'app.b' }),
      line({ number: 2, ok: false }),
      line({ number: 1 }),
      line({ number: 4, tableName: 'app.b', skipped: true }),
    ]
    const tables = byTable(lines)
    expect(tables.map(({ tableName, passed, failed, skipped }) => [tableName, passed, failed, skipped])).toEqual([
      ['app.a', 1, 1, 0],
      ['app.b', 1, 0, 1],
    ])
    expect(tables[0]?.lines.map(({ number }) => number)).toEqual([1, 2])
  })

  it('are said without number, table and mark', () => {
    expect(plainLine(line({ line: 'app.a: a row is not read' }))).toBe('A row is not read')
    expect(plainLine(line({ line: 'not ok 12 - app.a: a row is not read' }))).toBe('A row is not read')
    expect(plainLine(line({ line: null }))).toBe('')
    expect(plainComment('# one\n# two')).toBe('one\ntwo')
  })
})

it('a run is told in one sentence', () => {
  expect(runText(run({ state: 'running', tables: null }))).toBe('Starting')
  expect(runText(run({ state: 'running', tablesDone: 1 }))).toBe('Running: 1 of 3 tables done')
  expect(runText(run({}))).toBe('Isolation holds: all 86 lines are green.')
  expect(runText(run({ skipped: 6 }))).toBe('Isolation holds: all 86 lines are green, 6 say nothing.')
  expect(runText(run({ state: 'failed', passed: 9, failed: 1 }))).toBe('1 line of 10 is red.')
  expect(runText(run({ state: 'failed', passed: 8, failed: 2 }))).toBe('2 lines of 10 are red.')
  expect(runText(run({ state: 'failed', passed: 0, error: 'No table is protected.' }))).toBe('No table is protected.')
  expect(runText(run({ state: 'broken', error: 'it was cancelled' }))).toBe('It broke off: it was cancelled')
  expect(['passed', 'failed', 'running', 'broken'].map((state) => runNote(run({ state, failed: 2 })))).toEqual([
    'all green',
    '2 red',
    'running',
    'broke off',
  ])
})

describe('why', () => {
  const reason = (fields: object) => ({ reason: 'policy', explanation: 'It says no.', hint: null, ...fields })

  it('advises people who write no SQL', () => {
    expect(adviceOf(reason({}))).toBeNull()
    expect(adviceOf(reason({ hint: 'Ask tenancy.whoami().' }))).toBeNull()
    expect(adviceOf(reason({ hint: 'grant select on app.a to b' }))).toBe('grant select on app.a to b')
    expect(adviceOf(reason({ reason: 'not_yours_or_not_there', hint: 'tenancy.whoami()' }))).toContain('Check the id')
  })

  it('says what is wrong with the question', () => {
    const error = (code: string, status = 400) => new ApiError({ status, code, message: 'm' })
    expect(explainWhy(error('22P02')).title).toBe('This is no id.')
    expect(explainWhy(error('22023')).advice).toContain('Ask about a patient')
    expect(explainWhy(error('08006', 503)).title).toBe('M.')
  })
})
