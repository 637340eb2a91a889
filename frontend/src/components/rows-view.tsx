import { Box, Group, LoadingOverlay, Text } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { explain } from '../logic/explanation'
import { DataTable } from './data-table'
import { ErrorNotice } from './error-notice'
import { PageTitle } from './page-title'

interface Props<Row> {
  title: string
  one: string
  many: string
  query: UseQueryResult<Row[]>
  columns: ColumnDef<Row, string>[]
  /** Something else that the table waits for. */
  waiting: boolean
}

/** A page of rows: how many there are, and they, or why not. */
export function RowsView<Row extends { id: number | string | null }>({ title, one, many, query, columns, waiting }: Props<Row>) {
  const rows = query.data
  const loading = query.isPending || waiting
  return (
    <>
      <Group justify="space-between" align="baseline">
        <PageTitle>{title}</PageTitle>
        <Text c="dimmed" size="sm" role="status">
          {rows && !loading ? `${rows.length} ${rows.length === 1 ? one : many}` : ''}
        </Text>
      </Group>
      {query.isError && (
        <ErrorNotice explanation={explain(query.error)} onRetry={() => void query.refetch()} retrying={query.isFetching} />
      )}
      <Box pos="relative" mih={loading ? 220 : undefined} aria-busy={loading}>
        <LoadingOverlay visible={loading} loaderProps={{ 'aria-label': `Loading ${many}`, role: 'status' }} />
        {rows && !loading && rows.length > 0 && (
          <DataTable label={title} rows={rows} columns={columns} rowId={(row) => String(row.id)} />
        )}
        {rows?.length === 0 && !loading && (
          <Text py="xl" ta="center" c="dimmed">
            There are no {many} yet.
          </Text>
        )}
      </Box>
    </>
  )
}
