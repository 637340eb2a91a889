import { Area, Bar, CartesianGrid, ComposedChart, Line, ReferenceLine, Tooltip, XAxis, YAxis } from 'recharts'
import type { ReactNode } from 'react'
import type { Step } from '../logic/activity-series'
import { clockText, durationText, rateText, timeTicks } from '../logic/activity-words'

/**
 * The charts of the activity page. A series has a pattern or a line of its own besides its colour, and nothing moves but
 * with new numbers. Their words and numbers are around them, in the cards: to a screen reader each is one image.
 */

type Shown = Exclude<keyof Step, 'at'>

interface Series {
  key: Shown
  name: string
  text: (value: number) => string
}

function Frame({ steps, series, ticks, top, children }: {
  steps: Step[]
  series: Series[]
  ticks: (value: number) => string
  /** The least that the axis reaches to, so that small numbers look small. */
  top: number
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
      <CartesianGrid vertical={false} className="chart-grid" />
      <XAxis
        dataKey="at"
        ticks={timeTicks(steps)}
        tickFormatter={(at: number) => clockText(at)}
        interval="equidistantPreserveStart"
        tickLine={false}
        tickMargin={6}
        height={26}
      />
      <YAxis
        tickFormatter={ticks}
        domain={[0, (most: number) => Math.max(most, top)]}
        tickCount={4}
        width={56}
        tickLine={false}
        axisLine={false}
        allowDecimals={top < 1}
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
    <Frame steps={steps} series={requestSeries} ticks={(value) => `${rateText(value)} / s`} top={1}>
      <Bar dataKey="answered" stackId="all" fill={solid} {...still} />
      <Bar dataKey="refused" stackId="all" fill={hatched} {...still} />
      <Bar dataKey="failed" stackId="all" fill={alarming} {...still} />
    </Frame>
  )
}

const latencyLines = [
  { key: 'p50', name: 'half (p50)', className: 'chart-line-1', dash: '' },
  { key: 'p95', name: '95 % (p95)', className: 'chart-line-2', dash: '7 3' },
  { key: 'p99', name: '99 % (p99)', className: 'chart-line-3', dash: '2 3' },
] as const

const lineSwatch = (className: string, dash: string) => (
  <line x1="0" x2="20" y1="6" y2="6" className={className} strokeWidth="2.5" strokeDasharray={dash} />
)

export const latencyLegend = latencyLines.map(({ name, className, dash }) => ({ name, swatch: lineSwatch(className, dash) }))

export function LatencyChart({ steps }: { steps: Step[] }) {
  const series = latencyLines.map(({ key, name }) => ({ key, name, text: durationText })).reverse()
  return (
    <Frame steps={steps} series={series} ticks={(value) => (value === 0 ? '0' : durationText(value))} top={0.005}>
      {latencyLines.map(({ key, className, dash }) => (
        <Line
          key={key}
          dataKey={key}
          type="linear"
          className={className}
          stroke="currentColor"
          strokeWidth={2.5}
          strokeDasharray={dash}
          dot={{ r: 2.5, strokeWidth: 0, strokeDasharray: '', fill: 'currentColor' }} // a step between two quiet ones has no line
          activeDot={false}
          {...still}
        />
      ))}
    </Frame>
  )
}

const wholeText = (value: number) => String(value)

export const poolLegend = [
  { name: 'in use', swatch: box('var(--chart-good)') },
  { name: 'requests that wait', swatch: lineSwatch('chart-line-3', '7 3') },
  { name: 'all there are', swatch: lineSwatch('chart-line-all', '2 3') },
]

export function PoolChart({ steps, size }: { steps: Step[]; size: number }) {
  const series: Series[] = [
    { key: 'inUse', name: 'in use', text: wholeText },
    { key: 'waiting', name: 'requests that wait', text: wholeText },
  ]
  return (
    <Frame steps={steps} series={series} ticks={wholeText} top={size}>
      <Area dataKey="inUse" type="step" stroke={solid} strokeWidth={2} fill={solid} fillOpacity={0.35} activeDot={false} {...still} />
      <Line dataKey="waiting" type="step" className="chart-line-3" stroke="currentColor" strokeWidth={2} strokeDasharray="7 3" dot={false} activeDot={false} {...still} />
      <ReferenceLine y={size} className="chart-line-all" stroke="currentColor" strokeWidth={2} strokeDasharray="2 3" />
    </Frame>
  )
}

export const signInLegend = [
  { name: 'signed in', swatch: box(solid) },
  { name: 'refused', swatch: box(hatched) },
]

export function SignInChart({ steps }: { steps: Step[] }) {
  const series: Series[] = [
    { key: 'signInRefused', name: 'refused', text: wholeText },
    { key: 'signedIn', name: 'signed in', text: wholeText },
  ]
  return (
    <Frame steps={steps} series={series} ticks={wholeText} top={3}>
      <Bar dataKey="signedIn" stackId="all" fill={solid} {...still} />
      <Bar dataKey="signInRefused" stackId="all" fill={hatched} {...still} />
    </Frame>
  )
}
