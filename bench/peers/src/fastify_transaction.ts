// Fastify and pg as their guides show it: BEGIN, set_config, the question, COMMIT. The question is prepared, and the
// answer's schema is known, which is Fastify's fast way to write JSON.

import fastify from 'fastify'
import pg from 'pg'
import { databaseUrl, type Patient, poolSize, port, tenantHeader } from './settings.js'

const pool = new pg.Pool({
  connectionString: databaseUrl,
  max: poolSize,
  types: {
    // A number for a bigint, and a date's own text.
    getTypeParser: (oid, format) =>
      oid === pg.types.builtins.INT8 ? Number : oid === pg.types.builtins.DATE ? String : pg.types.getTypeParser(oid, format),
  },
})

async function asTenant<Result>(tenant: unknown, ask: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query({ name: 'tenant', text: "select set_config('app.tenant_id', $1, true)", values: [tenant] })
    const result = await ask(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    client.release(true)
    throw error
  }
}

const app = fastify()
const patients = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      id: { type: 'integer' },
      tenantId: { type: 'integer' },
      firstName: { type: 'string' },
      lastName: { type: 'string' },
      dob: { type: 'string' },
    },
  },
}

app.get('/api/patients', { schema: { response: { 200: patients } } }, (request) =>
  asTenant(request.headers[tenantHeader], async (client) => {
    const { rows } = await client.query<Patient>({
      name: 'patients',
      text: `select id, tenant_id as "tenantId", first_name as "firstName", last_name as "lastName", dob
        from patients order by id`,
    })
    return rows
  }),
)

await app.listen({ host: '127.0.0.1', port })
