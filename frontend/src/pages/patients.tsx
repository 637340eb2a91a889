import { Anchor, Button } from '@mantine/core'
import { createColumnHelper, type ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { Link, useLocation } from 'react-router'
import { usePatientNews } from '../api/patient-news'
import { useDeletePatient, usePatientPages } from '../api/patients'
import { useTenantNames } from '../api/rows'
import type { Patient } from '../api/schema'
import { ErrorNotice } from '../components/error-notice'
import { useListAddress } from '../components/list-address'
import { SearchedList } from '../components/searched-list'
import { PatientActions } from '../components/patient-actions'
import { PatientNotice } from '../components/patient-notice'
import { useCurrentSession } from '../components/session-gate'
import { usePatientForm } from '../components/use-patient-form'
import { formatCalendarDate } from '../logic/calendar-date'
import { explain } from '../logic/explanation'
import { fullName } from '../logic/patient-form'
import { patientPath } from '../logic/return-path'
import { seesAllTenants } from '../logic/session-state'
import { tenantNameOf, type TenantNames } from '../logic/tenant-choices'

const column = createColumnHelper<Patient>()

function columnsFor(tenantNames: TenantNames | null, list: string): ColumnDef<Patient, string>[] {
  const columns: ColumnDef<Patient, string>[] = [
    column.accessor('firstName', {
      header: 'First Name',
      cell: (cell) => (
        <Anchor component={Link} to={patientPath(cell.row.original.id)} state={{ list }} inherit>
          {cell.getValue()}
        </Anchor>
      ),
    }),
    column.accessor('lastName', { header: 'Last Name' }),
    column.accessor('dob', { header: 'Date of Birth', cell: (cell) => formatCalendarDate(cell.getValue()) }),
  ]
  if (tenantNames !== null) {
    const tenantOf = (row: Patient) => tenantNameOf(tenantNames, row.tenantId)
    columns.push(column.accessor(tenantOf, { id: 'tenantId', header: 'Tenant' }))
  }
  return columns
}

const noNames: TenantNames = new Map()

export function PatientsPage() {
  const session = useCurrentSession()
  const ofMany = seesAllTenants(session)
  const address = useListAddress(ofMany ? ['firstName', 'lastName', 'dob', 'tenantId'] : ['firstName', 'lastName', 'dob'])
  const tenants = useTenantNames(session)
  const names = ofMany ? (tenants.data ?? noNames) : null
  const pages = usePatientPages(session, { ...address.list, tenant: ofMany ? address.list.tenant : null })
  const { search } = useLocation()
  const columns = useMemo(() => columnsFor(names, search), [names, search])
  const { openForm, form } = usePatientForm(session, names)
  const remove = useDeletePatient(session)
  const { tell } = usePatientNews(session)

  function deletePatient(patient: Patient) {
    remove.mutate(patient, {
      onSuccess: (deleted) => {
        if (deleted !== undefined) tell('deleted', deleted)
      },
    })
  }

  return (
    <>
      {remove.isError && (
        <ErrorNotice
          explanation={{
            ...explain(remove.error),
            title: `${fullName(remove.variables)} was not deleted. ${explain(remove.error).title}`,
          }}
        />
      )}
      <SearchedList
        title="Patients"
        one="patient"
        many="patients"
        searchLabel="Search by name"
        pages={pages}
        columns={columns}
        address={address}
        tenants={names}
        waiting={ofMany && tenants.isLoading}
        tools={
          <Button
            onClick={() => {
              openForm(null)
            }}
          >
            Add patient
          </Button>
        }
        actions={(patient) => (
          <PatientActions
            patient={patient}
            onEdit={() => {
              openForm(patient)
            }}
            onDelete={() => {
              deletePatient(patient)
            }}
          />
        )}
      />
      {form}
      <PatientNotice session={session} />
    </>
  )
}
