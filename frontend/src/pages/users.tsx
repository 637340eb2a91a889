import { createColumnHelper, type ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTenantNames, useUsers } from '../api/rows'
import type { User } from '../api/schema'
import { RowsView } from '../components/rows-view'
import { useCurrentSession } from '../components/session-gate'
import { seesAllTenants } from '../logic/session-state'
import { tenantNameOf, type TenantNames } from '../logic/tenant-choices'

const column = createColumnHelper<User>()

/** What the application tells of its users differs: a column is there when the rows have it. */
function columnsFor(rows: User[], tenantNames: TenantNames | null): ColumnDef<User, string>[] {
  const columns: ColumnDef<User, string>[] = [column.accessor('userName', { header: 'User Name' })]
  if (rows.some((row) => row.isAdmin !== undefined)) {
    const isAdmin = (row: User): string => (row.isAdmin ? 'Yes' : 'No')
    columns.push(column.accessor(isAdmin, { id: 'isAdmin', header: 'Is Admin' }))
  }
  if (tenantNames !== null && rows.some((row) => row.tenantId !== undefined)) {
    const tenantOf = (row: User) => (row.tenantId === undefined ? '' : tenantNameOf(tenantNames, row.tenantId))
    columns.push(column.accessor(tenantOf, { id: 'tenant', header: 'Tenant' }))
  }
  return columns
}

export function UsersPage() {
  const session = useCurrentSession()
  const users = useUsers(session)
  const tenants = useTenantNames(session)
  const ofMany = seesAllTenants(session)
  const columns = useMemo(
    () => columnsFor(users.data ?? [], ofMany ? (tenants.data ?? new Map()) : null),
    [users.data, ofMany, tenants.data],
  )

  return (
    <RowsView
      title="Users"
      one="user"
      many="users"
      query={users}
      columns={columns}
      waiting={ofMany && tenants.isLoading}
    />
  )
}
