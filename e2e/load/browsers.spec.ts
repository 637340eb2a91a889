import { test, type Page } from '@playwright/test'
import { tenants as oneTenants, userNamed, users as oneUsers, type Patient } from '../support/demo'
import { manyUser, membersOf, patientsOf, tenants as manyTenants } from '../support/many'
import { OwnDemo } from '../support/own-demo'
import { expect as baseExpect, fillIn, patientCells, patientsTable, shownRows } from '../support/test'
import { Watched, type Seen } from '../support/watched'

/**
 * Ten browsers of different tenants click at once for a minute, on both demos. Every answer that leaves the gateway for
 * one of them is read whole, and none may hold an id of a tenant that the browser's user is not in at that time.
 */
const minute = 60_000

// Ten browsers on two cores are slow, and that is no failure.
const expect = baseExpect.configure({ timeout: minute })

interface Tenant {
  id: number
  name: string
  patients: Patient[]
  users: number[]
}

interface Clicker {
  demo: 'one' | 'many'
  user: { id: number; userName: string; password: string }
  /** Where the user may be; one who sees all tenants at once may also be in none. */
  tenants: Tenant[]
  seesAll: boolean
}

/** The tenants whose ids may be in an answer now. While a switch is under way, those of before and after. */
type Allowed = Tenant[]

const one: Tenant[] = oneTenants.map(({ id, displayName }) => ({
  id,
  name: displayName,
  patients: userNamed('t6 admin').patients.filter((row) => row.tenantId === id),
  users: oneUsers.filter((user) => user.tenant.id === id).map((user) => user.id),
}))
const many: Tenant[] = manyTenants.map(({ id, displayName }) => ({
  id,
  name: displayName,
  patients: patientsOf(id),
  users: membersOf(id).map((user) => user.id),
}))

const clickers: Clicker[] = [
  ...['t1 user1', 't2 user2', 't3 user1', 't4 user2', 't5 user1'].map((name): Clicker => {
    const user = userNamed(name)
    return { demo: 'one', user, tenants: one.filter(({ id }) => id === user.tenant.id), seesAll: false }
  }),
  ...['joe', 'bruce', 'jeremy', 'jeremy', 'yeezy'].map((name): Clicker => {
    const user = manyUser(name)
    return { demo: 'many', user, tenants: many.filter(({ id }) => user.tenantIds.includes(id)), seesAll: user.isAdmin }
  }),
]

/** Every object of a JSON text, with the name of the list or field that it is in. */
function* objects(value: unknown, place = ''): Generator<{ place: string; object: Record<string, unknown> }> {
  if (Array.isArray(value)) {
    for (const item of value) yield* objects(item, place)
  } else if (typeof value === 'object' && value !== null) {
    yield { place, object: value as Record<string, unknown> }
    for (const [name, inner] of Object.entries(value)) yield* objects(inner, name)
  }
}

/** What an answer holds of tenants that are not allowed: nothing, as it should be. */
function foreignIn({ call, status, context, body, phase }: Seen<Allowed>, { user, tenants }: Clicker): string[] {
  const found: string[] = []
  const path = call.split(' ')[1]!.split('?')[0]!
  const inContext = context?.tenant == null ? phase : phase.filter(({ id }) => String(id) === context.tenant)
  const check = (allowed: number[], value: unknown, what: string) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (value !== null && value !== undefined && !allowed.map(String).includes(text)) {
      found.push(`${call}: ${what} ${text} is not of ${phase.map(({ name }) => name).join(', ')}`)
    }
  }
  if (status >= 500) found.push(`${call}: status ${status}`)
  if (context) check([user.id], context.user, 'rows of user')
  if (context) check(phase.map(({ id }) => id), context.tenant, 'rows of tenant')
  if (path === '/api/demo') return found
  for (const { place, object } of objects(body)) {
    check(inContext.map(({ id }) => id), object.tenantId, 'tenant')
    // A session names all tenants that its user may choose.
    if (place === 'tenants') check(tenants.map(({ id }) => id), object.id, 'choice of tenant')
    if ('firstName' in object) check(inContext.flatMap(({ patients }) => patients.map(({ id }) => id)), object.id, 'patient')
    if (path.startsWith('/api/users')) check(inContext.flatMap(({ users }) => users), object.id, 'user')
    if (path.startsWith('/api/tenants')) check(inContext.map(({ id }) => id), object.id, 'tenant')
  }
  return found
}

/** Somebody at a browser. */
class Person {
  clicks = 0
  private current: Allowed

  constructor(
    private readonly page: Page,
    private readonly watched: Watched<Allowed>,
    private readonly who: Clicker,
  ) {
    this.current = who.tenants
  }

  async enter(): Promise<void> {
    await this.page.goto('/patients')
    await fillIn(this.page, this.who.user.userName, this.who.user.password)
    if (this.who.tenants.length > 1 && !this.who.seesAll) {
      const first = this.who.tenants[this.who.user.id % this.who.tenants.length]!
      await this.page.getByRole('main').getByRole('button', { name: first.name, exact: true }).click()
      this.isIn([first])
    }
    await this.patients()
  }

  /** One round of everything; `number` varies it. */
  async round(number: number, until: number): Promise<void> {
    const all = [
      () => this.click('Users', () => this.users()),
      () => this.back(() => this.patients()),
      () => this.forward(() => this.users()),
      () => this.reload(() => this.users()),
      () => this.change(number),
      () => this.click('Patients', () => this.patients()),
      () => this.reload(() => this.patients()),
      () => this.foreignAddress(number),
      () => this.leaveAndComeBack(),
    ]
    for (const step of all) {
      // The first round is done whole, however slow the machine.
      if (number > 0 && Date.now() > until) return
      await step()
      this.clicks++
    }
  }

