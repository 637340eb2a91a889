import { useState } from 'react'
import type { Session } from '../api/client'
import { usePatientNews } from '../api/patient-news'
import type { Patient } from '../api/schema'
import type { TenantNames } from '../logic/tenant-choices'
import { PatientDrawer } from './patient-drawer'

/** The form at the side of a page, and how it is opened: with a patient to change it, with null for a new one. */
export function usePatientForm(session: Session, tenants: TenantNames | null) {
  const [patient, setPatient] = useState<Patient | null>(null)
  const [opened, setOpened] = useState(false)
  const { tell } = usePatientNews(session)
  const close = () => {
    setOpened(false)
  }
  return {
    openForm: (of: Patient | null) => {
      setPatient(of)
      setOpened(true)
    },
    form: (
      <PatientDrawer
        session={session}
        opened={opened}
        patient={patient}
        tenants={tenants}
        onClose={close}
        onDone={(what, done) => {
          close()
          tell(what, done)
        }}
      />
    ),
  }
}
