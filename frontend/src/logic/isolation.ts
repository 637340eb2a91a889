/** What the isolation page makes of findings and of the suite's lines. */

export const severities = ['critical', 'high', 'medium', 'low'] as const
export type Severity = (typeof severities)[number]

export interface Finding {
  severity: string
  rule: string
  object: string
  hole: string
  gain: string
  mend: string | null
  accepted: string | null
}

export interface FindingGroup {
  severity: string
  findings: Finding[]
}

/** Findings that nobody has accepted, the worst first. */
export function openFindings(findings: readonly Finding[]): FindingGroup[] {
  const open = findings.filter(({ accepted }) => accepted === null)
  const names = [...new Set([...severities, ...open.map(({ severity }) => severity)])]
  return names
    .map((severity) => ({ severity, findings: open.filter((finding) => finding.severity === severity) }))
    .filter((group) => group.findings.length > 0)
}

export function acceptedFindings(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ accepted }) => accepted !== null)
}

export interface ResultLine {
  number: number
  tableName: string | null
  ok: boolean
  skipped: boolean
  line: string
  comment: string | null
}

export interface TableResults {
  tableName: string
  passed: number
  failed: number
  skipped: number
  lines: ResultLine[]
}

/** The lines of each table, in the order in which they were tried. */
export function byTable(results: readonly ResultLine[]): TableResults[] {
  const tables = new Map<string, TableResults>()
  for (const line of [...results].sort((a, b) => a.number - b.number)) {
    const tableName = line.tableName ?? 'the whole'
    const table = tables.get(tableName) ?? { tableName, passed: 0, failed: 0, skipped: 0, lines: [] }
    tables.set(tableName, table)
    table.lines.push(line)
    if (line.skipped) table.skipped++
    else if (line.ok) table.passed++
    else table.failed++
  }
  return [...tables.values()]
}

/** What a line of TAP says, without its number, its table and its mark. */
export function plainLine({ line, tableName }: Pick<ResultLine, 'line' | 'tableName'>): string {
  const said = line.replace(/^(not )?ok \d+ (- )?/, '').replace(/\s*# SKIP\b\s*/i, ': ')
  const text = tableName !== null && said.startsWith(`${tableName}: `) ? said.slice(tableName.length + 2) : said
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** A comment of TAP as a text. */
export function plainComment(comment: string): string {
  return comment.replace(/^# ?/gm, '').trim()
}

export interface Run {
  state: string
  tables: number | null
  tablesDone: number
  passed: number
  failed: number
  error: string | null
}

const many = (count: number, one: string) => `${count} ${one}${count === 1 ? '' : 's'}`

/** A run in one sentence. */
export function runText({ state, tables, tablesDone, passed, failed, error }: Run): string {
  switch (state) {
    case 'running':
      return tables === null ? 'Starting' : `Running: ${tablesDone} of ${many(tables, 'table')} done`
    case 'passed':
      return `Every attempt failed, as it should: ${passed} of ${passed} lines are green.`
    case 'failed':
      return `${many(failed, 'line')} of ${passed + failed} ${failed === 1 ? 'is' : 'are'} red.`
    default:
      return error === null ? 'It broke off.' : `It broke off: ${error}`
  }
}

export function formatMoment(iso: string): string {
  const moment = new Date(iso)
  return Number.isNaN(moment.getTime())
    ? iso
    : moment.toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })
}
