import { describe, expect, it } from 'vitest'
import { safeReturnPath, signInTarget } from '../src/logic/return-path'

const origin = 'https://clinic.example'

describe('safeReturnPath', () => {
  it.each([
    ['/patients', '/patients'],
    ['/patients?sort=dob#top', '/patients?sort=dob#top'],
    ['/tenant?next=%2Fpatients', '/tenant?next=%2Fpatients'],
    ['/a/../patients/7', '/patients/7'],
  ])('keeps %s', (wanted, path) => {
    expect(safeReturnPath(wanted, origin)).toBe(path)
  })

  it.each([
    null,
    '',
    'patients',
    'https://evil.example/',
    '//evil.example/',
    '///evil.example/',
    '/\\evil.example/',
    '/\t/evil.example/',
    '/\n/evil.example',
    '/.//evil.example/',
    '/x/..//evil.example/',
    'javascript:alert(1)',
    ' /patients',
    '//clinic.example:8443/',
    '//[',
    '/',
    '/signin',
    '/signin?next=/signin',
  ])('turns %j into the home page', (wanted) => {
    expect(safeReturnPath(wanted, origin)).toBe('/patients')
  })

  it('never gives a path that leads to another site', () => {
    const pieces = ['/', '\\', '.', '..', '\t', '@', ':', '?', '#', 'evil.example', '%2f']
    for (const a of pieces)
      for (const b of pieces)
        for (const c of pieces)
          for (const d of pieces) {
            const path = safeReturnPath('/' + a + b + c + d, origin)
            expect(new URL(path, origin).origin).toBe(origin)
          }
  })
})

describe('signInTarget', () => {
  it('remembers the page first asked for', () => {
    const target = signInTarget({ pathname: '/tenant', search: '?next=%2Fpatients', hash: '' })
    const next = new URL(target, origin).searchParams.get('next')
    expect(safeReturnPath(next, origin)).toBe('/tenant?next=%2Fpatients')
  })

  it('is plain for the home page', () => {
    expect(signInTarget({ pathname: '/patients', search: '', hash: '' })).toBe('/signin')
  })
})
