// PostGraphile with pgSettings: it opens a transaction, sets the tenant, and makes one statement of the GraphQL question.

import { createServer } from 'node:http'
import { grafserv } from 'postgraphile/grafserv/node'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { databaseUrl, poolSize, port, tenantHeader } from './settings.js'

const server = createServer()
const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: databaseUrl, poolConfig: { max: poolSize }, schemas: ['public'] })],
  grafast: {
    context: ({ node }) => ({ pgSettings: { 'app.tenant_id': String(node?.req.headers[tenantHeader]) } }),
  },
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false },
})
await instance.createServ(grafserv).addTo(server)
server.listen(port, '127.0.0.1')
