import { Badge } from '@mantine/core'
import { verdictLabel, type Verdict } from '../logic/verdict'

/** Shapes besides the colours, for whoever does not see these. */
const shapes: Record<Verdict, string> = {
  refused: 'M3 7.5 6 10.5 11 4',
  harmless: 'M3 7.5 6 10.5 11 4',
  broken: 'M3.5 3.5 10.5 10.5M10.5 3.5 3.5 10.5',
  unclear: 'M3 7H11',
}

export function VerdictBadge({ verdict }: { verdict: Verdict }) {
  return (
    <Badge
      className={`verdict verdict-${verdict}`}
      variant="default"
      tt="none"
      leftSection={
        <svg width="12" height="12" viewBox="0 0 14 14" aria-hidden="true">
          <path d={shapes[verdict]} fill="none" stroke="currentColor" strokeWidth="2" />
        </svg>
      }
    >
      {verdictLabel[verdict]}
    </Badge>
  )
}
