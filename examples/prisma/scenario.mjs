// What the test runs: the example as somebody would use it, and what it must not do. One line for each fact.
import { patients, prisma, sqlstateOf, statusOf } from './tenancy.mjs'

const connections = new Set()
const ids = (rows) => rows.map((row) => row.id).join(' ')
const refusal = (promise) => promise.then(() => 'nothing', (error) => `${sqlstateOf(error)} ${statusOf(error)}`)
async function left() {
  const [row] =
    await prisma.$queryRaw`select current_setting('tenancy.tenant_id') || '|' || current_user as left, pg_backend_pid() as pid`
  connections.add(row.pid)
  return row.left
}

const { token, tenant_id } = await prisma.signIn('t3 user2', 'user', '192.0.2.1')
const other = await prisma.signIn('t1 user1', 'user', '192.0.2.1')
console.log('tenant:', tenant_id)
console.log('own rows:', ids(await patients(token)))
console.log('after a commit:', await left())
console.log("another tenant's rows:", ids(await patients(other.token)))
// In a transaction, because a single query that fails closes its connection.
console.log('without attach:', await refusal(prisma.$transaction((tx) => tx.patient.findMany())))

await prisma.tenant(token, async (tx) => {
  const patient = await tx.patient.create({ data: { firstName: 'New', lastName: 'Doe', dob: new Date('2000-01-01') } })
  console.log('a new row has tenant:', String(patient.tenantId))
  throw new Error('a mistake of the application')
}).catch(() => {})
console.log('after a rollback:', await left())
console.log('rows after a rollback:', ids(await patients(token)))

console.log("a row of another tenant's:", await refusal(prisma.tenant(token, (tx) => tx.patient.updateMany({ data: { tenantId: 1 } }))))
console.log('after an error:', await left())

await prisma.$executeRaw`select tenancy.logout(${token})`
console.log('signed out:', await refusal(patients(token)))
console.log('after a refused attach:', await left())
console.log('connections:', connections.size)
console.log('wrong password:', await refusal(prisma.signIn('t3 user2', 'wrong', '192.0.2.1')))
console.log('too many attempts:', await refusal(prisma.signIn('t5 user2', 'user', '192.0.2.1')))
await prisma.$disconnect()
