import type { Step } from './activity-series'

const wholeNumber = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const shortNumber = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

export function countText(count: number, one: string, many = `${one}s`): string {
  return `${wholeNumber.format(count)} ${Math.round(count) === 1 ? one : many}`
}

export function plainCount(count: number): string {
  return wholeNumber.format(count)
}

export function rateText(perSecond: number): string {
  if (perSecond > 0 && perSecond < 0.1) return 'less than 0.1'
  return perSecond < 100 ? shortNumber.format(perSecond) : wholeNumber.format(perSecond)
}

export function durationText(seconds: number | null): string {
  if (seconds === null) return 'none'
  if (seconds >= 0.9995) return `${shortNumber.format(seconds)} s`
  const ms = seconds * 1000
  return `${ms < 10 ? shortNumber.format(ms) : wholeNumber.format(ms)} ms`
}

export function shareText(part: number, all: number): string {
  if (all === 0 || part === 0) return '0 %'
  const percent = (part / all) * 100
  return percent < 0.1 ? 'less than 0.1 %' : `${shortNumber.format(percent)} %`
}

/** How long a span is, roughly enough to be read while it grows. */
export function spanText(seconds: number): string {
  if (seconds < 90) return countText(seconds, 'second')
  return `${shortNumber.format(Math.floor(seconds / 6) / 10)} minutes`
}

export function clockText(at: number, withSeconds = true): string {
  const two = (part: number) => String(part).padStart(2, '0')
  const date = new Date(at)
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`
  return withSeconds ? `${minutes}:${two(date.getSeconds())}` : minutes
}

/** The columns that get a time below them: those in which half a minute begins. */
export function timeTicks(steps: readonly Step[], everyMs = 30_000): number[] {
  return steps.map(({ at }) => at).filter((at) => at % everyMs === 0)
}

/** Round numbers from zero to at least `most`, about four of them. */
export function axisTicks(most: number, leastStep = 0): number[] {
  const rough = most / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const round = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999) ?? rough
  const step = Math.max(round, leastStep)
  return Array.from({ length: Math.ceil((most / step) * 0.999) + 1 }, (_, index) => Number((index * step).toPrecision(6)))
}

const sqlstates: Record<string, string> = {
  connection: 'no connection to the database',
  other: 'any other',
  '22P02': 'a value of the wrong form',
  '23502': 'a value is missing',
  '23503': 'refers to a row that is not there, or is referred to',
  '23505': 'such a row is there already',
  '23514': 'a value breaks a rule of the table',
  '25006': 'a write where only reading is allowed',
  '28000': 'no valid session',
  '28P01': 'wrong name or password',
  '40001': 'lost against a change made at the same time',
  '40P01': 'deadlock',
  '42501': 'not allowed',
  '42703': 'no such column',
  '42883': 'no such function or operator',
  '42P01': 'no such table or view',
  '53300': 'too many connections',
  '53400': 'too many attempts',
  '55P03': 'a lock was not to be had',
  '57014': 'took too long, or was cancelled',
  '57P01': 'the database is shutting down',
  P0001: 'refused by a function of the application',
}

const sqlstateClasses: Record<string, string> = {
  '08': 'the connection broke',
  '21': 'one row was expected',
  '22': 'a value that does not fit',
  '23': 'a rule of the table',
  '25': 'the state of the transaction',
  '28': 'who is asking',
  '40': 'the transaction was rolled back',
  '42': 'the statement, or rights to what it names',
  '53': 'the database is short of something',
  '54': 'a limit of the database',
  '55': 'not in a state for this',
  '57': 'an operator stepped in',
  '58': 'the system below the database',
  P0: 'raised by a function',
  XX: 'a fault in the database',
}

/** What an SQLSTATE of the gateway's counts means, in words; null when its code must do. */
export function sqlstateText(label: string): string | null {
  return sqlstates[label] ?? sqlstateClasses[label.slice(0, 2)] ?? null
}

const signInResults: Record<string, string> = {
  ok: 'signed in',
  refused: 'wrong name or password',
  throttled: 'too many attempts',
  malformed: 'not a sign-in',
  failed: 'the system was at fault',
}

export function signInText(result: string): string {
  return signInResults[result] ?? result
}
