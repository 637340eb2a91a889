import { describe, expect, it } from 'vitest'
import { judge, ownerOf, ownText, summary, type Outcome } from '../src/logic/verdict'
import { adminSession, userSession } from './sessions'

const context = { userId: '6', tenantId: '3' }
const answer = (rows: Outcome['rows']): Outcome => ({
  status: 200,
  code: null,
  message: null,
  details: null,
  hint: null,
  rows,
  context,
})
const refusal = (status: number, code: string, message = 'no'): Outcome => ({
  ...answer(null),
  status,
  code,
  message,
  context: null,
})
const verdictOf = (outcome: Outcome, rule = ownText) => judge(rule, outcome, userSession).verdict

describe('whose a row is', () => {
  it.each([
    [{ id: 11, tenant_id: 3 }, 'own'],
    [{ id: 11, tenantId: '3' }, 'own'],
    [{ id: 1, tenant_id: 1 }, 'foreign'],
    [{ TENANT_ID: 1 }, 'foreign'],
    [{ id: 3, displayName: 'user tenant 3' }, 'own'],
    [{ id: 2, display_name: 'user tenant 2' }, 'foreign'],
    [{ id: 7, display_name: 'a patient', tenant_id: 3 }, 'own'],
    [{ first_name: 'Ann' }, 'unknown'],
    [{ tenant_id: null }, 'unknown'],
    [{ count: 25 }, 'unknown'],
  ])('%j', (row, owner) => {
    expect(ownerOf(row, '3')).toBe(owner)
  })

  it('looks into rows inside of rows, also into those that were made texts', () => {
    expect(ownerOf({ all: [{ tenant_id: 3 }, { tenant_id: 4 }] }, '3')).toBe('foreign')
    expect(ownerOf({ json: '[{"tenant_id": 4}]' }, '3')).toBe('foreign')
    expect(ownerOf({ json: '{"tenant_id": 3}' }, '3')).toBe('own')
    expect(ownerOf({ json: '{no json' }, '3')).toBe('unknown')
  })

  it('one foreign value beside own ones is foreign', () => {
    expect(ownerOf({ mine: { tenant_id: 3 }, theirs: { tenant_id: 4 } }, '3')).toBe('foreign')
  })

  it('knows secrets by their name and by their look, also in rows of one’s own', () => {
    expect(ownerOf({ tenant_id: 3, password_hash: 'x' }, '3')).toBe('secret')
    expect(ownerOf({ tenant_id: 3, token_hash: '\\x00' }, '3')).toBe('secret')
    expect(ownerOf({ tenant_id: 3, note: '$2b$10$abc' }, '3')).toBe('secret')
    expect(ownerOf({ tenant_id: 3, password_hash: null }, '3')).toBe('own')
  })
})

describe('the verdict', () => {
  it('is harmless for own rows and for none', () => {
    expect(judge(ownText, answer([{ tenant_id: 3 }, { tenant_id: 3 }]), userSession)).toEqual({
      verdict: 'harmless',
      says: '2 rows came back, all your own.',
    })
    expect(verdictOf(answer([]))).toBe('harmless')
    expect(verdictOf(answer(null))).toBe('harmless')
  })

  it('is broken for one foreign row among own ones, and for a secret', () => {
    expect(judge(ownText, answer([{ tenant_id: 3 }, { tenant_id: 1 }]), userSession)).toEqual({
      verdict: 'broken',
      says: 'One row of others came back.',
    })
    expect(verdictOf(answer([{ password_hash: 'x' }]))).toBe('broken')
  })

  it('proves nothing when rows do not say whose they are', () => {
    expect(verdictOf(answer([{ count: 25 }]))).toBe('unclear')
    expect(verdictOf(answer([{ tenant_id: 3 }, { tenant_id: null }]))).toBe('unclear')
  })

  it('is broken when something that must be refused ran, whatever came back', () => {
    const rule = { mustBeRefused: true }
    for (const rows of [null, [], [{ tenant_id: 3 }], [{ count: 1 }]]) expect(verdictOf(answer(rows), rule)).toBe('broken')
    expect(verdictOf(refusal(403, '42501'), rule)).toBe('refused')
  })

  it.each([
    [403, '42501'],
    [401, '28000'],
    [404, 'TNCY404'],
    [400, 'TNCY400'],
    [403, 'TNCY403'],
    [400, '0A000'],
  ])('is refused for %d %s', (status, code) => {
    expect(verdictOf(refusal(status, code))).toBe('refused')
  })

  it.each([
    [400, '42601'], // a mistake in the statement
    [500, '42703'],
    [404, '42P01'],
    [400, '22P02'],
    [429, '53400'], // the server had no time
    [503, 'TNCY503'],
    [504, '57014'],
    [500, 'XX000'],
    [500, 'TNCY500'],
    [0, ''],
  ])('proves nothing for %d %s', (status, code) => {
    expect(verdictOf({ ...refusal(status, code), code: code === '' ? null : code })).toBe('unclear')
    expect(verdictOf({ ...refusal(status, code), code: code === '' ? null : code }, { mustBeRefused: true })).toBe('unclear')
  })

  it('is broken when an error tells of a foreign row, and only where it does', () => {
    const division = refusal(400, '22012', 'division by zero')
    expect(verdictOf(division, { mustBeRefused: false, tellingErrors: ['22012'] })).toBe('broken')
    expect(verdictOf(division)).toBe('unclear')
  })

  it('says the refusal in the words of the server', () => {
    expect(judge(ownText, refusal(403, '42501', 'permission denied for table credentials'), userSession).says).toBe(
      'It was refused: permission denied for table credentials.',
    )
  })

  it('is not fooled by a change of tenant in another tab', () => {
    const others = { ...answer([{ tenant_id: 1 }]), context: { userId: '6', tenantId: '1' } }
    expect(judge(ownText, others, userSession).verdict).toBe('unclear')
  })

  it('counts for the tenant that an admin has stepped into', () => {
    const inside = { ...adminSession, tenantId: '2' }
    const given = { ...answer([{ tenant_id: 1 }]), context: { userId: '11', tenantId: '2' } }
    expect(judge(ownText, given, inside).verdict).toBe('broken')
  })
})

it('the summary counts, and puts the worst first', () => {
  expect(summary([], 20)).toBe('20 attacks are waiting. None has been tried yet.')
  expect(summary(['refused', 'harmless'], 20)).toBe('2 of 20 tried: none broke in.')
  expect(summary(['refused', 'unclear'], 20)).toBe('2 of 20 tried: none broke in, 1 proved nothing.')
  expect(summary(['broken', 'unclear'], 2)).toBe('2 of 2 tried: 1 broke in.')
})
