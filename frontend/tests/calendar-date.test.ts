import { afterEach, describe, expect, it, vi } from 'vitest'
import { formatCalendarDate } from '../src/logic/calendar-date'

describe('formatCalendarDate', () => {
  afterEach(() => vi.unstubAllEnvs())

  it.each(['UTC', 'America/Los_Angeles', 'Pacific/Kiritimati'])('shows the same day in %s', (zone) => {
    vi.stubEnv('TZ', zone)
    expect(formatCalendarDate('1984-02-11')).toBe('02/11/1984')
    expect(formatCalendarDate('1992-01-01')).toBe('01/01/1992')
  })

  it('takes the day of a timestamp as it is written', () => {
    expect(formatCalendarDate('1984-02-11T23:59:59+00:00')).toBe('02/11/1984')
  })

  it.each([
    [null, ''],
    ['infinity', 'infinity'],
    ['0044-03-15 BC', '0044-03-15 BC'],
    ['12345-01-02', '01/02/12345'],
    ['1984-2-11', '1984-2-11'],
  ])('shows %s as %j', (value, text) => {
    expect(formatCalendarDate(value)).toBe(text)
  })
})
