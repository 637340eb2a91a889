import { Alert, Button, Group, Paper, SegmentedControl, Skeleton, Text, Title, VisuallyHidden } from '@mantine/core'
import { useMemo, useState } from 'react'
import { useReadings } from '../api/activity'
import type { Session } from '../api/client'
import { useRows, useTenantNames } from '../api/rows'
import {
  ChartPatterns,
  LatencyChart,
  latencyLegend,
  PoolChart,
  poolLegend,
  RequestChart,
  requestLegend,
  SignInChart,
  signInLegend,
} from '../components/activity-charts'
import { BarTable } from '../components/bar-table'
import { ChartCard, type Column } from '../components/chart-card'
import { ErrorNotice } from '../components/error-notice'
import { PageTitle } from '../components/page-title'
import { useCurrentSession } from '../components/session-gate'
import { overviewOf, pollMs, stepsOf, type Step } from '../logic/activity-series'
import {
  errorSummary,
  latencySummary,
  poolSummary,
  requestSummary,
  signInSummary,
  tenantActivity,
  tenantSummary,
  type TenantActivity,
} from '../logic/activity-summary'
import { clockText, countText, durationText, plainCount, rateText, signInText, spanText, sqlstateText } from '../logic/activity-words'
import { explain } from '../logic/explanation'
import { total, type CountGroups, type Counts, type Reading } from '../logic/gateway-counts'
import './activity.css'

/** What the gateway counts, for an admin who is in no tenant. */
export function ActivityPage() {
  const session = useCurrentSession()
  const [live, setLive] = useState(true)
  const query = useReadings(session, live)
  const readings = query.data
  return (
    <>
      <Group justify="space-between" align="center">
        <PageTitle>Activity</PageTitle>
        <Group gap="sm">
          <Text size="sm" c="dimmed" role="status">
            {live ? `Live, every ${pollMs / 1000} seconds` : 'Paused'}
          </Text>
          <Button
            variant="default"
            size="xs"
            onClick={() => {
              setLive(!live)
            }}
          >
            {live ? 'Pause' : 'Go on'}
          </Button>
        </Group>
      </Group>
      {query.isError && !readings && (
        <ErrorNotice explanation={explain(query.error)} onRetry={() => void query.refetch()} retrying={query.isFetching} />
      )}
      {query.isError && readings && <StandsStill explanation={explain(query.error).title} readings={readings} />}
      {query.isPending && <Waiting />}
      {readings && <Charts session={session} readings={readings} />}
    </>
  )
}

/** The focus stays where it is: the next answer may come in two seconds. */
function StandsStill({ explanation, readings }: { explanation: string; readings: Reading[] }) {
  return (
    <Alert color="red" variant="outline" role="status" title={explanation}>
      The charts show the time up to {clockText(readings.at(-1)?.at ?? 0)}. The page goes on asking.
    </Alert>
  )
}

function Waiting() {
  return (
    <div className="activity-charts" role="status">
      <VisuallyHidden>Loading</VisuallyHidden>
      {[1, 2, 3, 4].map((card) => (
        <Skeleton key={card} height={320} animate={false} />
      ))}
    </div>
  )
}

const time: Column<Step> = { heading: 'From', text: ({ at }) => clockText(at) }
const column = (heading: string, key: Exclude<keyof Step, 'at'>, text: (value: number) => string): Column<Step> => ({
  heading,
  text: (step) => (step[key] === null ? '–' : text(step[key])),
})

const requestColumns = [
  time,
  column('Answered per second', 'answered', rateText),
  column('Refused', 'refused', rateText),
  column('Failed', 'failed', rateText),
]
const latencyColumns = [time, column('p50', 'p50', durationText), column('p95', 'p95', durationText), column('p99', 'p99', durationText)]
const poolColumns = [time, column('In use', 'inUse', plainCount), column('Waiting', 'waiting', plainCount)]
const signInColumns = [time, column('Signed in', 'signedIn', plainCount), column('Not signed in', 'signInRefused', plainCount)]

