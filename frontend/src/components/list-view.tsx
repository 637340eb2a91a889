import { Box, Button, Group, LoadingOverlay, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { explain } from '../logic/explanation'
import { ErrorNotice } from './error-notice'
import { PageTitle } from './page-title'

interface Props {
  title: string
  /** How many there are, in words. */
  count?: string
  /** What the entries are called. */
  what: string
  query: {
    isPending: boolean
    isError: boolean
    isFetching: boolean
    isFetchingNextPage: boolean
    isPlaceholderData: boolean
    hasNextPage: boolean
    error: Error | null
    rows: unknown[] | undefined
    refetch: () => unknown
    fetchNextPage: () => unknown
  }
  actions?: ReactNode
  filters?: ReactNode
  /** What was done a moment ago. */
  note?: string
  /** What is said when there is no entry. */
  empty?: string
  children: ReactNode
}

/** A page that lists entries, more of them when asked to: they, or why not. */
export function ListView({ title, count = '', what, query, actions, filters, note = '', empty, children }: Props) {
  const { rows, isFetchingNextPage } = query
  const loading = query.isPending || query.isPlaceholderData
  return (
    <>
      <Group justify="space-between" align="center">
        <Group align="baseline" gap="md">
          <PageTitle>{title}</PageTitle>
          <Text c="dimmed" size="sm" role="status">
            {loading ? '' : count}
          </Text>
        </Group>
        {actions}
      </Group>
      <Text role="status" className="done-note">
        {note}
      </Text>
      {filters}
      {query.isError && (
        <ErrorNotice explanation={explain(query.error)} onRetry={() => void query.refetch()} retrying={query.isFetching} />
      )}
      <Box pos="relative" mih={loading ? 220 : undefined} aria-busy={loading}>
        <LoadingOverlay visible={loading} loaderProps={{ 'aria-label': `Loading ${what}`, role: 'status' }} />
        {rows !== undefined && rows.length > 0 && (
          <ul className="list" aria-label={title}>
            {children}
          </ul>
        )}
        {rows?.length === 0 && !loading && (
          <Text py="xl" ta="center" c="dimmed">
            {empty ?? `There are no ${what}.`}
          </Text>
        )}
      </Box>
      {query.hasNextPage && !loading && (
        <Button variant="default" loading={isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more {what}
        </Button>
      )}
    </>
  )
}
