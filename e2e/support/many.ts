import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Patient } from './demo'
import { call, tokenOf, type Answer, type Call } from './http'

export interface ManyTenant {
  id: number
  displayName: string
}

export interface ManyUser {
  id: number
  userName: string
  password: string
  isAdmin: boolean
  tenantIds: number[]
}

interface Data {
  tenants: ManyTenant[]
  users: ManyUser[]
  patients: Patient[]
}

const file = new URL('../data/many-tenants-per-user.json', import.meta.url)
export const { tenants, users, patients } = JSON.parse(readFileSync(file, 'utf8')) as Data

export function manyUrl(): string {
  const url = process.env.TENANCY_MANY_URL
  if (!url) throw new Error('TENANCY_MANY_URL is not set: it is the address of the second demo, ./setup.sh up many')
  return url
}

export function manyUser(userName: string): ManyUser {
  const user = users.find((candidate) => candidate.userName === userName)
  if (!user) throw new Error(`the second demo has no user ${userName}`)
  return user
}

export function patientsOf(tenantId: number): Patient[] {
  return patients.filter((row) => row.tenantId === tenantId)
}

/** The users that somebody in this tenant may know: its members. */
export function membersOf(tenantId: number): { id: number; userName: string; isAdmin: boolean }[] {
  return users
    .filter((user) => user.tenantIds.includes(tenantId))
    .map(({ id, userName, isAdmin }) => ({ id, userName, isAdmin }))
}

/** A request to the second demo's gateway. */
export function ask(method: string, path: string, options: Omit<Call, 'url'> = {}): Promise<Answer> {
  return call(method, path, { ...options, url: manyUrl() })
}

export async function manyLogin({ userName, password }: ManyUser): Promise<string> {
  const answer = await ask('POST', '/api/auth/login', { body: { userName, password } })
  if (answer.status !== 200) throw new Error(`${userName} cannot sign in: ${answer.text}`)
  return tokenOf(answer)
}

/** Runs SQL on the second demo as the cluster's superuser, while other requests go on; `:'name'` stands for a value. */
export async function manySql(text: string, values: Record<string, string | number> = {}): Promise<string> {
  const settings = Object.entries(values).flatMap(([name, value]) => ['-v', `${name}=${value}`])
  const running = promisify(execFile)('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', 'demo_many', ...settings, '-f', '-'])
  running.child.stdin!.end(text)
  return (await running).stdout.trim()
}
