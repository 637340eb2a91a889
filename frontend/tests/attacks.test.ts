import { describe, expect, it } from 'vitest'
import { aimOf, attacksOn, requestText, type Attack } from '../src/logic/attacks'
import { isChanged } from '../src/logic/trial'

const attacks = attacksOn({ tenantId: '3', otherTenantId: '1', otherPatientId: '1' })
function named(id: string): Attack {
  const found = attacks.find((attack) => attack.id === id)
  if (found === undefined) throw new Error(`no attack ${id}`)
  return found
}

describe('the aim', () => {
  it('is another tenant than the own one', () => {
    expect(aimOf('1', []).otherTenantId).toBe('2')
    expect(aimOf('3', []).otherTenantId).toBe('1')
  })

  it('is a patient that is none of the own', () => {
    expect(aimOf('1', [1, 2, '3', 5]).otherPatientId).toBe('4')
    expect(aimOf('3', [11, 12]).otherPatientId).toBe('1')
  })
})

describe('the attacks', () => {
  it('have names of their own, a hope and a reason', () => {
    expect(new Set(attacks.map(({ id }) => id)).size).toBe(attacks.length)
    expect(new Set(attacks.map(({ title }) => title)).size).toBe(attacks.length)
    for (const { hope, why } of attacks) for (const text of [hope, why]) expect(text).toMatch(/^[A-Z“].*\.$/s)
  })

  it('quote a tenant whose id is a text', () => {
    const [attack] = attacksOn({ tenantId: 'a', otherTenantId: "o'hara", otherPatientId: '1' }).filter(({ id }) => id === 'insert')
    expect(attack?.attempt).toMatchObject({ statement: expect.stringContaining("values ('o''hara', 'Eve'") as string })
  })

  it('are shown as they are sent', () => {
    const { attempt } = named('forge')
    if (attempt.kind === 'sql') throw new Error('no request')
    expect(requestText(attempt, '/api')).toBe(
      'POST /api/patients\nPrefer: return=representation, tx=rollback\n\n' +
        '{\n  "tenantId": 1,\n  "firstName": "Eve",\n  "lastName": "Intruder",\n  "dob": "2000-01-01"\n}',
    )
  })

  it('are changed by another text, not by space around it', () => {
    const attack = named('no-where')
    expect(isChanged(attack, null)).toBe(false)
    expect(isChanged(attack, ' select * from app.patients\n')).toBe(false)
    expect(isChanged(attack, 'select 1')).toBe(true)
  })
})
