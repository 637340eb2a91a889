import { expect, it } from 'vitest'
import { relativeTime } from '../src/logic/moment'

const now = Date.parse('2026-11-25T12:00:00Z')

it.each([
  ['2026-11-25T11:59:30Z', 'just now'],
  ['2026-11-25T12:00:20Z', 'just now'],
  ['2026-11-25T11:59:00Z', '1 minute ago'],
  ['2026-11-25T11:05:00Z', '55 minutes ago'],
  ['2026-11-25T10:00:01Z', '1 hour ago'],
  ['2026-11-24T12:00:00Z', 'yesterday'],
  ['2026-11-22T00:00:00Z', '3 days ago'],
  ['2026-11-10T00:00:00Z', '2 weeks ago'],
  ['2026-09-01T00:00:00Z', '2 months ago'],
  ['2024-01-01T00:00:00Z', '2 years ago'],
  ['2026-11-25T15:30:00Z', 'in 3 hours'],
])('%s is %s', (iso, text) => {
  expect(relativeTime(iso, now)).toBe(text)
})
