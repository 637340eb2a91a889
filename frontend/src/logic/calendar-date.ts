/**
 * MM/DD/YYYY from an ISO date. A date of birth has no time zone: it is cut from the text and never
 * becomes a Date, which would show the day before to everybody west of Greenwich.
 */
export function formatCalendarDate(iso: string | null): string {
  if (iso === null) return ''
  const match = /^(\d{4,})-(\d{2})-(\d{2})(?:[T ]|$)/.exec(iso)
  if (!match) return iso // 'infinity', '0044-03-15 BC': show what the database holds
  const [, year = '', month = '', day = ''] = match
  if (iso.endsWith(' BC')) return iso
  return `${month}/${day}/${year}`
}
