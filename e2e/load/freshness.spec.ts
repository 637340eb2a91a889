import { expect, test } from '@playwright/test'
import { randomUUID } from 'node:crypto'
import { ask, manyLogin, manySql, manyUser, patientsOf, type ManyUser } from '../support/many'

/**
 * What ends an access ends it for every request that begins after the change is committed, whatever else the gateway and
 * its connections are doing. The people concerned are made for this test; the others must not notice anything.
 */
const changes: { what: string; statement: string }[] = [
  { what: 'a removed membership', statement: `delete from app.user_tenants where user_id = :user` },
  { what: 'a disabled account', statement: `update app.users set disabled = true where id = :user` },
  { what: 'an ended session', statement: `select tenancy.revoke_all(user_id => :'user')` },
  { what: 'a changed password', statement: `update app.credentials set password_hash = tenancy.hash_password('another') where user_id = :user` },
  { what: 'a suspended tenant', statement: `select tenancy.suspend(:'tenant', 'for a test')` },
]

const enough = 25

interface Victim {
  user: ManyUser
  tenant: number
  token: string
  /** Set once the change is committed. */
  over: boolean
  before: number
  /** The states of the requests that began afterwards. */
  after: number[]
}

async function makeVictim(): Promise<Victim> {
  const userName = `victim ${randomUUID()}`
  const [id, tenant] = (
    await manySql(
      `with u as (insert into app.users (user_name) values (:'name') returning id),
            t as (insert into app.tenants (display_name) values (:'name') returning id),
            c as (insert into app.credentials select id, tenancy.hash_password('victim') from u),
            m as (insert into app.user_tenants (tenant_id, user_id) select t.id, u.id from t, u),
            p as (insert into app.patients (tenant_id, first_name, last_name, dob) select id, 'A', 'Victim', '2000-01-01' from t)
       select u.id, t.id from u, t`,
      { name: userName },
    )
  ).split('|').map(Number) as [number, number]
  const user = { id, userName, password: 'victim', isAdmin: false, tenantIds: [tenant] }
  return { user, tenant, token: await manyLogin(user), over: false, before: 0, after: [] }
}

async function removeVictim({ user, tenant }: Victim): Promise<void> {
  await manySql(
    `select tenancy.resume(:'tenant');
     delete from app.patients where tenant_id = :tenant;
     delete from app.tenants where id = :tenant;
     delete from app.users where id = :user`,
    { tenant, user: user.id },
  )
}

test('under load, what ends an access ends it for every request that begins after the commit', async () => {
  test.setTimeout(120_000)
  const victims: Victim[] = []
  for (const _change of changes) victims.push(await makeVictim())
  const bystanders = [manyUser('joe'), manyUser('bruce')]
  let finished = false
  let undisturbed = 0

  async function bystander(user: ManyUser, token: string): Promise<void> {
    while (!finished) {
      const answer = await ask('GET', '/api/patients', { token })
      expect(answer.status, answer.text).toBe(200)
      expect(JSON.parse(answer.text)).toEqual(patientsOf(user.tenantIds[0]!))
      undisturbed++
    }
  }

  async function requests(victim: Victim): Promise<void> {
    while (victim.after.length < enough && !finished) {
      const beganAfter = victim.over
      const answer = await ask('GET', '/api/patients', { token: victim.token })
      if (beganAfter) {
        victim.after.push(answer.status)
        continue
      }
      if (answer.status === 200) {
        expect(JSON.parse(answer.text)).toMatchObject([{ tenantId: victim.tenant, lastName: 'Victim' }])
        victim.before++
      } else {
        // In flight at the commit: either answer is right, before it only one.
        await expect.poll(() => victim.over, { message: answer.text }).toBe(true)
      }
    }
  }

  try {
    const load = Promise.all([
      ...(await Promise.all(bystanders.flatMap((user) => [user, user, user].map(async (one) => [one, await manyLogin(one)] as const)))).map(
        ([user, token]) => bystander(user, token),
      ),
      ...victims.flatMap((victim) => [requests(victim), requests(victim)]),
    ])
    const change = (async () => {
      for (const [index, { what, statement }] of changes.entries()) {
        const victim = victims[index]!
        await expect.poll(() => victim.before, { message: `${what}: rows before it` }).toBeGreaterThan(enough)
        await manySql(statement, { user: victim.user.id, tenant: victim.tenant })
        victim.over = true
      }
      for (const [index, { what }] of changes.entries())
        await expect.poll(() => victims[index]!.after.length, { message: `${what}: requests after it` }).toBeGreaterThanOrEqual(enough)
      finished = true
    })()
    await Promise.all([load, change])
  } finally {
    finished = true
    for (const victim of victims) await removeVictim(victim)
  }

  const seen = Object.fromEntries(changes.map(({ what }, index) => [what, [...new Set(victims[index]!.after)]]))
  expect(seen).toEqual({
    'a removed membership': [401],
    'a disabled account': [401],
    'an ended session': [401],
    'a changed password': [401],
    'a suspended tenant': [403],
  })
  expect(undisturbed).toBeGreaterThan(enough)
})
