import { describe, expect, it } from 'vitest'
import { ApiError } from '../src/api/client'
import { checkPatient, differences, fieldErrors, formOf, longestName, today, type PatientForm } from '../src/logic/patient-form'

const day = '2026-11-25'
const form: PatientForm = { firstName: ' Ann ', lastName: 'Lee', dob: '2/9/1984', tenantId: '' }

describe('the form of a patient', () => {
  it('gives what to send, without spaces around it', () => {
    expect(checkPatient(form, day)).toEqual({ values: { firstName: 'Ann', lastName: 'Lee', dob: '1984-02-09' }, errors: null })
  })

  it('says at each field what is missing', () => {
    expect(checkPatient({ firstName: ' ', lastName: '', dob: '', tenantId: '' }, day).errors).toEqual({
      firstName: 'Type the first name.',
      lastName: 'Type the last name.',
      dob: 'Type the date of birth.',
    })
  })

  it.each([
    ['11/25/2026', null],
    ['11/26/2026', 'The date of birth cannot be in the future.'],
    ['02/30/1984', 'Type a date as month/day/year, such as 02/11/1984.'],
    ['yesterday', 'Type a date as month/day/year, such as 02/11/1984.'],
  ])('judges the date %s', (dob, error) => {
    expect(checkPatient({ ...form, dob }, day).errors?.dob ?? null).toBe(error)
  })

  it('counts the letters of a name as people do', () => {
    const long = (letter: string, count: number) => checkPatient({ ...form, lastName: letter.repeat(count) }, day).errors
    expect(long('x', longestName)).toBeNull()
    expect(long('😀', longestName)).toBeNull()
    expect(long('x', longestName + 1)).toEqual({ lastName: `At most ${longestName} letters.` })
  })

  it('knows the day of the person at the screen', () => {
    expect(today(new Date(2026, 0, 5, 23, 59))).toBe('2026-01-05')
  })

  it('begins with the values of a patient, and finds what differs', () => {
    const patient = { id: 1, tenantId: 3, firstName: 'John', lastName: 'Doe', dob: '1984-02-11' }
    expect(formOf(patient)).toEqual({ firstName: 'John', lastName: 'Doe', dob: '02/11/1984', tenantId: '3' })
    expect(differences(patient, { ...patient, lastName: 'Roe', dob: '1984-02-12' })).toEqual(['lastName', 'dob'])
  })
})

describe('what the database found wrong', () => {
  const error = (code: string, details: string | null = null) =>
    new ApiError({ status: 400, code, message: 'the values break a rule of the table', details })

  it.each([
    ['23514', 'constraint "patients_dob_check"', 'dob'],
    ['23514', 'constraint "patients_last_name_check"', 'lastName'],
    ['23502', 'column "first_name"', 'firstName'],
    ['23503', 'constraint "patients_tenant_id_fkey"', 'tenantId'],
    ['22008', null, 'dob'],
    ['22007', null, 'dob'],
  ])('stands at its field: %s %s', (code, details, field) => {
    expect(Object.keys(fieldErrors(error(code, details)) ?? {})).toEqual([field])
  })

  it.each([
    ['23514', 'constraint "patients_whole"'],
    ['23514', null],
    ['42501', null],
    ['22001', null],
  ])('is no matter of one field: %s %s', (code, details) => {
    expect(fieldErrors(error(code, details))).toBeNull()
  })

  it('is nothing that the page did wrong', () => {
    expect(fieldErrors(new TypeError('x'))).toBeNull()
  })
})
