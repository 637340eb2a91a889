import { describe, expect, it } from 'vitest'
import { actionText, beginOf, detailPairs, endOf, filterOf, mentionedUsers, searchOf } from '../src/logic/audit'

describe('the filter of the audit log', () => {
  it('is what the address says, and goes back into it', () => {
    const search = { action: 'suspend', tenant: '3', from: '2026-11-01', to: '2026-11-25' }
    const filter = filterOf(new URLSearchParams(search))
    expect(filter).toEqual({ action: 'suspend', tenantId: '3', from: '2026-11-01', to: '2026-11-25' })
    expect(searchOf(filter)).toEqual(search)
  })

  it('asks for everything when the address says nothing, or what is no day', () => {
    const nothing = { action: null, tenantId: null, from: null, to: null }
    expect(filterOf(new URLSearchParams())).toEqual(nothing)
    expect(filterOf(new URLSearchParams('action=&tenant=&from=yesterday&to=2026-13-40'))).toEqual(nothing)
    expect(searchOf(nothing)).toEqual({})
  })

  it('takes whole days where the reader is', () => {
    const hours = (Date.parse(endOf('2026-11-25')) - Date.parse(beginOf('2026-11-25'))) / 3_600_000
    expect(hours).toBe(24)
    expect(new Date(beginOf('2026-11-25')).getHours()).toBe(0)
    expect(endOf('2026-12-31')).toBe(beginOf('2027-01-01'))
  })
})

it('shows an action that is newer than the page by its name', () => {
  expect(actionText('suspend')).toBe('A tenant was suspended')
  expect(actionText('merge_tenants')).toBe('merge_tenants')
  expect(actionText('constructor')).toBe('constructor')
})

it('reads the details as pairs', () => {
  expect(detailPairs({ of_user: '3', ended: 2, session: null })).toEqual([
    ['of user', '3'],
    ['ended', '2'],
    ['session', 'null'],
  ])
  for (const nothing of [null, [], 'text', {}]) expect(detailPairs(nothing)).toEqual([])
})

it('looks up each user once whose id is a number', () => {
  const of = (userId: string | null, actingAs: string | null = null) => ({ userId, actingAs })
  expect(mentionedUsers([of('11'), of(null, '3'), of('11', '2'), of('a-uuid'), of('1e3')])).toEqual([2, 3, 11])
  expect(mentionedUsers([])).toEqual([])
})
