import { expect, test } from '@playwright/test'
import { userNamed } from '../support/demo'
import { expectError, login, call, tokenOf } from '../support/http'
import { manyLogin, manyUrl, manyUser } from '../support/many'

/** What the page asks beyond rows, in both demos: sessions, and what admins look after. Its answers name tables and functions. */
test.use({ trace: 'off' })
test.describe.configure({ mode: 'serial' })

interface Reply {
  status: number
  text: string
}

const demos = [
  {
    name: 'one',
    url: () => process.env.TENANCY_URL!,
    signIn: (admin: boolean) => login(userNamed(admin ? 't6 admin' : 't1 user1')),
    overview: { id: 2, displayName: 'user tenant 2', users: 2 },
    foreign: '6',
  },
  {
    name: 'many',
    url: manyUrl,
    signIn: (admin: boolean) => manyLogin(manyUser(admin ? 'yeezy' : 'joe')),
    overview: { id: 2, displayName: 'tenant 2', users: 3 },
    foreign: '6',
  },
]

for (const demo of demos) {
  test.describe(demo.name, () => {
    let user: string
    let admin: string

    async function ask(token: string, method: string, path: string, body?: object, prefer?: string): Promise<Reply> {
      const answer = await fetch(`${demo.url()}/api/${path}`, {
        method,
        headers: {
          cookie: `tenancy_session=${token}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...(prefer ? { prefer } : {}),
        },
        body: body ? JSON.stringify(body) : undefined,
      })
      return { status: answer.status, text: await answer.text() }
    }
    async function told<Told>(token: string, method: string, path: string, body?: object, prefer?: string): Promise<Told> {
      const answer = await ask(token, method, path, body, prefer)
      expect(answer.status, `${path} ${answer.text}`).toBe(200)
      return JSON.parse(answer.text) as Told
    }
    const rows = (token: string, path: string) => told<Record<string, unknown>[]>(token, 'GET', path)
    const rpc = <Told>(token: string, name: string, body: object = {}) => told<Told>(token, 'POST', `rpc/${name}`, body)
    /** Done and undone: other tests work with the same people. */
    const tried = <Told>(token: string, name: string, body: object = {}) => told<Told>(token, 'POST', `rpc/${name}`, body, 'tx=rollback')

    test.beforeAll(async () => {
      user = await demo.signIn(false)
      admin = await demo.signIn(true)
    })

    test('one lists and ends sessions of one\'s own', async () => {
      const other = await demo.signIn(false)
      const mine = await rows(user, 'sessions?select=id,current&order=current.desc')
      expect(mine.length).toBeGreaterThan(1)
      expect(mine.filter(({ current }) => current)).toHaveLength(1)
      const [theirs] = await rows(admin, 'sessions?current=is.true')
      expect(await rpc(user, 'end_session', { id: theirs!.id }), 'of somebody else').toBe(false)
      expect((await ask(admin, 'GET', 'sessions')).status).toBe(200)
      const [its] = await rows(other, 'sessions?current=is.true')
      expect(await rpc(user, 'end_session', { id: its!.id })).toBe(true)
      expect((await ask(other, 'GET', 'sessions')).status, 'it is over').toBe(401)
      await demo.signIn(false)
      expect(await tried<number>(user, 'end_other_sessions')).toBeGreaterThan(0)
    })

    test('an admin sees all tenants at a glance, suspends one, and reads the log', async () => {
      const [tenant] = await rows(admin, 'tenant_overview?id=eq.2')
      expect(tenant).toMatchObject({ ...demo.overview, suspended: false, suspendedAt: null, suspensionReason: null, patients: 5 })
      expect(tenant!.sessions).toEqual(expect.any(Number))
      expect(await tried(admin, 'suspend_tenant', { tenant: '2', reason: 'a test' })).toBe(true)
      expect(await tried(admin, 'resume_tenant', { tenant: '2' }), 'it was undone').toBe(false)
      expectError(await call('POST', '/api/rpc/suspend_tenant', { token: admin, url: demo.url(), body: { tenant: '2', reason: ' ' } }), 400)
      const [entry] = await rows(admin, 'audit_log?select=action,userId,login,tenantId&action=eq.admin_bypass&order=id.desc&limit=1')
      expect(entry).toMatchObject({ userId: expect.stringMatching(/^\d+$/), tenantId: null })
    })

    test('an admin reads what is protected, what is found, and runs the suite', async () => {
      const tables = await rows(admin, 'protected_tables?tableName=eq.app.patients')
      expect(tables).toMatchObject([{ kind: 'tenant', tenantColumn: 'tenant_id', access: 'write', intact: true, policies: 4 }])
      const findings = await rows(admin, 'rpc/findings?rule=eq.dynamic_sql_concatenation')
      expect(findings).toMatchObject([{ object: 'function api.tour_statement(text)', accepted: expect.any(String) as unknown }])
      const lookAt = async () => (await rows(admin, `isolation_runs?id=eq.${run}`))[0]!
      // Somebody else's run may be under way, and a table busy: then once more.
      let run = 0
      await expect(async () => {
        run = await rpc<number>(admin, 'start_isolation_run')
        await expect(async () => expect((await lookAt()).state).not.toBe('running')).toPass({ intervals: [50] })
        expect((await lookAt()).state).toBe('passed')
      }).toPass({ intervals: [200] })
      const ended = await lookAt()
      expect(ended).toMatchObject({ tables: 3, tablesDone: 3, failed: 0, error: null })
      expect(await rows(admin, `isolation_results?runId=eq.${run}&ok=is.false`)).toEqual([])
      expect((await rows(admin, `isolation_results?runId=eq.${run}&skipped=is.false`)).length).toBe(ended.passed)
    })

    test('why tells an admin whose row it is, and a tenant nothing of others', async () => {
      const why = (token: string, key: string) => rows(token, `rpc/why_row?resource=patients&key=${key}`)
      expect(await why(user, '1')).toMatchObject([{ reason: 'visible', explanation: 'You see it.' }])
      expect(await why(user, demo.foreign)).toEqual(await why(user, '999999'))
      expect(await why(admin, demo.foreign)).toMatchObject([{ reason: 'visible', explanation: 'You see it. It belongs to tenant 2.' }])
      expect(await why(admin, '999999')).toMatchObject([{ reason: 'no_such_row' }])
      expectError(await call('GET', '/api/rpc/why_row?resource=nothing&key=1', { token: user, url: demo.url() }), 400)
    })

    test('a visitor\'s own SQL stays in the tenant', async () => {
      const statement = 'select count(distinct tenant_id)::int as tenants, min(tenant_id)::int as tenant from app.patients'
      expect(await rpc(user, 'tour_statement', { statement })).toEqual({ rows: [{ tenants: 1, tenant: 1 }], rowCount: 1, truncated: false })
      expect(await rpc(user, 'tour_statement', { statement: 'select generate_series(1, 101) as n' })).toMatchObject({ rowCount: 100, truncated: true })
      expect(await rpc(user, 'tour_statement', { statement: 'update app.patients set dob = dob where tenant_id = 2' })).toMatchObject({ rowCount: 0 })
      const refused = await ask(user, 'POST', 'rpc/tour_statement', { statement: "set local tenancy.tenant_id = '2'" })
      expect([refused.status, (JSON.parse(refused.text) as { code: string }).code]).toEqual([403, '42501'])
    })

    test('what is for admins is refused to tenants, and to an admin in a tenant', async () => {
      const stepped = await call('POST', '/api/auth/tenant', { token: admin, url: demo.url(), body: { tenantId: '1' } })
      expect(stepped.status, stepped.text).toBe(200)
      admin = tokenOf(stepped)
      for (const token of [user, admin]) {
        for (const path of ['tenant_overview', 'audit_log', 'protected_tables', 'isolation_runs', 'isolation_results', 'rpc/findings']) {
          expect((await ask(token, 'GET', path)).status, path).toBe(403)
        }
        for (const [name, body] of [['suspend_tenant', { tenant: '1', reason: 'x' }], ['resume_tenant', { tenant: '1' }], ['start_isolation_run', {}]] as const) {
          expect((await ask(token, 'POST', `rpc/${name}`, body)).status, name).toBe(403)
        }
      }
    })
  })
}
