// Node with `pg`: sign in once, then each transaction begins with the token.

// docs/clients.md: begin
import pg from 'pg'

export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })

export async function signIn(name, password, address) {
  const { rows } = await pool.query('select token, tenant_id, tenants from tenancy.login($1, $2, $3)', [name, password, { address }])
  return rows[0]
}

export async function transaction(token, work) {
  const client = await pool.connect()
  let broken
  try {
    await client.query('begin')
    await client.query('select tenancy.attach($1)', [token])
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((lost) => { broken = lost })
    throw error
  } finally {
    client.release(broken) // a connection that could not roll back is closed, not handed on
  }
}

export const patients = (token) =>
  transaction(token, async (client) => (await client.query('select id, first_name from app.patients order by id')).rows)

export const statusOf = (error) => ({ '28P01': 401, '28000': 401, 53400: 429, 42501: 403 })[error.code] ?? 500
// docs/clients.md: end
