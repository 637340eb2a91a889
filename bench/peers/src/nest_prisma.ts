// NestJS and Prisma with the client extension of Prisma's own example for row level security: a client for each request,
// whose operations run in a transaction that begins with set_config.

import 'reflect-metadata'
import { Controller, Get, Inject, Injectable, Module, type OnModuleDestroy, Scope } from '@nestjs/common'
import { NestFactory, REQUEST } from '@nestjs/core'
import { PrismaPg } from '@prisma/adapter-pg'
import type { IncomingMessage } from 'node:http'
import { Prisma, PrismaClient } from './prisma/client.js'
import { databaseUrl, type Patient, poolSize, port, tenantHeader } from './settings.js'

function forTenant(tenant: string) {
  return Prisma.defineExtension((prisma) =>
    prisma.$extends({
      query: {
        $allModels: {
          async $allOperations({ args, query }) {
            const [, result] = await prisma.$transaction([
              prisma.$executeRaw`select set_config('app.tenant_id', ${tenant}, true)`,
              query(args),
            ])
            return result
          },
        },
      },
    }),
  )
}

@Injectable()
class PrismaService extends PrismaClient implements OnModuleDestroy {
  constructor() {
    super({ adapter: new PrismaPg({ connectionString: databaseUrl, max: poolSize }) })
  }

  async onModuleDestroy() {
    await this.$disconnect()
  }
}

@Injectable({ scope: Scope.REQUEST })
class PatientsService {
  constructor(
    @Inject(PrismaService) private readonly prisma: PrismaService,
    @Inject(REQUEST) private readonly request: IncomingMessage,
  ) {}

  async list(): Promise<Patient[]> {
    const client = this.prisma.$extends(forTenant(String(this.request.headers[tenantHeader])))
    const patients = await client.patient.findMany({ orderBy: { id: 'asc' } })
    return patients.map((patient) => ({
      ...patient,
      id: Number(patient.id),
      tenantId: Number(patient.tenantId),
      dob: patient.dob.toISOString().slice(0, 10),
    }))
  }
}

@Controller('api/patients')
class PatientsController {
  constructor(@Inject(PatientsService) private readonly patients: PatientsService) {}

  @Get()
  list(): Promise<Patient[]> {
    return this.patients.list()
  }
}

@Module({ controllers: [PatientsController], providers: [PrismaService, PatientsService] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false })
await app.listen(port, '127.0.0.1')