  private isIn(tenants: Allowed): void {
    this.current = tenants
    this.watched.phase = tenants
  }

  private async patients(): Promise<void> {
    const rows = this.current.flatMap(({ patients }) => patients)
    const byId = [...rows].sort((a, b) => a.id - b.id)
    const cells = byId.map((row) => patientCells(row))
    const ofOne = (all: string[][]) => all.map((row) => row.slice(0, 3)).sort()
    await expect.poll(async () => ofOne(await shownRows(this.page, patientsTable(this.page)))).toEqual(ofOne(cells))
  }

  private async users(): Promise<void> {
    await expect(this.page.getByRole('table', { name: 'Users' }).locator('tbody tr')).toHaveCount(
      new Set(this.current.flatMap(({ users }) => users)).size,
    )
  }

  private async click(link: string, look: () => Promise<void>): Promise<void> {
    await this.page.getByRole('link', { name: link, exact: true }).click()
    await look()
  }

  private async back(look: () => Promise<void>): Promise<void> {
    await this.page.goBack()
    await look()
  }

  private async forward(look: () => Promise<void>): Promise<void> {
    await this.page.goForward()
    await look()
  }

  private async reload(look: () => Promise<void>): Promise<void> {
    await this.page.reload()
    await look()
  }

  /** To the next tenant; who sees all goes there between two of them. */
  private async change(number: number): Promise<void> {
    const { tenants, seesAll } = this.who
    if (tenants.length === 1) return
    const ways = seesAll ? [...tenants.map((tenant) => [tenant]), tenants] : tenants.map((tenant) => [tenant])
    const now = ways.findIndex((way) => way.length === this.current.length && way[0] === this.current[0])
    const next = ways[(now + 1 + (number % (ways.length - 1))) % ways.length]!
    this.watched.phase = tenants
    await this.page.getByRole('button', { name: /^(Switch|Choose) tenant$/ }).click()
    await this.page.getByRole('menuitem', { name: next.length > 1 ? 'All tenants' : next[0]!.name, exact: true }).click()
    this.current = next
    await this.users()
    await this.click('Patients', () => this.patients())
    this.watched.phase = next
    await this.click('Users', () => this.users())
  }

  private async foreignAddress(number: number): Promise<void> {
    const all = this.who.demo === 'one' ? one : many
    const others = all.filter((tenant) => !this.current.includes(tenant)).flatMap(({ patients }) => patients)
    const own = this.current.flatMap(({ patients }) => patients)
    for (const row of [own[number % own.length]!, others[number % others.length]].filter((row) => row !== undefined)) {
      await this.page.goto(`/patients/${row.id}`)
      await expect(this.page.getByRole('heading', { level: 1 })).toBeVisible()
    }
    await this.page.goto('/patients')
    await this.patients()
  }

  private async leaveAndComeBack(): Promise<void> {
    await this.page.getByRole('button', { name: 'Logout' }).click()
    await expect(this.page.getByText('You have signed out.')).toBeVisible()
    this.isIn(this.who.tenants)
    await this.enter()
  }
}

let demos: Record<'one' | 'many', OwnDemo>

test.beforeAll(async () => {
  demos = { one: await OwnDemo.start('one'), many: await OwnDemo.start('many') }
})

test.afterAll(async () => {
  await demos.one.stop()
  await demos.many.stop()
})

test('ten browsers of different tenants click for a minute, and none gets a row of another tenant', async ({ browser }) => {
  test.setTimeout(4 * minute)
  const until = Date.now() + minute
  const foreign: string[] = []
  const answers = new Map<string, number>()

  async function person(who: Clicker): Promise<number> {
    const watched = await Watched.before<Allowed>(demos[who.demo].url, who.tenants, (answer) => {
      foreign.push(...foreignIn(answer, who).map((complaint) => `${who.user.userName}: ${complaint}`))
      const kind = answer.call.replace(/\?.*/, '').replace(/\d+$/, ':id')
      answers.set(kind, (answers.get(kind) ?? 0) + 1)
    })
    const context = await browser.newContext({ baseURL: watched.url })
    try {
      const clicking = new Person(await context.newPage(), watched, who)
      await clicking.enter()
      for (let round = 0; round === 0 || Date.now() < until; round++) await clicking.round(round, until)
      return clicking.clicks
    } finally {
      await context.close()
      await watched.end()
    }
  }

  const clicks = await Promise.all(clickers.map(person))
  expect(foreign).toEqual([])
  expect([...answers.keys()]).toEqual(
    expect.arrayContaining(['GET /api/patients', 'GET /api/users', 'GET /api/auth/session', 'POST /api/auth/login', 'POST /api/auth/tenant']),
  )
  const total = (numbers: Iterable<number>) => [...numbers].reduce((sum, count) => sum + count, 0)
  test.info().annotations.push({ type: 'load', description: `${total(clicks)} clicks, ${total(answers.values())} answers read` })
})

test('the same eyes see it when row security is off', async ({ browser }) => {
  const who = clickers[0]!
  const open = await OwnDemo.start('one')
  const foreign: string[] = []
  const watched = await Watched.before<Allowed>(open.url, who.tenants, (answer) => foreign.push(...foreignIn(answer, who)))
  const context = await browser.newContext({ baseURL: watched.url })
  try {
    await open.sql('alter table app.patients disable row level security')
    const page = await context.newPage()
    await page.goto('/patients')
    await fillIn(page, who.user.userName, who.user.password)
    await expect.poll(() => foreign.join('\n')).toMatch(/GET \/api\/patients.*: patient \d+ is not of user tenant 1/)
  } finally {
    await context.close()
    await watched.end()
    await open.stop()
  }
})
