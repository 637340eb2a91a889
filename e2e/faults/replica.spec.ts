import { expect, test } from '@playwright/test'
import { userNamed, type User } from '../support/demo'
import { OwnGateway } from '../support/gateway'
import { call, expectError, login, renewed, sql } from '../support/http'
import { Replica } from '../support/replica'

/** Whether the replica answers is told by what it does not know yet: its replay is held while the primary goes on. */
test.use({ trace: 'off' })
test.describe.configure({ mode: 'serial' })

const user = userNamed('t1 user1')
let replica: Replica
let gateway: OwnGateway

test.beforeAll(async () => {
  replica = await Replica.start()
  gateway = await OwnGateway.start([], { TENANCY_REPLICA_URL: replica.url })
})

test.afterAll(async () => {
  await gateway.stop()
  await replica.end()
})

test.afterEach(() => {
  sql(`delete from app.patients where last_name = 'Replicated'`)
})

function addPatient(name: string): void {
  sql(`insert into app.patients (tenant_id, first_name, last_name, dob) values (1, :'name', 'Replicated', '2000-01-01')`, { name })
}

async function added(token: string): Promise<string[]> {
  const answer = await call('GET', '/api/patients', { token, url: gateway.url })
  expect(answer.status, answer.text).toBe(200)
  const rows = JSON.parse(answer.text) as { firstName: string; lastName: string }[]
  return rows.filter(({ lastName }) => lastName === 'Replicated').map(({ firstName }) => firstName)
}

/** The same, asked for as lines. */
async function addedLines(token: string): Promise<string[]> {
  const answer = await call('GET', '/api/patients?lastName=eq.Replicated', { token, url: gateway.url, headers: { accept: 'application/x-ndjson' } })
  expect(answer.status, answer.text).toBe(200)
  return answer.text.split('\n').filter(Boolean).map((line) => (JSON.parse(line) as { firstName: string }).firstName)
}

/** A session that the primary has answered, and a replica that has replayed as far. */
async function known(who: User): Promise<string> {
  const token = await login(who)
  await added(token)
  await replica.caughtUp()
  return token
}

async function choose(token: string): Promise<string> {
  const answer = await call('POST', '/api/auth/tenant', { token, url: gateway.url, body: { tenantId: '1' } })
  expect(answer.status, answer.text).toBe(200)
  return renewed(answer, token)
}

test('the replica answers who needs nothing newer; whoever writes sees at least that from then on', async () => {
  const [reader, writer] = [await known(user), await known(user)]
  const admin = await known(userNamed('t6 admin'))
  await replica.hold()
  addPatient('first')
  expect(await added(reader), 'from the replica').toEqual([])
  expect(await added(admin), 'an admin too').toEqual([])
  expect(await addedLines(reader), 'lines too').toEqual([])
  const session = await call('GET', '/api/auth/session', { token: reader, url: gateway.url })
  expect(JSON.parse(session.text)).toMatchObject({ userName: user.userName })
  const after = await choose(writer)
  expect(await addedLines(after), 'its own write is behind it').toEqual(['first'])
  expect(await added(after), 'and what it has seen').toEqual(['first'])
  expect(await added(reader), 'others go on').toEqual([])
  expect(await added(await login(user)), 'a new session begins at the primary').toEqual(['first'])
  replica.sql('select pg_wal_replay_resume()')
  await replica.caughtUp()
  expect(await added(reader)).toEqual(['first'])
  await replica.hold()
  addPatient('second')
  expect(await added(after), 'the replica has its write now').toEqual(['first'])
  replica.sql('select pg_wal_replay_resume()')
})

test('whoever has signed out is out, also where the replica does not know yet', async () => {
  const token = await known(user)
  await replica.hold()
  expect((await call('POST', '/api/auth/logout', { token, url: gateway.url })).status).toBe(204)
  for (let round = 0; round < 5; round++) {
    expectError(await call('GET', '/api/patients', { token, url: gateway.url }), 401)
  }
  replica.sql('select pg_wal_replay_resume()')
})

test('what a session may not see it does not see there, and what is not there is asked for at the primary', async () => {
  const token = await known(user)
  const foreign = userNamed('t2 user1').patients[0]!
  expectError(await call('GET', `/api/patients/${foreign.id}`, { token, url: gateway.url }), 404)
  expectError(await call('GET', '/api/patients/x', { token, url: gateway.url }), 400)
})

test('without the replica the primary answers, every time', async () => {
  const token = await known(user)
  await replica.kill()
  addPatient('third')
  for (let round = 0; round < 20; round++) expect(await added(token)).toEqual(['third'])
  await gateway.line(({ message }) => message === 'the replica cannot be used; the primary is asked')
})
