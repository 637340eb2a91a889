import { Accordion, Button, Group, Loader, Paper, Stack, Text, Title } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { attempt, attemptForm, attemptStatement, replay } from '../api/attempt'
import type { Demo, Session } from '../api/client'
import { recheckSession, useDemo } from '../api/queries'
import { useRows } from '../api/rows'
import { AttackPanel, StatementField } from '../components/attack-panel'
import { ErrorNotice } from '../components/error-notice'
import { OutcomeView } from '../components/outcome-view'
import { PageTitle } from '../components/page-title'
import { useCurrentSession } from '../components/session-gate'
import { VerdictBadge } from '../components/verdict-badge'
import { aimOf, attacksOn, type Attack } from '../logic/attacks'
import { explain } from '../logic/explanation'
import { trialOf, type Trial } from '../logic/trial'
import { judge, ownText, summary, type Outcome } from '../logic/verdict'
import './security.css'

/** Where a newcomer tries to break in, as the user who is signed in, through the real system. */
export function TourPage() {
  const session = useCurrentSession()
  const demo = useDemo()

  if (demo.isPending) return <Loader role="status" aria-label="Loading the tour" />
  if (demo.isError) {
    return (
      <>
        <PageTitle>Try to break in</PageTitle>
        <ErrorNotice explanation={explain(demo.error)} onRetry={() => void demo.refetch()} retrying={demo.isFetching} />
      </>
    )
  }
  if (demo.data === null) {
    return (
      <>
        <PageTitle>Not here</PageTitle>
        <Text>The tour runs in the demo only, and this is none.</Text>
      </>
    )
  }
  return (
    <>
      <PageTitle>Try to break in</PageTitle>
      {session.tenantId === null ? (
        <Text maw={680}>
          You are an admin and see all tenants, so there is nothing to break into. Choose a tenant in the header, or sign in as one of
          its users, and come back.
        </Text>
      ) : (
        <Tour session={session} tenantId={session.tenantId} demo={demo.data} />
      )}
    </>
  )
}

const ownId = 'own'

function Tour({ session, tenantId, demo }: { session: Session; tenantId: string; demo: Demo }) {
  const client = useQueryClient()
  // By name, for here one goes on where the database shows more than that.
  const patients = useRows(session, 'patients', (rows) => rows.select('id, tenantId').filter('tenantId', 'eq', tenantId), {
    key: ['own'],
  })
  const [statements, setStatements] = useState<Partial<Record<string, string>>>({})
  const [trials, setTrials] = useState<Partial<Record<string, Trial>>>({})
  const [running, setRunning] = useState<string | null>(null)
  const [allAtOnce, setAllAtOnce] = useState(false)
  const [ownStatement, setOwnStatement] = useState('select tenant_id, count(*) from app.patients group by tenant_id')

  if (patients.isError) {
    return (
      <ErrorNotice
        explanation={explain(patients.error)}
        onRetry={() => void patients.refetch()}
        retrying={patients.isFetching}
      />
    )
  }
  if (patients.data === undefined) return <Loader role="status" aria-label="Loading the tour" />

  const aim = aimOf(
    tenantId,
    patients.data.map(({ id }) => id),
  )
  const attacks = attacksOn(aim)
  const password = demo.logins.find(({ userName }) => userName === session.userName)?.password
  const statementOf = (attack: Attack) => statements[attack.id] ?? null
  const isReady = (attack: Attack) => attack.attempt.kind !== 'replay' || password !== undefined

  function keep(id: string, trial: Trial) {
    setTrials((before) => ({ ...before, [id]: trial }))
    // A refused cookie may be that of a session that is over; the page then goes to sign-in.
    if (trial.outcome.status === 401) void recheckSession(client)
  }

  async function outcomeOf(attack: Attack): Promise<Outcome> {
    const { attempt: what } = attack
    if (what.kind === 'sql') return attemptStatement(statementOf(attack) ?? what.statement)
    if (what.kind === 'http') return attempt(what.request)
    if (what.kind === 'form') return attemptForm(what.form)
    return replay(session, password ?? '')
  }

  async function send(attack: Attack) {
    setRunning(attack.id)
    const statement = statementOf(attack)
    keep(attack.id, trialOf(attack, statement, await outcomeOf(attack), session))
    setRunning(null)
  }

  async function sendAll() {
    setAllAtOnce(true)
    setTrials({})
    // A browser opens a window only just after a click.
    const formsFirst = attacks.filter(isReady).sort((a, b) => Number(b.attempt.kind === 'form') - Number(a.attempt.kind === 'form'))
    for (const attack of formsFirst) await send(attack)
    setAllAtOnce(false)
  }

  async function sendOwn() {
    setRunning(ownId)
    const outcome = await attemptStatement(ownStatement)
    keep(ownId, { outcome, judgement: judge(ownText, outcome, session) })
    setRunning(null)
  }

  const verdicts = attacks.map(({ id }) => trials[id]?.judgement.verdict).filter((verdict) => verdict !== undefined)
  const own = trials[ownId]
  return (
    <Stack gap="lg">
      <Stack gap="xs" maw={680}>
        <Text>
          You are {session.userName}, and the rows of {session.tenantName ?? `tenant ${tenantId}`} are yours. Tenant{' '}
          {aim.otherTenantId} is the prey. Pick an attack and send it: it goes through the real gateway to the real database, and this
          page judges what comes back. Whatever an attack changes is taken back, so try anything.
        </Text>
        <Group gap="md">
          <Button onClick={() => void sendAll()} loading={allAtOnce} disabled={running !== null && !allAtOnce}>
            Try all of them
          </Button>
          <Text role="status" fw={600}>
            {summary(verdicts, attacks.length)}
          </Text>
        </Group>
      </Stack>

      <Accordion variant="contained" order={2}>
        {attacks.map((attack) => {
          const trial = trials[attack.id]
          return (
            <Accordion.Item key={attack.id} value={attack.id}>
              <Accordion.Control>
                <span className="attack-head">
                  <span>{attack.title}</span>
                  {trial && <VerdictBadge verdict={trial.judgement.verdict} />}
                </span>
              </Accordion.Control>
              <Accordion.Panel>
                <AttackPanel
                  attack={attack}
                  tenantId={tenantId}
                  statement={statementOf(attack)}
                  trial={trial}
                  busy={running === attack.id}
                  disabled={(running !== null && running !== attack.id) || !isReady(attack)}
                  onEdit={(statement) => {
                    setStatements((before) => ({ ...before, [attack.id]: statement ?? undefined }))
                  }}
                  onSend={() => void send(attack)}
                />
              </Accordion.Panel>
            </Accordion.Item>
          )
        })}
      </Accordion>

      <Paper component="section" aria-labelledby="own-attack">
        <Stack gap="sm">
          <Title order={2} size="h4" id="own-attack">
            An attack of your own
          </Title>
          <StatementField
            label="SQL"
            description="The tables are app.patients, app.users and app.tenants. Select tenant_id, so that one sees whose the rows are."
            value={ownStatement}
            onChange={setOwnStatement}
            onSend={() => void sendOwn()}
          />
          <Group>
            <Button
              onClick={() => void sendOwn()}
              loading={running === ownId}
              disabled={(running !== null && running !== ownId) || ownStatement.trim() === ''}
            >
              Send it
            </Button>
          </Group>
          <div role="status">{own && <OutcomeView trial={own} why={null} tenantId={tenantId} />}</div>
        </Stack>
      </Paper>
    </Stack>
  )
}