function Charts({ session, readings }: { session: Session; readings: Reading[] }) {
  const steps = useMemo(() => stepsOf(readings), [readings])
  const overview = useMemo(() => overviewOf(readings), [readings])
  const latest = readings.at(-1)
  if (!latest) return null
  const newestFirst = [...steps].reverse()
  return (
    <>
      <ChartPatterns />
      <Text size="sm" c="dimmed">
        {overview.seconds === 0
          ? 'The first numbers are there; rates come with the second ones, in a moment.'
          : `The last ${spanText(overview.seconds)} of this gateway, without this page's questions for the counts.`}
      </Text>
      <div className="activity-charts">
        <ChartCard
          title="Requests"
          headline={`${rateText(overview.perSecond)} / s`}
          summary={requestSummary(overview, steps)}
          legend={requestLegend}
          rows={newestFirst}
          columns={requestColumns}
        >
          <RequestChart steps={steps} />
        </ChartCard>
        <ChartCard
          title="Time to answer"
          headline={overview.latency.p95 === null ? '–' : `p95 ${durationText(overview.latency.p95)}`}
          summary={latencySummary(overview)}
          legend={latencyLegend}
          rows={newestFirst}
          columns={latencyColumns}
        >
          <LatencyChart steps={steps} />
        </ChartCard>
        <ChartCard
          title="Database connections"
          headline={`${latest.levels.poolInUse} of ${latest.levels.poolSize}`}
          summary={poolSummary(latest.levels, steps)}
          legend={poolLegend}
          rows={newestFirst}
          columns={poolColumns}
        >
          <PoolChart steps={steps} size={latest.levels.poolSize} />
        </ChartCard>
        <ChartCard
          title="Sign-ins"
          headline={plainCount(total(overview.counts.signIns))}
          summary={signInSummary(overview, signInText)}
          legend={signInLegend}
          rows={newestFirst}
          columns={signInColumns}
        >
          <SignInChart steps={steps} />
        </ChartCard>
      </div>
      <Totals session={session} shown={overview.counts} sinceStart={latest.counts} />
    </>
  )
}

function Totals({ session, shown, sinceStart }: {
  session: Session
  shown: CountGroups
  sinceStart: CountGroups
}) {
  const [span, setSpan] = useState('start')
  const counts = span === 'start' ? sinceStart : shown
  return (
    <>
      <SegmentedControl
        className="activity-span"
        aria-label="Time that is counted"
        value={span}
        onChange={setSpan}
        data={[
          { value: 'start', label: 'Since the start' },
          { value: 'shown', label: 'In the charts' },
        ]}
      />
      <Tenants session={session} counts={counts} />
      <Errors errors={counts.errors} />
    </>
  )
}

function Tenants({ session, counts }: { session: Session; counts: CountGroups }) {
  const names = useTenantNames(session).data
  // An application without this view answers 404, and the table shows no columns of it.
  const stocks = useRows(session, 'tenant_overview', (rows) => rows.select('id,users,patients')).data
  const { shown, left } = useMemo(() => tenantActivity(counts, names ?? new Map(), stocks ?? []), [counts, names, stocks])
  const headings = [
    { text: 'Requests', bar: true },
    { text: 'Rows', bar: true },
    ...(stocks ? ['Users', 'Patients'].map((text) => ({ text, bar: false })) : []),
  ]
  const noteOf = ({ users, patients }: TenantActivity) =>
    users === null || patients === null ? '' : `${countText(users, 'user')}, ${countText(patients, 'patient')}`
  return (
    <Paper component="section" aria-labelledby="tenants-title" className="chart-card">
      <Title order={2} size="h5" id="tenants-title">
        Tenants
      </Title>
      <Text size="sm" c="dimmed">
        {tenantSummary(shown)}
      </Text>
      <BarTable
        label="Tenants"
        nameHeading="Tenant"
        headings={headings}
        rows={shown.map((tenant) => ({
          id: tenant.id,
          name: tenant.name,
          note: noteOf(tenant),
          counts: [tenant.requests, tenant.rows, tenant.users, tenant.patients],
        }))}
      />
      <Text size="sm" c="dimmed">
        {left > 0 && `${plainCount(left)} tenants with fewer requests are not listed. `}
        Rows are those that were read or changed. A gateway names as many tenants as --metrics-per-tenant says.
      </Text>
    </Paper>
  )
}

function Errors({ errors }: { errors: Counts }) {
  const found = [...errors].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1])
  return (
    <Paper component="section" aria-labelledby="errors-title" className="chart-card">
      <Title order={2} size="h5" id="errors-title">
        Errors of the database
      </Title>
      <Text size="sm" c="dimmed">
        {errorSummary(errors)}
      </Text>
      {found.length > 0 && (
        <BarTable
          label="Errors of the database"
          nameHeading="SQLSTATE"
          headings={[{ text: 'Errors', bar: true }]}
          rows={found.map(([code, count]) => ({ id: code, name: <ErrorName code={code} />, counts: [count] }))}
        />
      )}
    </Paper>
  )
}

function ErrorName({ code }: { code: string }) {
  const meaning = sqlstateText(code)
  return (
    <>
      <strong>{code}</strong>
      {meaning !== null && ` ${meaning}`}
    </>
  )
}
