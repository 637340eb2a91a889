/** What the isolation page makes of findings and of the suite's lines. */

const severities = ['critical', 'high', 'medium', 'low'] as const

export interface Finding {
  severity: string | null
  rule: string | null
  object: string | null
  /** The rule in a few words. */
  hole: string | null
  gain: string | null
  mend: string | null
  /** Why somebody lives with it. */
  accepted: string | null
}

/** Findings that nobody has accepted, the worst first. */
export function openFindings(findings: readonly Finding[]): Finding[] {
  const rank = ({ severity }: Finding) => {
    const place = severities.findIndex((name) => name === severity)
    return place === -1 ? severities.length : place
  }
  return findings.filter(({ accepted }) => accepted === null).sort((a, b) => rank(a) - rank(b))
}

export function acceptedFindings(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ accepted }) => accepted !== null)
}

export interface ResultLine {
  number: number | null
  tableName: string | null
  ok: boolean | null
  skipped: boolean | null
  line: string | null
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
  for (const line of [...results].sort((a, b) => Number(a.number) - Number(b.number))) {
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
  const said = (line ?? '').replace(/^(not )?ok \d+ (- )?/, '').replace(/\s*# SKIP\b\s*/i, ': ')
  const text = tableName !== null && said.startsWith(`${tableName}: `) ? said.slice(tableName.length + 2) : said
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** A comment of TAP as a text. */
export function plainComment(comment: string): string {
  return comment.replace(/^# ?/gm, '').trim()
}

export interface Run {
  id: number | null
  startedAt: string | null
  state: string | null
  tables: number | null
  tablesDone: number | null
  passed: number | null
  failed: number | null
  skipped: number | null
  error: string | null
}

const many = (count: number, one: string) => `${count} ${one}${count === 1 ? '' : 's'}`

/** A run in one sentence. */
export function runText(run: Run): string {
  const [passed, failed, skipped] = [run.passed ?? 0, run.failed ?? 0, run.skipped ?? 0]
  switch (run.state) {
    case 'running':
      return run.tables === null ? 'Starting' : `Running: ${run.tablesDone ?? 0} of ${many(run.tables, 'table')} done`
    case 'passed':
      return `Isolation holds: all ${many(passed, 'line')} are green${skipped === 0 ? '' : `, ${skipped} say nothing`}.`
    case 'failed':
      if (failed === 0) return run.error ?? 'It has failed.'
      return `${many(failed, 'line')} of ${passed + failed} ${failed === 1 ? 'is' : 'are'} red.`
    default:
      return run.error === null ? 'It broke off.' : `It broke off: ${run.error}`
  }
}

/** A run in a list of them. */
export function runNote({ state, failed }: Run): string {
  if (state === 'passed') return 'all green'
  if (state === 'failed') return `${failed ?? 0} red`
  return state === 'running' ? 'running' : 'broke off'
}
