import type { Session } from '../src/api/client'

const expiresAt = new Date(Date.now() + 12 * 3600 * 1000).toISOString()

export const userSession: Session = {
  userId: '6',
  userName: 't3 user2',
  isAdmin: false,
  tenantId: '3',
  tenantName: 'user tenant 3',
  tenants: [{ id: '3', name: 'user tenant 3' }],
  expiresAt,
}

export const adminSession: Session = {
  userId: '11',
  userName: 't6 admin',
  isAdmin: true,
  tenantId: null,
  tenantName: null,
  tenants: [{ id: '6', name: 'admin tenant' }],
  expiresAt,
}

export const undecidedSession: Session = {
  userId: '3',
  userName: 'jeremy',
  isAdmin: false,
  tenantId: null,
  tenantName: null,
  tenants: [
    { id: '1', name: 'tenant 1' },
    { id: '2', name: 'tenant 2' },
  ],
  expiresAt,
}
