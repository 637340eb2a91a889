import { describe, expect, it } from 'vitest'
import { steppedInto, tenantChoices, tenantNameOf } from '../src/logic/tenant-choices'
import { adminSession, undecidedSession, userSession } from './sessions'

const names = new Map([
  ['10', 'tenant 10'],
  ['2', 'tenant 2'],
  ['6', 'admin tenant'],
])

describe('tenantChoices', () => {
  it('are the own tenants of a user, whatever else is known', () => {
    expect(tenantChoices(undecidedSession, names)).toEqual(undecidedSession.tenants)
    expect(tenantChoices(userSession, names)).toHaveLength(1)
  })

  it('are all tenants of an admin, each once and by name', () => {
    expect(tenantChoices(adminSession, names)).toEqual([
      { id: null, name: 'All tenants' },
      { id: '6', name: 'admin tenant' },
      { id: '2', name: 'tenant 2' },
      { id: '10', name: 'tenant 10' },
    ])
  })
})

describe('steppedInto', () => {
  it('is for admins in a tenant alone', () => {
    expect(steppedInto(userSession, names)).toBeNull()
    expect(steppedInto(adminSession, names)).toBeNull()
  })

  it.each([
    [{ tenantId: '6', tenantName: 'admin tenant' }, 'admin tenant'],
    [{ tenantId: '2', tenantName: null }, 'tenant 2'],
    [{ tenantId: '9', tenantName: null }, 'tenant 9'],
  ])('%o: %s', (fields, name) => {
    expect(steppedInto({ ...adminSession, ...fields }, names)).toBe(name)
  })
})

describe('tenantNameOf', () => {
  it('finds a name by the id as text or number, and shows the id where there is none', () => {
    expect([tenantNameOf(names, 2), tenantNameOf(names, '2'), tenantNameOf(names, 7)]).toEqual(['tenant 2', 'tenant 2', 'tenant 7'])
  })
})
