import { Area, Bar, CartesianGrid, ComposedChart, Line, ReferenceLine, Tooltip, XAxis, YAxis } from 'recharts'
import type { ReactNode } from 'react'
import { highest, type Step } from '../logic/activity-series'
import { axisTicks, clockText, durationText, rateText, timeTicks } from '../logic/activity-words'

/**
 * The charts of the activity page. A series has a pattern or a line of its own besides its colour, and nothing moves but
 * with new numbers. Their words and numbers are around them, in the cards: to a screen reader each is one image.
 */

const label = { fill: 'var(--mantine-color-dimmed)', fontSize: 12 }

type Shown = Exclude<keyof Step, 'at'>

interface Series {
  key: Shown
  name: string
  text: (value: number) => string
}

function Frame({ steps, series, ticks, tickText, children }: {
  steps: Step[]
  series: Series[]
  ticks: number[]
  tickText: (value: number) => string
  children: ReactNode
}) {
  return (
    <ComposedChart
      data={steps}
      responsive
      accessibilityLayer={false}
      margin={{ top: 8, right: 8, bottom: 0, left: 0 }}
      barCategoryGap={1}
      className="chart-drawing"
    >
      <CartesianGrid vertical={false} stroke="var(--chart-grid)" />
      <XAxis
        dataKey="at"
        ticks={timeTicks(steps)}
        tickFormatter={(at: number) => clockText(at)}
        interval="equidistantPreserveStart"
        tick={label}
        tickLine={false}
        tickMargin={6}
        axisLine={{ stroke: 'var(--chart-axis)' }}
        height={26}
      />
      <YAxis
        ticks={ticks}
        domain={[0, ticks.at(-1) ?? 1]}
        interval={0}
        tickFormatter={tickText}
        tick={label}
        width={56}
        tickLine={false}
        axisLine={false}
      />
      <Tooltip
        isAnimationActive={false}
        cursor={{ className: 'chart-cursor' }}
        content={({ active, label }) => {
          const step = active ? steps.find(({ at }) => at === label) : undefined
          return step ? <StepCard step={step} series={series} /> : null
        }}
      />
      {children}
    </ComposedChart>
  )
}

function StepCard({ step, series }: { step: Step; series: Series[] }) {
  return (
    <div className="chart-tip">
      <strong>{clockText(step.at)}</strong>
      {series.map(({ key, name, text }) => (
        <div key={key}>
          {name}: {step[key] === null ? 'none' : text(step[key])}
        </div>
      ))}
    </div>
  )
}

/** Patterns that the charts and their legends share; each page needs them once. */
export function ChartPatterns() {
  return (
    <svg width="0" height="0" aria-hidden="true" className="chart-patterns">
      <defs>
        <pattern id="chart-hatched" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="5" height="5" className="chart-hatched-ground" />
          <rect width="2.5" height="5" className="chart-hatched-line" />
        </pattern>
      </defs>
    </svg>
  )
}

const solid = 'var(--chart-good)'
const hatched = 'url(#chart-hatched)'
const alarming = 'var(--chart-bad)'

const still = { isAnimationActive: false } as const
const box = (fill: string) => <rect width="20" height="12" rx="2" fill={fill} />

const requestSeries: Series[] = [
  { key: 'failed', name: 'failed (5xx)', text: (value) => `${rateText(value)} / s` },
  { key: 'refused', name: 'refused (4xx)', text: (value) => `${rateText(value)} / s` },
  { key: 'answered', name: 'answered (2xx, 3xx)', text: (value) => `${rateText(value)} / s` },
]

export const requestLegend = [
  { name: 'answered (2xx, 3xx)', swatch: box(solid) },
  { name: 'refused (4xx)', swatch: box(hatched) },
  { name: 'failed (5xx)', swatch: box(alarming) },
]

export function RequestChart({ steps }: { steps: Step[] }) {
  return (
    <Frame
      steps={steps}
      series={requestSeries}
      ticks={axisTicks(Math.max(1, highest(steps, 'answered', 'refused', 'failed')))}
      tickText={(value) => `${rateText(value)} / s`}
    >
      <Bar dataKey="answered" stackId="all" fill={solid} {...still} />
      <Bar dataKey="refused" stackId="all" fill={hatched} {...still} />
      <Bar dataKey="failed" stackId="all" fill={alarming} {...still} />
    </Frame>
  )
}

