import { Box, Group, LoadingOverlay, Text } from '@mantine/core'
import { createColumnHelper, type ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import type { Patient } from '../api/client'
import { usePatients, useTenantNames } from '../api/queries'
import { DataTable } from '../components/data-table'
import { ErrorNotice } from '../components/error-notice'
import { PageTitle } from '../components/page-title'
import { useCurrentSession } from '../components/session-gate'
import { SignedInFrame } from '../components/signed-in-frame'
import { formatCalendarDate } from '../logic/calendar-date'
import { explain } from '../logic/explanation'

const column = createColumnHelper<Patient>()

function columnsFor(tenantNames: Map<string, string> | null): ColumnDef<Patient, string>[] {
  const columns = [
    column.accessor('firstName', { header: 'First Name' }),
    column.accessor('lastName', { header: 'Last Name' }),
    // Sorted by the ISO text, shown in the reader's form.
    column.accessor((row) => row.dob ?? '', {
      id: 'dob',
      header: 'Date of Birth',
      cell: (cell) => formatCalendarDate(cell.row.original.dob),
    }),
  ]
  if (tenantNames !== null) {
    const tenantOf = (row: Patient) => tenantNames.get(String(row.tenantId)) ?? `tenant ${row.tenantId}`
    columns.push(column.accessor(tenantOf, { id: 'tenant', header: 'Tenant' }))
  }
  return columns
}

export function PatientsPage() {
  const session = useCurrentSession()
  const patients = usePatients(session)
  const tenants = useTenantNames(session)

  const columns = useMemo(
    () => columnsFor(session.isAdmin ? (tenants.data ?? new Map<string, string>()) : null),
    [session.isAdmin, tenants.data],
  )
  const rows = patients.data
  const loading = patients.isPending || tenants.isLoading

  return (
    <SignedInFrame session={session}>
      <Group justify="space-between" align="baseline">
        <PageTitle>Patients</PageTitle>
        <Text c="dimmed" size="sm" role="status">
          {rows && !loading ? `${rows.length} ${rows.length === 1 ? 'patient' : 'patients'}` : ''}
        </Text>
      </Group>
      {patients.isError && (
        <ErrorNotice
          explanation={explain(patients.error)}
          onRetry={() => void patients.refetch()}
          retrying={patients.isFetching}
        />
      )}
      <Box pos="relative" mih={loading ? 220 : undefined} aria-busy={loading}>
        <LoadingOverlay visible={loading} loaderProps={{ 'aria-label': 'Loading patients', role: 'status' }} />
        {rows && !loading && rows.length > 0 && (
          <DataTable label="Patients" rows={rows} columns={columns} rowId={(row) => String(row.id)} />
        )}
        {rows?.length === 0 && !loading && (
          <Text py="xl" ta="center" c="dimmed">
            There are no patients yet.
          </Text>
        )}
      </Box>
    </SignedInFrame>
  )
}
