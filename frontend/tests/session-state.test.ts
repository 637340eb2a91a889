import { describe, expect, it } from 'vitest'
import type { Context, Session } from '../src/api/client'
import {
  afterRefusal,
  isAnswerTo,
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

  it('names no tenant that an admin has stepped into', () => {
    expect(welcome({ ...adminSession, tenantId: '3', tenantName: 'user tenant 3' })).toBe(
      'Welcome, t6 admin of admin tenant',
    )
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

describe('isAnswerTo', () => {
  it.each<[string, Session, Context | null, boolean]>([
    ['the own', userSession, { userId: '6', tenantId: '3' }, true],
    ["another tenant's", userSession, { userId: '6', tenantId: '2' }, false],
    ["another user's", userSession, { userId: '5', tenantId: '3' }, false],
    ['one about all tenants', userSession, { userId: '6', tenantId: null }, false],
    ['one that does not say', userSession, null, false],
    ["an admin's", adminSession, { userId: '11', tenantId: null }, true],
    ['one of a single tenant to an admin of all', adminSession, { userId: '11', tenantId: '3' }, false],
    ['one to nobody who chose', undecidedSession, { userId: '3', tenantId: null }, false],
  ])('%s', (_, session, context, expected) => {
    expect(isAnswerTo(session, context)).toBe(expected)
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
