const minute = 60
const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 24 * 60 * minute],
  ['month', 30 * 24 * 60 * minute],
  ['week', 7 * 24 * 60 * minute],
  ['day', 24 * 60 * minute],
  ['hour', 60 * minute],
  ['minute', minute],
]

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })

/** "5 minutes ago", "yesterday", "in 3 hours". Within a minute it is "just now": clocks differ by more. */
export function relativeTime(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1000
  const found = units.find(([, size]) => Math.abs(seconds) >= size)
  if (found === undefined) return 'just now'
  const [unit, size] = found
  return relative.format(Math.trunc(seconds / size), unit)
}

/** Date and time where the reader is. */
export function exactTime(iso: string): string {
  return exact.format(new Date(iso))
}
