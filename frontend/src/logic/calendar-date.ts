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

const daysOfMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** The ISO date of MM/DD/YYYY, or of an ISO date; null when there is no such day. */
export function parseCalendarDate(text: string): string | null {
  const american = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text)
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text)
  const [year, month, day] = (american ? [american[3], american[1], american[2]] : (iso ?? []).slice(1)).map(Number)
  if (year === undefined || month === undefined || day === undefined || year === 0) return null
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (day < 1 || day > (daysOfMonth[month - 1] ?? 0) + (leap ? 1 : 0)) return null
  const part = (value: number, length = 2) => String(value).padStart(length, '0')
  return `${part(year, 4)}-${part(month)}-${part(day)}`
}
