import { Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { apiPrefix } from '../api/client'
import { requestText, type Attack } from '../logic/attacks'
import { isChanged, type Trial } from '../logic/trial'
import { OutcomeView } from './outcome-view'

interface Props {
  attack: Attack
  tenantId: string
  /** The text of the reader's own, where it is not the attack's. */
  statement: string | null
  trial: Trial | undefined
  busy: boolean
  disabled: boolean
  onEdit: (statement: string | null) => void
  onSend: () => void
}

/** What the reader sees happen besides. */
const note: Record<Attack['attempt']['kind'], string | null> = {
  sql: null,
  http: null,
  form: 'A small window opens for it and closes again.',
  replay: 'The session of this page ends, the browser keeps its cookie. Afterwards the page signs you in again.',
}

/** One attack: what for, what is sent, and what came back. */
export function AttackPanel({ attack, tenantId, statement, trial, busy, disabled, onEdit, onSend }: Props) {
  const { attempt } = attack
  return (
    <Stack gap="sm">
      <Text>
        <strong>The hope:</strong> {attack.hope}
      </Text>
      {attempt.kind === 'sql' && (
        <StatementField
          label="SQL as sent"
          value={statement ?? attempt.statement}
          onChange={(text) => {
            onEdit(text === attempt.statement ? null : text)
          }}
          onSend={onSend}
        />
      )}
      {attempt.kind !== 'sql' && <RequestText text={requestText(attempt, apiPrefix)} />}
      {note[attempt.kind] !== null && (
        <Text size="sm" c="dimmed">
          {note[attempt.kind]}
        </Text>
      )}
      <Group gap="xs">
        <Button onClick={onSend} loading={busy} disabled={disabled}>
          Send it
        </Button>
        {isChanged(attack, statement) && (
          <Button
            variant="default"
            onClick={() => {
              onEdit(null)
            }}
          >
            Put the text back
          </Button>
        )}
      </Group>
      <div role="status">
        {trial && <OutcomeView trial={trial} why={isChanged(attack, statement) ? null : attack.why} tenantId={tenantId} />}
      </div>
    </Stack>
  )
}

interface FieldProps {
  label: string
  description?: string
  value: string
  onChange: (text: string) => void
  onSend: () => void
}

export function StatementField({ label, description, value, onChange, onSend }: FieldProps) {
  return (
    <Textarea
      label={label}
      description={description}
      className="statement"
      autosize
      minRows={2}
      maxRows={12}
      spellCheck={false}
      autoCapitalize="none"
      autoComplete="off"
      value={value}
      onChange={(event) => {
        onChange(event.currentTarget.value)
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) onSend()
      }}
    />
  )
}

function RequestText({ text }: { text: string }) {
  return (
    <div>
      <Text size="sm" fw={500} component="p" m={0}>
        Request as sent
      </Text>
      <pre className="request-text" tabIndex={0} aria-label="Request as sent">
        {text}
      </pre>
    </div>
  )
}
