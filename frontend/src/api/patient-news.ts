import { skipToken, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Session } from './client'
import { keyOf } from './queries'
import type { Patient } from './schema'

/** What has just been done with a patient, for a notice that offers what one may want next. */
export interface PatientNews {
  what: 'added' | 'saved' | 'deleted' | 'back'
  patient: Patient
  /** Milliseconds since 1970. */
  at: number
}

/** Kept with the rows of the session, and forgotten with them. */
export function usePatientNews(session: Session) {
  const client = useQueryClient()
  const queryKey = [...keyOf(session), 'patient-news']
  const { data } = useQuery<PatientNews | null>({ queryKey, queryFn: skipToken, staleTime: Infinity })
  return {
    news: data ?? null,
    tell: (what: PatientNews['what'], patient: Patient) => {
      client.setQueryData<PatientNews>(queryKey, { what, patient, at: Date.now() })
    },
    dismiss: () => {
      client.setQueryData<PatientNews | null>(queryKey, null)
    },
  }
}
