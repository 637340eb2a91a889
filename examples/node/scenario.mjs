// What the test runs: the example as somebody would use it, and what it must not do. One line for each fact.
import { patients, pool, signIn, statusOf, transaction } from './tenancy.mjs'

const connections = new Set()
const ids = (rows) => rows.map((row) => row.id).join(' ')
const refusal = (promise) => promise.then(() => 'nothing', (error) => `${error.code} ${statusOf(error)}`)
async function left() {
  const { rows } = await pool.query(
    "select current_setting('tenancy.tenant_id') || '|' || current_user as left, pg_backend_pid() as pid",
  )
  connections.add(rows[0].pid)
  return rows[0].left
}

const { token, tenant_id } = await signIn('t3 user2', 'user', '192.0.2.1')
const other = await signIn('t1 user1', 'user', '192.0.2.1')
console.log('tenant:', tenant_id)
console.log('own rows:', ids(await patients(token)))
console.log('after a commit:', await left())
console.log("another tenant's rows:", ids(await patients(other.token)))
const client = await pool.connect() // pool.query() would close its connection after an error
console.log('without attach:', await refusal(client.query('select id from app.patients')))
client.release()

const insert = "insert into app.patients (first_name, last_name, dob) values ('New', 'Doe', '2000-01-01') returning tenant_id"
await transaction(token, async (client) => {
  console.log('a new row has tenant:', (await client.query(insert)).rows[0].tenant_id)
  throw new Error('a mistake of the application')
}).catch(() => {})
console.log('after a rollback:', await left())
console.log('rows after a rollback:', ids(await patients(token)))

console.log("a row of another tenant's:", await refusal(transaction(token, (client) => client.query('update app.patients set tenant_id = 1'))))
console.log('after an error:', await left())

await pool.query('select tenancy.logout($1)', [token])
console.log('signed out:', await refusal(patients(token)))
console.log('after a refused attach:', await left())
console.log('connections:', connections.size)
console.log('wrong password:', await refusal(signIn('t3 user2', 'wrong', '192.0.2.1')))
console.log('too many attempts:', await refusal(signIn('t5 user2', 'user', '192.0.2.1')))
await pool.end()
