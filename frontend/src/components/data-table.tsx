import { Table, UnstyledButton } from '@mantine/core'
import { flexRender, getCoreRowModel, useReactTable, type ColumnDef } from '@tanstack/react-table'
import type { ReactNode } from 'react'
import type { Sort } from '../logic/list-address'

const ariaSort = { asc: 'ascending', desc: 'descending' } as const

export interface TableProps<Row> {
  label: string
  rows: Row[]
  columns: ColumnDef<Row, string>[]
  rowId: (row: Row) => string
  /** How the rows came: the server sorts them. */
  sort: Sort | null
  onSort: (column: string) => void
  /** What can be done with a row. */
  actions?: ((row: Row) => ReactNode) | undefined
}

/** A table whose column headings ask for its rows in another order. */
export function DataTable<Row>({ label, rows, columns, rowId, sort, onSort, actions }: TableProps<Row>) {
  const table = useReactTable({
    data: rows,
    columns,
    getRowId: rowId,
    state: { sorting: sort === null ? [] : [{ id: sort.column, desc: sort.descending }] },
    manualSorting: true,
    getCoreRowModel: getCoreRowModel(),
  })
  return (
    <div className="data-table">
      <Table aria-label={label} highlightOnHover verticalSpacing="xs">
        <Table.Thead>
          {table.getHeaderGroups().map((group) => (
            <Table.Tr key={group.id}>
              {group.headers.map((header) => {
                const sorted = header.column.getIsSorted()
                return (
                  <Table.Th key={header.id} scope="col" aria-sort={sorted ? ariaSort[sorted] : 'none'}>
                    <UnstyledButton
                      className="sort-button"
                      fz="inherit"
                      onClick={() => {
                        onSort(header.column.id)
                      }}
                    >
                      {flexRender(header.column.columnDef.header, header.getContext())}
                      <SortMark sorted={sorted} />
                    </UnstyledButton>
                  </Table.Th>
                )
              })}
              {actions && <Table.Td className="row-actions" />}
            </Table.Tr>
          ))}
        </Table.Thead>
        <Table.Tbody>
          {table.getRowModel().rows.map((row) => (
            <Table.Tr key={row.id}>
              {row.getVisibleCells().map((cell) => (
                <Table.Td key={cell.id}>{flexRender(cell.column.columnDef.cell, cell.getContext())}</Table.Td>
              ))}
              {actions && <Table.Td className="row-actions">{actions(row.original)}</Table.Td>}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  )
}

function SortMark({ sorted }: { sorted: 'asc' | 'desc' | false }) {
  return (
    <svg width="10" height="14" viewBox="0 0 10 14" aria-hidden="true" fill="currentColor">
      <path d="M5 0 9.5 6h-9z" opacity={sorted === 'asc' ? 1 : 0.3} />
      <path d="M5 14 .5 8h9z" opacity={sorted === 'desc' ? 1 : 0.3} />
    </svg>
  )
}
