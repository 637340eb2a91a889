import { createColumnHelper, type ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { usePatients, useTenantNames } from '../api/rows'
import type { Patient } from '../api/schema'
import { RowsView } from '../components/rows-view'
import { useCurrentSession } from '../components/session-gate'
import { formatCalendarDate } from '../logic/calendar-date'
import { seesAllTenants } from '../logic/session-state'
import { tenantNameOf, type TenantNames } from '../logic/tenant-choices'

const column = createColumnHelper<Patient>()

function columnsFor(tenantNames: TenantNames | null): ColumnDef<Patient, string>[] {
  const columns: ColumnDef<Patient, string>[] = [
    column.accessor('firstName', { header: 'First Name' }),
    column.accessor('lastName', { header: 'Last Name' }),
    // Sorted by the ISO text, shown in the reader's form.
    column.accessor('dob', {
      header: 'Date of Birth',
      cell: (cell) => formatCalendarDate(cell.row.original.dob),
    }),
  ]
  if (tenantNames !== null) {
    columns.push(column.accessor((row) => tenantNameOf(tenantNames, row.tenantId), { id: 'tenant', header: 'Tenant' }))
  }
  return columns
}

export function PatientsPage() {
  const session = useCurrentSession()
  const patients = usePatients(session)
  const tenants = useTenantNames(session)
  const ofMany = seesAllTenants(session)
  const columns = useMemo(() => columnsFor(ofMany ? (tenants.data ?? new Map()) : null), [ofMany, tenants.data])

  return (
    <RowsView
      title="Patients"
      one="patient"
      many="patients"
      query={patients}
      columns={columns}
      waiting={ofMany && tenants.isLoading}
    />
  )
}
