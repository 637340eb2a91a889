import { afterEach, describe, expect, it, vi } from 'vitest'
import { formatCalendarDate, parseCalendarDate } from '../src/logic/calendar-date'

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

describe('a typed date', () => {
  it.each([
    ['02/11/1984', '1984-02-11'],
    ['2/9/1984', '1984-02-09'],
    ['1984-02-11', '1984-02-11'],
    ['02/29/2024', '2024-02-29'],
    ['02/29/2000', '2000-02-29'],
    ['12/31/0999', '0999-12-31'],
  ])('%s is %s', (text, iso) => {
    expect(parseCalendarDate(text)).toBe(iso)
  })

  it.each(['02/29/2023', '02/29/1900', '02/30/2024', '13/01/2024', '00/10/2024', '01/00/2024', '04/31/2024', '1/1/24', '01/01/0000', '', 'today', '11.02.1984', '02/11/1984x'])(
    '%j is none',
    (text) => {
      expect(parseCalendarDate(text)).toBeNull()
    },
  )
})
