import { Box, Button, Group, LoadingOverlay, Text } from '@mantine/core'
import type { ColumnDef } from '@tanstack/react-table'
import type { ReactNode } from 'react'
import { explain } from '../logic/explanation'
import type { TenantNames } from '../logic/tenant-choices'
import { DataTable } from './data-table'
import { ErrorNotice } from './error-notice'
import type { ListAddress } from './list-address'
import { ListTools } from './list-tools'
import { PageTitle } from './page-title'

/** Pages of rows, as usePages() gives them. */
interface Pages<Row> {
  rows: Row[] | undefined
  count: number | null
  error: Error | null
  isPending: boolean
  isError: boolean
  isFetching: boolean
  isPlaceholderData: boolean
  hasNextPage: boolean
  isFetchingNextPage: boolean
  refetch: () => Promise<unknown>
  fetchNextPage: () => Promise<unknown>
}

interface Props<Row> {
  title: string
  one: string
  many: string
  searchLabel: string
  pages: Pages<Row>
  columns: ColumnDef<Row, string>[]
  address: ListAddress
  /** What an admin may narrow the list to. */
  tenants: TenantNames | null
  /** Something else that the table waits for. */
  waiting: boolean
  /** What can be done beside the heading, and with a row. */
  tools?: ReactNode
  actions?: (row: Row) => ReactNode
}

function counted(shown: number, count: number | null, one: string, many: string): string {
  const all = count ?? shown
  const noun = all === 1 ? one : many
  return shown < all ? `${shown} of ${all} ${noun}` : `${all} ${noun}`
}

/** A list that the server searches, sorts and gives page by page: how many rows there are, and they, or why not. */
export function SearchedList<Row extends { id: number | string | null }>(props: Props<Row>) {
  const { title, one, many, searchLabel, pages, columns, address, tenants, waiting, tools, actions } = props
  const { rows } = pages
  const loading = pages.isPending || waiting
  const narrowed = address.list.search.trim() !== '' || address.list.tenant !== null
  return (
    <>
      <Group justify="space-between" gap="sm">
        <Group align="baseline" gap="md">
          <PageTitle>{title}</PageTitle>
          <Text c="dimmed" size="sm" role="status">
            {rows && !loading && !pages.isPlaceholderData ? counted(rows.length, pages.count, one, many) : ''}
          </Text>
        </Group>
        {tools}
      </Group>
      <ListTools address={address} searchLabel={searchLabel} tenants={tenants} />
      {pages.isError && (
        <ErrorNotice explanation={explain(pages.error)} onRetry={() => void pages.refetch()} retrying={pages.isFetching} />
      )}
      <Box pos="relative" mih={loading ? 220 : undefined} aria-busy={loading || pages.isPlaceholderData}>
        <LoadingOverlay visible={loading} loaderProps={{ 'aria-label': `Loading ${many}`, role: 'status' }} />
        {rows && !loading && rows.length > 0 && (
          <DataTable
            label={title}
            rows={rows}
            columns={columns}
            rowId={(row) => String(row.id)}
            sort={address.list.sort}
            onSort={address.sortBy}
            actions={actions}
          />
        )}
        {rows?.length === 0 && !loading && (
          <Text py="xl" ta="center" c="dimmed">
            {narrowed ? `No ${many} match this.` : `There are no ${many} yet.`}
          </Text>
        )}
      </Box>
      {pages.hasNextPage && !loading && (
        <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
          Show more {many}
        </Button>
      )}
    </>
  )
}
