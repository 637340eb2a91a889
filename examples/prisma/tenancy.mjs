// Node with Prisma: sign in once, then each transaction begins with the token.

// docs/clients.md: begin
import { PrismaPg } from '@prisma/adapter-pg'
import { Prisma, PrismaClient } from '@prisma/client'

const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL }, { schema: 'app' })

export const prisma = new PrismaClient({ adapter }).$extends({
  client: {
    async signIn(name, password, address) {
      const [user] = await Prisma.getExtensionContext(this)
        .$queryRaw`select token, tenant_id, tenants from tenancy.login(${name}, ${password}, ${{ address }}::jsonb)`
      return user
    },
    tenant(token, work, options) {
      return Prisma.getExtensionContext(this).$transaction(async (tx) => {
        await tx.$executeRaw`select tenancy.attach(${token})`
        return work(tx) // with tx, never with prisma: that would be another connection
      }, options)
    },
  },
})

export const patients = (token) =>
  prisma.tenant(token, (tx) => tx.patient.findMany({ select: { id: true, firstName: true }, orderBy: { id: 'asc' } }))

export const sqlstateOf = (error) => error.meta?.driverAdapterError?.cause?.originalCode

export const statusOf = (error) => ({ '28P01': 401, '28000': 401, 53400: 429, 42501: 403 })[sqlstateOf(error)] ?? 500
// docs/clients.md: end
