import { Badge, Button, Code, Group, Loader, Paper, Stack, Text, Title } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useId } from 'react'
import type { Session } from '../api/client'
import { refresh, useCall } from '../api/rows'
import { explain } from '../logic/explanation'
import { acceptedFindings, openFindings, type Finding } from '../logic/isolation'
import { CopyButton } from './copy-button'
import { ErrorNotice } from './error-notice'

/** What the check of the database finds, with what each finding gives an attacker and the statement that mends it. */
export function FindingsSection({ session }: { session: Session }) {
  const client = useQueryClient()
  const findings = useCall(session, 'findings', {})
  const rules = useCall(session, 'check_rules', {})
  return (
    <Stack component="section" gap="sm" aria-labelledby="findings">
      <Group justify="space-between">
        <Title order={2} size="h4" id="findings">
          Ways around isolation
        </Title>
        <Button
          variant="default"
          size="xs"
          onClick={() => void refresh(client, session, ['findings', 'protected_tables'])}
          loading={findings.isFetching}
        >
          Check again
        </Button>
      </Group>
      {findings.isError && (
        <ErrorNotice
          explanation={explain(findings.error)}
          onRetry={() => void findings.refetch()}
          retrying={findings.isFetching}
        />
      )}
      {findings.isPending && <Loader role="status" aria-label="Checking" />}
      {findings.data && <Findings findings={findings.data} rules={rules.data?.length ?? null} />}
    </Stack>
  )
}

function Findings({ findings, rules }: { findings: Finding[]; rules: number | null }) {
  const open = openFindings(findings)
  const accepted = acceptedFindings(findings)
  const count = open.length
  const asked = rules === null ? 'All rules were' : `${rules} rules were`
  return (
    <>
      <Text role="status" className={count === 0 ? 'all-well' : undefined}>
        {count === 0
          ? `Nothing was found. ${asked} tried on this database.`
          : `${count === 1 ? 'One way around isolation is open.' : `${count} ways around isolation are open, the worst first.`} ${asked} tried.`}
      </Text>
      {open.map((finding) => (
        <FindingCard key={keyOf(finding)} finding={finding} />
      ))}
      {accepted.length > 0 && (
        <details>
          <summary>{accepted.length} accepted</summary>
          <Stack gap="sm" mt="sm">
            {accepted.map((finding) => (
              <FindingCard key={keyOf(finding)} finding={finding} />
            ))}
          </Stack>
        </details>
      )}
    </>
  )
}

const keyOf = ({ rule, object }: Finding) => [rule, object].join(' ')

function FindingCard({ finding: { severity, rule, object, hole, gain, mend, accepted } }: { finding: Finding }) {
  const id = useId()
  return (
    <Paper withBorder p="md" component="article" aria-labelledby={id}>
      <Stack gap="xs">
        <div className="outcome-head">
          <Badge className={`severity severity-${severity ?? ''}`} variant="default" tt="none">
            {severity}
          </Badge>
          <Title order={3} size="h5" id={id}>
            {sentenceOf(hole ?? '')}
          </Title>
        </div>
        <Text size="sm">
          <Code>{object}</Code>{' '}
          <Text span c="dimmed" inherit>
            rule {rule}
          </Text>
        </Text>
        {accepted !== null && (
          <Text size="sm">
            <strong>Accepted:</strong> {accepted}
          </Text>
        )}
        <Text size="sm">
          <strong>What an attacker gains:</strong> {gain}
        </Text>
        {mend !== null && (
          <div>
            <Group justify="space-between">
              <Text size="sm" fw={600}>
                How to mend it
              </Text>
              <CopyButton text={mend} of={`how to mend ${object ?? ''}`} />
            </Group>
            <pre className="sql-text">{mend}</pre>
          </div>
        )}
      </Stack>
    </Paper>
  )
}

function sentenceOf(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
