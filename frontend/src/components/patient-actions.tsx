import { ActionIcon } from '@mantine/core'
import type { Patient } from '../api/schema'
import { fullName } from '../logic/patient-form'

interface Props {
  patient: Patient
  onEdit: () => void
  onDelete: () => void
}

/** What can be done with a patient in a list. */
export function PatientActions({ patient, onEdit, onDelete }: Props) {
  const name = fullName(patient)
  return (
    <>
      <ActionIcon variant="subtle" color="gray" aria-label={`Edit ${name}`} title="Edit" onClick={onEdit}>
        <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor" strokeWidth="1.4">
          <path d="m2.2 13.8.7-3.4 7.8-7.8a1.2 1.2 0 0 1 1.7 0l1 1a1.2 1.2 0 0 1 0 1.7l-7.8 7.8zM9.4 3.9l2.7 2.7" />
        </svg>
      </ActionIcon>
      <ActionIcon variant="subtle" color="gray" aria-label={`Delete ${name}`} title="Delete" onClick={onDelete}>
        <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor" strokeWidth="1.4">
          <path d="M2.5 4.2h11M6 4V2.5h4V4M3.8 4.4l.7 9.1h7l.7-9.1M6.7 6.8v4.4M9.3 6.8v4.4" />
        </svg>
      </ActionIcon>
    </>
  )
}