const latencyLines = [
  { key: 'p50', name: 'half (p50)', stroke: solid, strokeDasharray: '' },
  { key: 'p95', name: '95 % (p95)', stroke: 'var(--chart-other)', strokeDasharray: '7 3' },
  { key: 'p99', name: '99 % (p99)', stroke: 'var(--chart-warning)', strokeDasharray: '2 3' },
] as const

const lineSwatch = (stroke: string, strokeDasharray: string) => (
  <line x1="0" x2="20" y1="6" y2="6" stroke={stroke} strokeWidth="2.5" strokeDasharray={strokeDasharray} />
)

export const latencyLegend = latencyLines.map(({ name, stroke, strokeDasharray }) => ({
  name,
  swatch: lineSwatch(stroke, strokeDasharray),
}))

export function LatencyChart({ steps }: { steps: Step[] }) {
  return (
    <Frame
      steps={steps}
      series={latencyLines.map(({ key, name }) => ({ key, name, text: durationText })).reverse()}
      ticks={axisTicks(Math.max(0.004, highest(steps, 'p99')))}
      tickText={(value) => (value === 0 ? '0' : durationText(value))}
    >
      {latencyLines.map(({ key, stroke, strokeDasharray }) => (
        <Line
          key={key}
          dataKey={key}
          type="linear"
          stroke={stroke}
          strokeWidth={2.5}
          strokeDasharray={strokeDasharray}
          dot={{ r: 2.5, strokeWidth: 0, strokeDasharray: '', fill: stroke }} // a step between two quiet ones has no line
          activeDot={false}
          {...still}
        />
      ))}
    </Frame>
  )
}

const wholeText = (value: number) => String(value)

const waitingLine = { stroke: 'var(--chart-warning)', strokeDasharray: '7 3', strokeWidth: 2 } as const
const sizeLine = { stroke: 'var(--mantine-color-dimmed)', strokeDasharray: '2 3', strokeWidth: 2 } as const

export const poolLegend = [
  { name: 'in use', swatch: box('var(--chart-good)') },
  { name: 'requests that wait', swatch: lineSwatch(waitingLine.stroke, waitingLine.strokeDasharray) },
  { name: 'all there are', swatch: lineSwatch(sizeLine.stroke, sizeLine.strokeDasharray) },
]

export function PoolChart({ steps, size }: { steps: Step[]; size: number }) {
  const series: Series[] = [
    { key: 'inUse', name: 'in use', text: wholeText },
    { key: 'waiting', name: 'requests that wait', text: wholeText },
  ]
  return (
    <Frame
      steps={steps}
      series={series}
      ticks={axisTicks(Math.max(size, highest(steps, 'waiting')), 1)}
      tickText={wholeText}
    >
      <Area dataKey="inUse" type="step" stroke={solid} strokeWidth={2} fill={solid} fillOpacity={0.35} activeDot={false} {...still} />
      <Line dataKey="waiting" type="step" dot={false} activeDot={false} {...waitingLine} {...still} />
      <ReferenceLine y={size} {...sizeLine} />
    </Frame>
  )
}

export const signInLegend = [
  { name: 'signed in', swatch: box(solid) },
  { name: 'not signed in', swatch: box(hatched) },
]

export function SignInChart({ steps }: { steps: Step[] }) {
  const series: Series[] = [
    { key: 'signInRefused', name: 'not signed in', text: wholeText },
    { key: 'signedIn', name: 'signed in', text: wholeText },
  ]
  return (
    <Frame
      steps={steps}
      series={series}
      ticks={axisTicks(Math.max(2, highest(steps, 'signedIn', 'signInRefused')), 1)}
      tickText={wholeText}
    >
      <Bar dataKey="signedIn" stackId="all" fill={solid} {...still} />
      <Bar dataKey="signInRefused" stackId="all" fill={hatched} {...still} />
    </Frame>
  )
}
