import { Table } from '@mantine/core'
import type { ReactNode } from 'react'
import { plainCount } from '../logic/activity-words'

export interface BarRow {
  id: string
  name: ReactNode
  /** What the columns without bars say, for screens that are too narrow for them. */
  note?: string
  /** One for each heading; null: not known. */
  counts: (number | null)[]
}

interface Props {
  label: string
  nameHeading: string
  headings: { text: string; bar: boolean }[]
  rows: BarRow[]
}

/** A table that is a bar chart too: each bar is as long as its number, against the greatest of its column. */
export function BarTable({ label, nameHeading, headings, rows }: Props) {
  const greatest = headings.map((_, column) => Math.max(1, ...rows.map((row) => row.counts[column] ?? 0)))
  return (
    <div className="data-table">
      <Table aria-label={label} verticalSpacing="xs" className="bar-table">
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{nameHeading}</Table.Th>
            {headings.map(({ text, bar }) => (
              <Table.Th key={text} scope="col" className={bar ? 'bar-cell' : 'count-cell'}>
                {text}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.id}>
              <Table.Th scope="row" fw={400}>
                {row.name}
                {row.note && <span className="bar-note">{row.note}</span>}
              </Table.Th>
              {headings.map(({ text, bar }, column) => {
                const count = row.counts[column] ?? null
                if (!bar) {
                  return (
                    <Table.Td key={text} className="count-cell">
                      {count === null ? '–' : plainCount(count)}
                    </Table.Td>
                  )
                }
                return (
                  <Table.Td key={text} className="bar-cell">
                    <span className="bar-count">{plainCount(count ?? 0)}</span>
                    <span className="bar" style={{ width: `${((count ?? 0) / (greatest[column] ?? 1)) * 100}%` }} />
                  </Table.Td>
                )
              })}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  )
}
