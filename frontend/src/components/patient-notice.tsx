import { Anchor, Button, CloseButton, Group, Paper, Text } from '@mantine/core'
import { useEffect, useEffectEvent, useRef } from 'react'
import { Link, useLocation } from 'react-router'
import type { Session } from '../api/client'
import { usePatientNews, type PatientNews } from '../api/patient-news'
import { useAddPatient } from '../api/patients'
import { explain } from '../logic/explanation'
import { fullName } from '../logic/patient-form'
import { patientPath } from '../logic/return-path'

const shownMs = 10_000
const lookMs = 500

function told({ what, patient }: PatientNews): string {
  const name = fullName(patient)
  if (what === 'added') return `${name} was added.`
  if (what === 'saved') return `${name} was saved.`
  if (what === 'deleted') return `${name} was deleted.`
  return `${name} is back, as number ${patient.id}. The number of before is not given again.`
}

/** Says what was done with a patient, for some seconds, and undoes a deletion. */
export function PatientNotice({ session }: { session: Session }) {
  const { news, tell, dismiss } = usePatientNews(session)
  const undo = useAddPatient(session)
  const { pathname } = useLocation()

  function putBack(patient: PatientNews['patient']) {
    undo.mutate(patient, {
      onSuccess: (again) => {
        tell('back', again)
      },
    })
  }
  return (
    <div className="notice-place" role="status">
      {news !== null && (
        <Paper
          key={news.at}
          withBorder
          shadow="md"
          className="notice"
          onKeyDown={(event) => {
            if (event.key === 'Escape') dismiss()
          }}
        >
          <Timer stays={undo.isPending || undo.isError} onEnd={dismiss} />
          <Group justify="space-between" wrap="nowrap" gap="sm">
            <Text size="sm">
              {undo.isError && news.what === 'deleted'
                ? `${fullName(news.patient)} could not be put back. ${explain(undo.error).title}`
                : told(news)}
            </Text>
            <Group gap="xs" wrap="nowrap">
              {news.what === 'deleted' && (
                <Button
                  size="compact-sm"
                  variant="default"
                  autoFocus // what had the focus went with the row
                  loading={undo.isPending}
                  onClick={() => {
                    putBack(news.patient)
                  }}
                >
                  {undo.isError ? 'Try again' : 'Undo'}
                </Button>
              )}
              {news.what !== 'deleted' && pathname !== patientPath(news.patient.id) && (
                <Anchor component={Link} to={patientPath(news.patient.id)} size="sm">
                  Show
                </Anchor>
              )}
              <CloseButton aria-label="Close the notice" onClick={dismiss} />
            </Group>
          </Group>
        </Paper>
      )}
    </div>
  )
}

/** Counts only while nobody is at the notice, with the mouse or the keyboard. */
function Timer({ stays, onEnd }: { stays: boolean; onEnd: () => void }) {
  const place = useRef<HTMLSpanElement>(null)
  const left = useRef(shownMs)
  const end = useEffectEvent(onEnd)
  useEffect(() => {
    if (stays) return
    const timer = setInterval(() => {
      if (place.current?.closest('.notice')?.matches(':hover, :has(:focus-visible)')) return
      left.current -= lookMs
      if (left.current <= 0) end()
    }, lookMs)
    return () => {
      clearInterval(timer)
    }
  }, [stays])
  return <span ref={place} hidden />
}
