import { Button, Loader, NativeSelect, Paper, Stack, Text, TextInput, Title } from '@mantine/core'
import { useState, type SubmitEvent } from 'react'
import type { Session } from '../api/client'
import { useCall } from '../api/rows'
import { adviceOf, explainWhy } from '../logic/why'
import { ErrorNotice } from './error-notice'

const resources = [
  { value: 'patients', label: 'Patients' },
  { value: 'tenants', label: 'Tenants' },
  { value: 'users', label: 'Users' },
]

/** Why somebody sees a row or does not, in words. */
export function WhySection({ session }: { session: Session }) {
  const [resource, setResource] = useState('patients')
  const [key, setKey] = useState('')
  const [missing, setMissing] = useState(false)
  const [asked, setAsked] = useState<{ resource: string; key: string } | null>(null)

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    const trimmed = key.trim()
    setMissing(trimmed === '')
    if (trimmed !== '') setAsked({ resource, key: trimmed })
  }

  return (
    <Stack component="section" gap="sm" aria-labelledby="why">
      <Title order={2} size="h4" id="why">
        Why do I see a row, or not?
      </Title>
      <Text maw={680}>Name a row by its id. The database answers with what you may know, and nothing more.</Text>
      <form onSubmit={submit} noValidate aria-labelledby="why" className="why-form">
        <NativeSelect
          label="Kind of row"
          data={resources}
          value={resource}
          onChange={(event) => {
            setResource(event.currentTarget.value)
          }}
        />
        <TextInput
          label="Id"
          value={key}
          inputMode="numeric"
          autoComplete="off"
          onChange={(event) => {
            setKey(event.currentTarget.value)
          }}
          error={missing && key.trim() === '' ? 'Type the id of a row.' : null}
        />
        <Button type="submit">Ask why</Button>
      </form>
      {asked && <Reasons key={`${asked.resource} ${asked.key}`} session={session} asked={asked} />}
    </Stack>
  )
}

function Reasons({ session, asked }: { session: Session; asked: { resource: string; key: string } }) {
  const reasons = useCall(session, 'why_row', asked)
  if (reasons.isError) return <ErrorNotice explanation={explainWhy(reasons.error)} />
  if (reasons.data === undefined) return <Loader role="status" aria-label="Asking" />
  return (
    <Paper withBorder p="md" role="status" maw={680}>
      <Stack component="ul" className="plain-list" gap="sm">
        {reasons.data.map((reason) => {
          const advice = adviceOf(reason)
          return (
            <li key={[reason.reason, reason.explanation].join(' ')}>
              <Text>{reason.explanation}</Text>
              {advice !== null && (
                <Text size="sm" c="dimmed">
                  {advice}
                </Text>
              )}
            </li>
          )
        })}
      </Stack>
    </Paper>
  )
}
