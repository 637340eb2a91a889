import { Button, Group, Loader, Progress, Stack, Text, Title, UnstyledButton } from '@mantine/core'
import { useState } from 'react'
import type { Session } from '../api/client'
import { useChange, useRows } from '../api/rows'
import { explain } from '../logic/explanation'
import {
  byTable,
  plainComment,
  plainLine,
  runNote,
  runText,
  type ResultLine,
  type Run,
  type TableResults,
} from '../logic/isolation'
import { exactTime } from '../logic/moment'
import { ErrorNotice } from './error-notice'

const pollMs = 700
/** As many rows as the gateway gives in one answer. */
const mostLines = 1000

/** The suite that tries to break out of each table: started here, watched while it runs, and its runs of before. */
export function IsolationSuite({ session }: { session: Session }) {
  const [chosen, setChosen] = useState<Run['id']>(null)
  const runs = useRows(
    session,
    'isolation_runs',
    (rows) => rows.select().order('startedAt', { ascending: false }).limit(10),
    { refetchInterval: (known) => (known?.some(({ state }) => state === 'running') ? pollMs : false) },
  )
  const start = useChange(session, (data) => data.rpc('start_isolation_run'), ['isolation_runs'])
  const running = runs.data?.some(({ state }) => state === 'running') ?? false
  const shown = runs.data?.find(({ id }) => id === chosen) ?? runs.data?.[0]

  return (
    <Stack component="section" gap="sm" aria-labelledby="suite">
      <Title order={2} size="h4" id="suite">
        The isolation suite
      </Title>
      <Text maw={680}>
        It tries to break out of every protected table, as one tenant against another. Nothing stays in the database, but each table is
        locked against everybody while it is tried, for about a tenth of a second at a time.
      </Text>
      <Group>
        <Button
          onClick={() => {
            setChosen(null)
            start.mutate(undefined)
          }}
          loading={start.isPending || running}
          disabled={runs.data === undefined}
        >
          Run the suite
        </Button>
      </Group>
      {start.isError && <ErrorNotice explanation={explain(start.error)} />}
      {runs.isError && (
        <ErrorNotice explanation={explain(runs.error)} onRetry={() => void runs.refetch()} retrying={runs.isFetching} />
      )}
      {runs.isPending && <Loader role="status" aria-label="Loading the runs" />}
      {runs.data?.length === 0 && <Text c="dimmed">It has not been run yet.</Text>}
      {shown && <RunView session={session} run={shown} />}
      {runs.data !== undefined && runs.data.length > 1 && (
        <EarlierRuns
          runs={runs.data}
          shown={shown?.id ?? null}
          onChoose={(id) => {
            setChosen(id)
          }}
        />
      )}
    </Stack>
  )
}

function RunView({ session, run }: { session: Session; run: Run }) {
  const results = useRows(
    session,
    'isolation_results',
    // Red lines first: what does not fit into one answer is green.
    (rows) => rows.select().eq('runId', run.id ?? -1).order('ok').order('number').limit(mostLines),
    { key: [run.id, run.state, run.tablesDone] },
  )
  const tables = byTable(results.data ?? [])
  const percent = run.tables === null || run.tables === 0 ? 0 : (100 * (run.tablesDone ?? 0)) / run.tables
  return (
    <Stack gap="sm">
      <Text role="status" fw={600} className={run.state === 'passed' ? 'all-well' : undefined}>
        {runText(run)}
      </Text>
      {run.state === 'running' && <Progress value={percent} aria-label="Tables that are done" />}
      {results.isError && (
        <ErrorNotice explanation={explain(results.error)} onRetry={() => void results.refetch()} retrying={results.isFetching} />
      )}
      {tables.map((table) => (
        <TableView key={table.tableName} table={table} />
      ))}
      {results.data?.length === mostLines && (
        <Text size="sm" c="dimmed">
          These are the first {mostLines} lines, the red ones among them.
        </Text>
      )}
    </Stack>
  )
}

function TableView({ table: { tableName, passed, failed, skipped, lines } }: { table: TableResults }) {
  const counts = [
    failed > 0 && `${failed} red`,
    `${passed} green`,
    skipped > 0 && `${skipped} skipped`,
  ].filter(Boolean)
  return (
    <details className="suite-table" open={failed > 0}>
      <summary>
        <span className={failed > 0 ? 'mark mark-bad' : 'mark mark-good'}>{failed > 0 ? 'broken' : 'holds'}</span>{' '}
        <strong>{tableName}</strong>{' '}
        <Text span size="sm" c="dimmed">
          {counts.join(', ')}
        </Text>
      </summary>
      <ul className="suite-lines">
        {[...lines].sort((a, b) => Number(a.ok) - Number(b.ok)).map((line) => (
          <LineView key={line.number} line={line} />
        ))}
      </ul>
    </details>
  )
}

function LineView({ line }: { line: ResultLine }) {
  const kind = line.skipped ? 'skipped' : line.ok ? 'green' : 'red'
  return (
    <li className={`suite-line suite-line-${kind}`}>
      <span className="suite-mark">{kind}</span>
      <span>
        {plainLine(line)}
        {kind === 'skipped' && line.comment !== null && (
          <Text span size="sm" c="dimmed">
            {`: ${plainComment(line.comment)}`}
          </Text>
        )}
        {kind === 'red' && line.comment !== null && <pre className="sql-text">{plainComment(line.comment)}</pre>}
      </span>
    </li>
  )
}

function EarlierRuns({ runs, shown, onChoose }: { runs: Run[]; shown: Run['id']; onChoose: (id: Run['id']) => void }) {
  return (
    <Stack gap={4}>
      <Title order={3} size="h5">
        Runs
      </Title>
      <ul className="plain-list">
        {runs.map((run) => (
          <li key={run.id}>
            <UnstyledButton
              className="run-button"
              aria-pressed={run.id === shown}
              onClick={() => {
                onChoose(run.id)
              }}
            >
              <Text span size="sm" fw={run.id === shown ? 600 : undefined}>
                {run.startedAt !== null && exactTime(run.startedAt)}
              </Text>
              <Text span size="sm" c="dimmed">
                {runNote(run)}
              </Text>
            </UnstyledButton>
          </li>
        ))}
      </ul>
    </Stack>
  )
}
