import { ApiError } from '../api/client'
import type { Patient } from '../api/schema'
import { formatCalendarDate, parseCalendarDate } from './calendar-date'

/** What a form of a patient holds: all of it text, as it was typed. */
export interface PatientForm {
  firstName: string
  lastName: string
  dob: string
  /** Which tenant a new patient is for; an admin in none says it. */
  tenantId: string
}

export type PatientField = keyof PatientForm
export type PatientErrors = Partial<Record<PatientField, string | undefined>>
export type PatientValues = Pick<Patient, 'firstName' | 'lastName' | 'dob'>

export const patientFields: readonly PatientField[] = ['tenantId', 'firstName', 'lastName', 'dob']
export const fieldLabels: Record<PatientField, string> = {
  tenantId: 'Tenant',
  firstName: 'First name',
  lastName: 'Last name',
  dob: 'Date of birth',
}

export const longestName = 100
export const emptyForm: PatientForm = { firstName: '', lastName: '', dob: '', tenantId: '' }

export function formOf(patient: Patient): PatientForm {
  const { firstName, lastName, dob, tenantId } = patient
  return { firstName, lastName, dob: formatCalendarDate(dob), tenantId: String(tenantId) }
}

/** The day that it is for the person at the screen. */
export function today(now = new Date()): string {
  const part = (value: number) => String(value).padStart(2, '0')
  return `${now.getFullYear()}-${part(now.getMonth() + 1)}-${part(now.getDate())}`
}

function nameError(name: string, what: string): string | null {
  if (name === '') return `Type the ${what}.`
  return Array.from(name).length > longestName ? `At most ${longestName} letters.` : null
}

function dateError(text: string, iso: string | null, day: string): string | null {
  if (text === '') return 'Type the date of birth.'
  if (iso === null) return 'Type a date as month/day/year, such as 02/11/1984.'
  return iso > day ? 'The date of birth cannot be in the future.' : null
}

/** What to send, or what is wrong with it. */
export function checkPatient(
  form: PatientForm,
  day: string = today(),
): { values: PatientValues; errors: null } | { values: null; errors: PatientErrors } {
  const firstName = form.firstName.trim()
  const lastName = form.lastName.trim()
  const dobText = form.dob.trim()
  const dob = parseCalendarDate(dobText)
  const found: [PatientField, string | null][] = [
    ['firstName', nameError(firstName, 'first name')],
    ['lastName', nameError(lastName, 'last name')],
    ['dob', dateError(dobText, dob, day)],
  ]
  const errors = Object.fromEntries(found.filter(([, error]) => error !== null)) as PatientErrors
  if (dob === null || Object.keys(errors).length > 0) return { values: null, errors }
  return { values: { firstName, lastName, dob }, errors: null }
}

const notAccepted: Record<PatientField, string> = {
  tenantId: 'There is no such tenant. Choose another one.',
  firstName: 'The database does not accept this name.',
  lastName: 'The database does not accept this name.',
  dob: 'The database does not accept this date. Is the year right?',
}

const snake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** What the database found wrong with a field; null when it is no matter of one field. */
export function fieldErrors(error: unknown): PatientErrors | null {
  if (!(error instanceof ApiError)) return null
  // Dates are the only thing in the form that can be out of range or written wrongly.
  if (['22007', '22008'].includes(error.code)) return { dob: 'The database does not know this date.' }
  if (!error.code.startsWith('23')) return null
  // `constraint "patients_dob_check"` or `column "first_name"`, as the table calls it.
  const field = patientFields.find((name) => error.details?.includes(snake(name)))
  if (field === undefined) return null
  return { [field]: error.code === '23502' ? 'The database needs a value here.' : notAccepted[field] }
}

/** The fields in which two differ. */
export function differences(a: PatientValues, b: PatientValues): (keyof PatientValues)[] {
  return (['firstName', 'lastName', 'dob'] as const).filter((field) => a[field] !== b[field])
}

export function fullName({ firstName, lastName }: PatientValues): string {
  return `${firstName} ${lastName}`
}
