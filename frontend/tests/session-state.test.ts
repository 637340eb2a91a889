import { describe, expect, it } from 'vitest'
import type { Session } from '../src/api/client'
import {
  afterRefusal,
  mustChooseTenant,
  rowsBelongTo,
  sameId,
  signedIn,
  signedOut,
  welcome,
} from '../src/logic/session-state'
import { adminSession, undecidedSession, userSession } from './sessions'

describe('welcome', () => {
  it('names the chosen tenant', () => {
    expect(welcome(userSession)).toBe('Welcome, t3 user2 of user tenant 3')
  })

  it('names the only tenant of an admin', () => {
    expect(welcome(adminSession)).toBe('Welcome, t6 admin of admin tenant')
  })

  it('names none while one of several is to be chosen', () => {
    expect(welcome(undecidedSession)).toBe('Welcome, jeremy')
  })
})

describe('mustChooseTenant', () => {
  it.each<[Session, boolean]>([
    [userSession, false],
    [adminSession, false],
    [undecidedSession, true],
    [{ ...undecidedSession, tenants: [] }, true],
  ])('%#', (session, expected) => {
    expect(mustChooseTenant(session)).toBe(expected)
  })
})

describe('afterRefusal', () => {
  it('knows a session that ended from one that never was', () => {
    expect(afterRefusal(undefined)).toEqual(signedOut('none'))
    expect(afterRefusal(signedIn(userSession))).toEqual(signedOut('ended'))
  })

  it('keeps the first reason when asked again', () => {
    for (const reason of ['none', 'ended', 'left'] as const) {
      expect(afterRefusal(signedOut(reason))).toEqual(signedOut(reason))
    }
  })
})

describe('rowsBelongTo', () => {
  it('finds one row of another tenant', () => {
    expect(rowsBelongTo(userSession, [{ tenantId: 3 }, { tenantId: '3' }])).toBe(true)
    expect(rowsBelongTo(userSession, [{ tenantId: 3 }, { tenantId: 2 }])).toBe(false)
    expect(rowsBelongTo(userSession, [])).toBe(true)
  })

  it('lets an admin have all and a session without a tenant none', () => {
    expect(rowsBelongTo(adminSession, [{ tenantId: 3 }, { tenantId: 2 }])).toBe(true)
    expect(rowsBelongTo(undecidedSession, [{ tenantId: 1 }])).toBe(false)
  })
})

describe('sameId', () => {
  it.each<[string | number, string | number, boolean]>([
    ['3', 3, true],
    [3, 3, true],
    ['03', '3', false],
    ['3', 30, false],
    ['9007199254740993', Number('9007199254740993'), true],
    ['6f1c', '6f1c', true],
    ['6f1c', 6, false],
  ])('%j and %j: %j', (a, b, expected) => {
    expect(sameId(a, b)).toBe(expected)
  })
})
