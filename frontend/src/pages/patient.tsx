import { Anchor, Button, Group, LoadingOverlay, Stack, Text } from '@mantine/core'
import { Link, useLocation, useNavigate, useParams } from 'react-router'
import { usePatientNews } from '../api/patient-news'
import { useDeletePatient, usePatient } from '../api/patients'
import { useTenantNames } from '../api/rows'
import type { Patient } from '../api/schema'
import { ErrorNotice } from '../components/error-notice'
import { PageTitle } from '../components/page-title'
import { PatientNotice } from '../components/patient-notice'
import { useCurrentSession } from '../components/session-gate'
import { usePatientForm } from '../components/use-patient-form'
import { formatCalendarDate } from '../logic/calendar-date'
import { explain } from '../logic/explanation'
import { fullName } from '../logic/patient-form'
import { homePath } from '../logic/return-path'
import { seesAllTenants } from '../logic/session-state'
import { tenantNameOf } from '../logic/tenant-choices'

/** One patient. One that is not there and one of another tenant are the same to this page, and to who reads it. */
export function PatientPage() {
  const { id = '' } = useParams()
  const session = useCurrentSession()
  return (
    <>
      {/^[1-9]\d{0,14}$/.test(id) ? <PatientOf key={id} id={Number(id)} /> : <NoPatient />}
      <PatientNotice session={session} />
    </>
  )
}

function NoPatient() {
  return (
    <Stack align="start">
      <PageTitle>Not here</PageTitle>
      <Text>There is no patient at this address, or it belongs to somebody else.</Text>
      <Anchor component={Link} to={homePath}>
        Go to the patients
      </Anchor>
    </Stack>
  )
}

function PatientOf({ id }: { id: number }) {
  const session = useCurrentSession()
  const query = usePatient(session, id)
  if (query.isError) {
    return (
      <>
        <PageTitle>Patient</PageTitle>
        <ErrorNotice explanation={explain(query.error)} onRetry={() => void query.refetch()} retrying={query.isFetching} />
      </>
    )
  }
  if (query.isPending || query.isPlaceholderData) {
    return (
      <Stack mih={220} pos="relative" aria-busy>
        <LoadingOverlay visible loaderProps={{ 'aria-label': 'Loading the patient', role: 'status' }} />
      </Stack>
    )
  }
  return query.data === null ? <NoPatient /> : <PatientCard patient={query.data} />
}

function PatientCard({ patient }: { patient: Patient }) {
  const session = useCurrentSession()
  const navigate = useNavigate()
  const { state } = useLocation() as { state: { list?: string } | null }
  const ofMany = seesAllTenants(session)
  const names = useTenantNames(session)
  const { openForm, form } = usePatientForm(session, null)
  const remove = useDeletePatient(session)
  const { tell } = usePatientNews(session)
  const list = homePath + (state?.list ?? '')

  const facts: [string, string][] = [
    ['Number', String(patient.id)],
    ['First name', patient.firstName],
    ['Last name', patient.lastName],
    ['Date of birth', formatCalendarDate(patient.dob)],
  ]
  if (ofMany) facts.push(['Tenant', names.data ? tenantNameOf(names.data, patient.tenantId) : ''])

  function deletePatient() {
    remove.mutate(patient, {
      onSuccess: (deleted) => {
        if (deleted !== undefined) tell('deleted', deleted)
        void navigate(list)
      },
    })
  }
  return (
    <>
      <Anchor component={Link} to={list} size="sm">
        ← All patients
      </Anchor>
      <Group justify="space-between" gap="sm">
        <PageTitle tab={`Patient ${patient.id}`}>{fullName(patient)}</PageTitle>
        <Group gap="xs">
          <Button variant="default" loading={remove.isPending} onClick={deletePatient}>
            Delete
          </Button>
          <Button
            onClick={() => {
              openForm(patient)
            }}
          >
            Edit
          </Button>
        </Group>
      </Group>
      {remove.isError && (
        <ErrorNotice
          explanation={{ ...explain(remove.error), title: `The patient was not deleted. ${explain(remove.error).title}` }}
        />
      )}
      <dl className="patient-facts">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {form}
    </>
  )
}
