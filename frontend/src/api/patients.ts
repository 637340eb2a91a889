/** What the page asks and changes of patients. Each change names the tenant, so that it can reach no other's row. */
import { useMutation, useQueryClient, type QueryClient } from '@tanstack/react-query'
import type { ListState } from '../logic/list-address'
import { differences, type PatientValues } from '../logic/patient-form'
import { searchConditions } from '../logic/search'
import type { Session } from './client'
import { change, hideRow, refresh, usePages, useRows } from './rows'
import type { Patient } from './schema'

export function usePatientPages(session: Session, { search, sort, tenant }: ListState) {
  return usePages(
    session,
    'patients',
    (rows) => {
      let asked = rows.select('*', { count: 'exact' })
      for (const condition of searchConditions(search, ['firstName', 'lastName'])) asked = asked.or(condition)
      if (tenant !== null) asked = asked.eq('tenantId', Number(tenant))
      return sort === null ? asked : asked.order(sort.column as keyof Patient, { ascending: !sort.descending })
    },
    { key: [search, sort, tenant] },
  )
}

/** One patient; null when there is none, or when it is another tenant's. */
export function usePatient(session: Session, id: number) {
  return useRows(session, 'patients', (rows) => rows.select().eq('id', id).maybeSingle(), { key: [id] })
}

const resource = ['patients'] as const

/** An admin in no tenant says which one it is for; else it is the session's. */
export interface NewPatient extends PatientValues {
  tenantId: number
}

function insert(client: QueryClient, session: Session, patient: NewPatient): Promise<Patient> {
  const { tenantId, firstName, lastName, dob } = patient
  return change(client, session, (data) =>
    data.from('patients').insert({ tenantId, firstName, lastName, dob }).select().single(),
  )
}

export function useAddPatient(session: Session) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (patient: NewPatient) => insert(client, session, patient),
    onSettled: () => refresh(client, session, resource),
  })
}

export type Edited =
  | { outcome: 'saved'; patient: Patient }
  /** Somebody else was faster: the row as it is now. */
  | { outcome: 'changed'; patient: Patient }
  | { outcome: 'gone' }

async function edit(client: QueryClient, session: Session, before: Patient, values: PatientValues): Promise<Edited> {
  const { id, tenantId, firstName, lastName, dob } = before
  const [saved] = await change(client, session, (data) =>
    data.from('patients').update(values).match({ id, tenantId, firstName, lastName, dob }).select(),
  )
  if (saved !== undefined) return { outcome: 'saved', patient: saved }
  const [now] = await change(client, session, (data) => data.from('patients').select().match({ id, tenantId }))
  if (now === undefined) return { outcome: 'gone' }
  return { outcome: differences(now, values).length === 0 ? 'saved' : 'changed', patient: now }
}

/** Changes a patient only when it still is as it was when the form began. */
export function useEditPatient(session: Session) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ before, values }: { before: Patient; values: PatientValues }) => edit(client, session, before, values),
    onSettled: () => refresh(client, session, resource),
  })
}

/** Deletes at once on the screen, and then in the database. Gives the row as it was; undefined when it was gone before. */
export function useDeletePatient(session: Session) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ id, tenantId }: Patient) => {
      const [deleted] = await change(client, session, (data) =>
        data.from('patients').delete().match({ id, tenantId }).select(),
      )
      return deleted
    },
    onMutate: ({ id }) => hideRow(client, session, 'patients', id),
    onError: (_error, _patient, putBack) => putBack?.(),
    onSettled: () => refresh(client, session, resource),
  })
}
