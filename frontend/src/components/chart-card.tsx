import { Group, Paper, Table, Text, Title } from '@mantine/core'
import { useId, useState, type ReactNode } from 'react'

export interface Column<Row> {
  heading: string
  text: (row: Row) => string
}

interface Props<Row> {
  title: string
  /** What one wants to know first, at the head of the card. */
  headline: string
  /** The chart in a sentence, for whoever cannot see it and whoever does not want to. */
  summary: string
  legend: { name: string; swatch: ReactNode }[]
  /** The chart's numbers, the newest first. */
  rows: readonly Row[]
  columns: readonly Column<Row>[]
  children: ReactNode
}

/** A chart with its meaning in words, and its numbers as a table for those who ask for them. */
export function ChartCard<Row extends { at: number }>({ title, headline, summary, legend, rows, columns, children }: Props<Row>) {
  const id = useId()
  return (
    <Paper component="section" aria-labelledby={`${id}title`} className="chart-card">
      <Group justify="space-between" align="baseline" gap="xs">
        <Title order={2} size="h5" id={`${id}title`}>
          {title}
        </Title>
        <Text fw={700} fz="xl" className="chart-headline">
          {headline}
        </Text>
      </Group>
      <Text size="sm" c="dimmed" id={`${id}summary`} className="chart-summary">
        {summary}
      </Text>
      <div role="img" aria-labelledby={`${id}title`} aria-describedby={`${id}summary`} className="chart">
        {children}
      </div>
      <ul className="chart-legend">
        {legend.map(({ name, swatch }) => (
          <li key={name}>
            <svg width="20" height="12" viewBox="0 0 20 12" aria-hidden="true">
              {swatch}
            </svg>
            {name}
          </li>
        ))}
      </ul>
      <Numbers label={`${title}: numbers`} rows={rows} columns={columns} />
    </Paper>
  )
}

function Numbers<Row extends { at: number }>({ label, rows, columns }: Pick<Props<Row>, 'rows' | 'columns'> & { label: string }) {
  const [open, setOpen] = useState(false)
  return (
    <details
      className="chart-numbers"
      onToggle={(event) => {
        setOpen(event.currentTarget.open)
      }}
    >
      <summary>Numbers</summary>
      {open && (
        // Whoever has no mouse scrolls it with the arrow keys.
        <div role="region" aria-label={label} tabIndex={0} className="chart-numbers-rows">
          <Table aria-label={label} stickyHeader fz="xs" verticalSpacing={4}>
            <Table.Thead>
              <Table.Tr>
                {columns.map(({ heading }) => (
                  <Table.Th key={heading} scope="col">
                    {heading}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => (
                <Table.Tr key={row.at}>
                  {columns.map(({ heading, text }) => (
                    <Table.Td key={heading}>{text(row)}</Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </details>
  )
}
