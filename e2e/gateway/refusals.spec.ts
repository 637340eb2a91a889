import { expect, test } from '@playwright/test'
import { readFileSync } from 'node:fs'
import { gatewayLogin, OwnGateway } from '../support/gateway'
import { sql } from '../support/http'

/** Logins with which the gateway must not serve: `check` says what is wrong with them, and a start ends with the same reason. */
test.use({ trace: 'off' })
test.describe.configure({ mode: 'serial' })

const password = 'of a throw-away cluster'
const roles = ['refused_bypass', 'refused_creator', 'refused_owner', 'refused_member', 'refused_reader', 'refused_stranger']

function login(role: string, secret = password): Record<string, string> {
  const url = new URL(gatewayLogin().url)
  url.username = role
  return { TENANCY_GATEWAY_URL: url.href, PGPASSWORD: secret }
}

function superuserPassword(): string {
  const lines = readFileSync(process.env.PGPASSFILE!, 'utf8').split('\n')
  return lines.map((line) => line.split(':')).find((fields) => fields[3] === 'postgres')![4]!
}

async function checked(env: Record<string, string>, ...options: string[]): Promise<{ code: number; said: string }> {
  const gateway = new OwnGateway(['check', ...options], env)
  return { code: await gateway.ended(), said: gateway.said.join('\n') }
}

function dropAll(): void {
  sql(`drop schema if exists refused_schema cascade; drop schema if exists refused_owned cascade;
       ${roles.map((role) => `do $$ begin if to_regrole('${role}') is not null then drop owned by ${role}; drop role ${role}; end if; end $$;`).join('\n')}`)
}

test.beforeAll(() => {
  dropAll()
  sql(`create role refused_bypass login bypassrls; create role refused_creator login createrole; create role refused_owner login;
       create role refused_member login; create role refused_reader login; create role refused_stranger login;
       grant tenancy_gateway to refused_bypass, refused_creator, refused_owner, refused_member, refused_reader;
       grant refused_bypass to refused_member;
       create schema refused_owned authorization refused_owner;
       create schema refused_schema;
       create table refused_schema.open (id int); grant select on refused_schema.open to tenancy_user, refused_reader;
       create table refused_schema.guarded (id int); alter table refused_schema.guarded enable row level security;
       grant select on refused_schema.guarded to tenancy_user;
       create view refused_schema.look as select * from refused_schema.guarded; grant select on refused_schema.look to tenancy_user;
       create view refused_schema.as_asked with (security_invoker) as select * from refused_schema.guarded;
       grant select on refused_schema.as_asked to tenancy_user;
       create materialized view refused_schema.copy as select * from refused_schema.guarded;
       grant select on refused_schema.copy to tenancy_admin;`)
  for (const role of roles) {
    sql(`alter role ${role} password :'password'; select format('grant connect on database %I to ${role}', current_database()) \\gexec`, { password })
  }
})

test.afterAll(dropAll)

test('the login of the demo is good', async () => {
  const { code, said } = await checked({})
  expect(said).not.toContain('BAD')
  expect(said).toMatch(/^good {2}the database answers: PostgreSQL 15\.\d+$/m)
  expect(said).toMatch(/^good {2}the extension tenancy is there, version \d/m)
  expect(said).toMatch(/^good {2}the gateway's role has no rights of its own$/m)
  expect(said).toMatch(/^good {2}api\.patients is served$/m)
  expect(code).toBe(0)
})

for (const [role, reason, schema] of [
  ['postgres', 'is or can become the superuser postgres', 'api'],
  ['refused_bypass', 'is or can become refused_bypass, which has BYPASSRLS', 'api'],
  ['refused_member', 'is or can become refused_bypass, which has BYPASSRLS', 'api'],
  ['refused_creator', 'is or can become refused_creator, which has CREATEROLE', 'api'],
  ['refused_owner', 'is or can become refused_owner, the owner of schema refused_owned', 'refused_owned'],
  ['refused_reader', 'has a right to refused_schema.open as refused_reader', 'refused_schema'],
  ['refused_stranger', 'is not a member of tenancy_gateway', 'api'],
] as const) {
  test(`${role} is refused: it ${reason}`, async () => {
    const env = login(role, role === 'postgres' ? superuserPassword() : password)
    const { code, said } = await checked(env, `--schema=${schema}`)
    expect(said).toContain(`BAD   the gateway's role ${reason}`)
    expect(code).toBe(3)
    const start = new OwnGateway(['--listen=127.0.0.1:0', `--schema=${schema}`], env)
    expect(await start.ended(), 'and it does not serve').toBe(3)
    expect(start.log.find((line) => line.level === 'error')!.message).toContain(reason)
    expect(start.log.some((line) => line.message === 'listening')).toBe(false)
  })
}

test('relations that no policy guards are named', async () => {
  const { code, said } = await checked({}, '--schema=refused_schema')
  expect(said).toContain('BAD   refused_schema.open has no row security')
  expect(said).toContain('BAD   refused_schema.copy is a materialized view')
  expect(said).toContain('BAD   refused_schema.look reads with the rights of postgres')
  expect(said).toContain('good  refused_schema.guarded is served')
  expect(said).toContain('good  refused_schema.as_asked is served')
  expect(code).toBe(3)
})

test('an empty schema and a database that is away are named', async () => {
  const empty = await checked({}, '--schema=no_such_schema')
  expect(empty.said).toContain('BAD   schema no_such_schema has no relation')
  expect(empty.code).toBe(3)
  const away = await checked({ TENANCY_GATEWAY_URL: 'postgresql://x@127.0.0.1:1/x', PGPASSWORD: 'hunter2' })
  expect(away.said).toContain('BAD   the database does not answer')
  expect(away.said).not.toContain('hunter2')
  expect(away.code).toBe(5)
})
