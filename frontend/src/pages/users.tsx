import { createColumnHelper, type ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTenantNames } from '../api/rows'
import type { User } from '../api/schema'
import { useUserPages } from '../api/users'
import { useListAddress } from '../components/list-address'
import { SearchedList } from '../components/searched-list'
import { useCurrentSession } from '../components/session-gate'
import { seesAllTenants } from '../logic/session-state'
import { tenantNameOf, type TenantNames } from '../logic/tenant-choices'

const column = createColumnHelper<User>()

/** What the application tells of its users differs: a column is there when the rows have it. */
function columnsFor(rows: User[], tenantNames: TenantNames | null): ColumnDef<User, string>[] {
  const columns: ColumnDef<User, string>[] = [
    column.accessor((row) => row.userName ?? '', { id: 'userName', header: 'User Name' }),
  ]
  if (rows.some((row) => row.isAdmin !== undefined)) {
    const isAdmin = (row: User): string => (row.isAdmin ? 'Yes' : 'No')
    columns.push(column.accessor(isAdmin, { id: 'isAdmin', header: 'Is Admin' }))
  }
  if (tenantNames !== null && rows.some((row) => row.tenantId !== undefined)) {
    const tenantOf = (row: User) => (row.tenantId === undefined ? '' : tenantNameOf(tenantNames, row.tenantId))
    columns.push(column.accessor(tenantOf, { id: 'tenantId', header: 'Tenant' }))
  }
  return columns
}

const noRows: User[] = []
const noNames: TenantNames = new Map()

export function UsersPage() {
  const session = useCurrentSession()
  const address = useListAddress(['userName', 'isAdmin', 'tenantId'])
  const ofMany = seesAllTenants(session)
  const tenants = useTenantNames(session)
  const pages = useUserPages(session, { ...address.list, tenant: ofMany ? address.list.tenant : null })
  const rows = pages.rows ?? noRows
  const names = ofMany ? (tenants.data ?? noNames) : null
  const columns = useMemo(() => columnsFor(rows, names), [rows, names])
  const haveTenants = rows.some((row) => row.tenantId !== undefined) || address.list.tenant !== null

  return (
    <SearchedList
      title="Users"
      one="user"
      many="users"
      searchLabel="Search by user name"
      pages={pages}
      columns={columns}
      address={address}
      tenants={haveTenants ? names : null}
      waiting={ofMany && tenants.isLoading}
    />
  )
}
