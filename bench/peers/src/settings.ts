// What all peers have in common: the same pool, the same port, the same word for who asks.

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}

export const port = Number(required('PORT'))
export const databaseUrl = required('DATABASE_URL')
export const poolSize = Number(required('POOL_SIZE'))

// The peers believe this header. The gateway has a session looked up in the database in its place, in each transaction.
export const tenantHeader = 'x-tenant'

export interface Patient {
  id: number
  tenantId: number
  firstName: string
  lastName: string
  dob: string
}
