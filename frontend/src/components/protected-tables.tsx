import { Code, Loader, Stack, Table, Text, Title } from '@mantine/core'
import type { Session } from '../api/client'
import { useRows } from '../api/rows'
import { explain } from '../logic/explanation'
import { ErrorNotice } from './error-notice'

/** The tables that are protected, how, and whether they still are. */
export function ProtectedTables({ session }: { session: Session }) {
  const tables = useRows(session, 'protected_tables', (rows) => rows.select().order('tableName'))
  return (
    <Stack component="section" gap="sm" aria-labelledby="protected-tables">
      <Title order={2} size="h4" id="protected-tables">
        Protected tables
      </Title>
      {tables.isError && (
        <ErrorNotice explanation={explain(tables.error)} onRetry={() => void tables.refetch()} retrying={tables.isFetching} />
      )}
      {tables.isPending && <Loader role="status" aria-label="Loading the protected tables" />}
      {tables.data?.length === 0 && <Text>No table is protected yet.</Text>}
      {tables.data !== undefined && tables.data.length > 0 && (
        <div className="data-table" role="group" aria-labelledby="protected-tables" tabIndex={0}>
          <Table verticalSpacing="xs" aria-labelledby="protected-tables">
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">Table</Table.Th>
                <Table.Th scope="col">Protection</Table.Th>
                <Table.Th scope="col">Rows belong to</Table.Th>
                <Table.Th scope="col">Tenants may</Table.Th>
                <Table.Th scope="col">Policies</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {tables.data.map((table) => (
                <Table.Tr key={table.tableName}>
                  <Table.Td>
                    <Code>{table.tableName}</Code>
                  </Table.Td>
                  <Table.Td>
                    <span className={table.intact ? 'mark mark-good' : 'mark mark-bad'}>{table.intact ? 'intact' : 'broken'}</span>
                  </Table.Td>
                  <Table.Td>{keeping(table)}</Table.Td>
                  <Table.Td>{table.access === 'read' ? 'read' : 'read and write'}</Table.Td>
                  <Table.Td>{table.policies}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </Stack>
  )
}

interface Kept {
  kind: string | null
  tenantColumn: string | null
  ownerColumn: string | null
  shared: boolean | null
}

function keeping({ kind, tenantColumn, ownerColumn, shared }: Kept): string {
  if (kind === 'reference') return 'all tenants alike'
  const whom = ownerColumn === null ? `the tenant in ${tenantColumn ?? ''}` : `the user in ${ownerColumn}, in the tenant in ${tenantColumn ?? ''}`
  return shared ? `${whom}; rows without one are for all to read` : whom
}
