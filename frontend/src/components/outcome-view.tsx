import { Code, Stack, Table, Text } from '@mantine/core'
import type { Trial } from '../logic/trial'
import { ownerOf, type Outcome, type Row } from '../logic/verdict'
import { VerdictBadge } from './verdict-badge'

const mostRows = 20

/** What came back of an attack, and what that proves. */
export function OutcomeView({ trial, why, tenantId }: { trial: Trial; why: string | null; tenantId: string }) {
  const { outcome, judgement } = trial
  return (
    <Stack gap="xs" className={`outcome outcome-${judgement.verdict}`}>
      <div className="outcome-head">
        <VerdictBadge verdict={judgement.verdict} />
        <Text span fw={600}>
          {judgement.says}
        </Text>
      </div>
      {why !== null && judgement.verdict !== 'unclear' && (
        <Text size="sm">{judgement.verdict === 'broken' ? `This must not happen. Normally: ${why}` : why}</Text>
      )}
      <Facts outcome={outcome} />
      {outcome.rows !== null && outcome.rows.length > 0 && <RowsOf rows={outcome.rows} tenantId={tenantId} />}
    </Stack>
  )
}

function Facts({ outcome: { status, code, message, details, hint, rows } }: { outcome: Outcome }) {
  const facts: [string, string | null][] = [
    ['HTTP status', status === 0 ? 'no answer' : String(status)],
    ['Code', code],
    ['Message', message],
    ['Details', details],
    ['Hint', hint],
    ['Rows', rows === null ? null : String(rows.length)],
  ]
  return (
    <dl className="outcome-facts">
      {facts.map(
        ([name, value]) =>
          value !== null && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  )
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function RowsOf({ rows, tenantId }: { rows: Row[]; tenantId: string }) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const left = rows.length - mostRows
  const isForeign = (row: Row) => ['foreign', 'secret'].includes(ownerOf(row, tenantId))
  // What matters most is not left out.
  const shownRows = rows.filter(isForeign).concat(rows.filter((row) => !isForeign(row))).slice(0, mostRows)
  return (
    // A wide row scrolls inside its box, which therefore can have the focus.
    <div className="data-table" role="group" aria-label="Rows that came back" tabIndex={0}>
      <Table verticalSpacing={4} fz="sm">
        <Table.Thead>
          <Table.Tr>
            {columns.map((name) => (
              <Table.Th key={name} scope="col">
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {shownRows.map((row, index) => (
            <Table.Tr key={index} className={isForeign(row) ? 'foreign-row' : undefined}>
              {columns.map((name) => (
                <Table.Td key={name}>
                  <Code className="plain-code">{shown(row[name])}</Code>
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {left > 0 && (
        <Text size="xs" c="dimmed">
          and {left} more
        </Text>
      )}
    </div>
  )
}
