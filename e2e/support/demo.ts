import { readFileSync } from 'node:fs'

export interface Tenant {
  id: number
  displayName: string
  isAdmin: boolean
}

export interface Patient {
  id: number
  tenantId: number
  firstName: string
  lastName: string
  dob: string
}

export interface User {
  id: number
  userName: string
  password: string
  tenant: Tenant
  /** The rows this user must see: all of them, and no other. */
  patients: Patient[]
}

interface Data {
  tenants: Tenant[]
  users: { id: number; tenantId: number; userName: string; password: string }[]
  patients: Patient[]
}

const file = new URL('../data/one-tenant-per-user.json', import.meta.url)
const data = JSON.parse(readFileSync(file, 'utf8')) as Data

export const { tenants } = data

function tenantOf(id: number): Tenant {
  const tenant = data.tenants.find((candidate) => candidate.id === id)
  if (!tenant) throw new Error(`the demo data has no tenant ${id}`)
  return tenant
}

export const users: User[] = data.users.map(({ tenantId, ...user }) => {
  const tenant = tenantOf(tenantId)
  const patients = data.patients.filter((row) => tenant.isAdmin || row.tenantId === tenantId)
  return { ...user, tenant, patients }
})

export function userNamed(userName: string): User {
  const user = users.find((candidate) => candidate.userName === userName)
  if (!user) throw new Error(`the demo data has no user ${userName}`)
  return user
}

export function tenantName(id: number): string {
  return tenantOf(id).displayName
}
