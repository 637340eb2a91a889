import { expect, test } from '@playwright/test'
import { execFile } from 'node:child_process'
import { isDeepStrictEqual, promisify } from 'node:util'
import { users, type Patient, type User } from '../support/demo'
import { Disk } from '../support/disk'
import { gatewayLogin, OwnGateway } from '../support/gateway'
import { call, expectError, sql, tokenOf, type Answer } from '../support/http'
import { listens, PgBouncer } from '../support/pgbouncer'
import { Valve } from '../support/valve'

/**
 * Thousands of requests of many tenants through two gateways, one straight to Postgres and one through pgbouncer, while
 * everything behind them breaks in turn. Every request must end with the right answer or a clean 5xx, and whatever was
 * reported as done must have been done.
 */
test.use({ trace: 'off' })

const execute = promisify(execFile)
const port = Number(new URL(gatewayLogin().url).port)
const clients = 16
/** They insert rows, and nobody else may ever see one; the others' rows stay as they are. */
const scribes = users.filter(({ userName }) => userName.startsWith('t5 '))
const people = users.filter((user) => !user.tenant.isAdmin && !scribes.includes(user))

interface Session {
  user: User
  token: string
}

/** A change that a gateway may report as done; `done` is run at the end, and shows that it was. */
interface Write {
  name: string
  attempt(url: string, number: number): Promise<Answer>
  succeeded: number
  done(answer: Answer, number: number): Promise<void>
}

const count = { right: 0, refused: 0, writes: 0, unfinished: 0 }
const ledger: { write: Write; answer: Answer; number: number }[] = []
let sessions: Session[]
let writing: Session[]
let leaving: Session[]
let gateways: OwnGateway[]
let valve: Valve
let bouncer: PgBouncer
let disk: Disk | undefined
let after = 0 // answers that were right since the last fault was over

function urlOf(number: number): string {
  return gateways[number % gateways.length]!.url
}

function expectClean(answer: Answer, label: string): void {
  expect(answer.status, `${label}: ${answer.text}`).toBeGreaterThanOrEqual(500)
  expectError(answer, answer.status, label)
  expect(answer.headers['set-cookie'], label).toBeUndefined()
  if (answer.status === 503) expect(answer.headers['retry-after'], label).toMatch(/^[1-9]\d*$/)
}

async function read(number: number): Promise<void> {
  const { user, token } = sessions[number % sessions.length]!
  const own = user.patients[number % user.patients.length]!
  const foreign = people[(number * 3 + 2) % people.length]!.patients.find(({ tenantId }) => tenantId !== user.tenant.id)
  const url = urlOf(number >> 1)
  const label = `read ${number} of ${user.userName}`
  const [path, status, expected] = foreign && number % 3 === 0
    ? [`/api/patients/${foreign.id}`, 404, undefined]
    : number % 3 === 1
      ? [`/api/patients/${own.id}`, 200, own]
      : ['/api/patients', 200, user.patients]
  const answer = await call('GET', path, { token, url })
  if (answer.status !== status) {
    expectClean(answer, label)
    count.refused++
    return
  }
  // Thousands of expectations would take longer than the storm.
  if (expected && !isDeepStrictEqual(JSON.parse(answer.text), expected)) expect(JSON.parse(answer.text), label).toEqual(expected)
  count.right++
  after++
}

const bulk = 3

/** Rows that only this attempt makes. */
const marked = (mark: string, rows: number) => Array.from({ length: rows }, (_, n) => ({ firstName: `row ${n}`, lastName: mark, dob: '1990-01-02' }))

/** Inserts through the data API. What was reported is there as it was reported; what was not is there as a whole or not at all. */
function inserting(name: string, rows: number): Write {
  const scribe = (number: number) => writing[(number >> 1) % writing.length]!
  const markOf = (number: number) => `storm ${name} ${number}`
  return {
    name,
    succeeded: 201,
    attempt(url, number) {
      const body = rows === 1 ? marked(markOf(number), 1)[0]! : marked(markOf(number), rows)
      return call('POST', '/api/patients', { url, token: scribe(number).token, headers: { prefer: 'return=representation' }, body })
    },
    async done(answer, number) {
      const reported = JSON.parse(answer.text) as Patient[]
      const { user, token } = scribe(number)
      expect(reported.map(({ id: _id, ...row }) => row)).toEqual(marked(markOf(number), rows).map((row) => ({ tenantId: user.tenant.id, ...row })))
      const there = await call('GET', `/api/patients?lastName=eq.${encodeURIComponent(markOf(number))}&order=id`, { token, url: urlOf(number) })
      expect(JSON.parse(there.text)).toEqual(reported)
    },
  }
}

const writes: Write[] = [
  inserting('row', 1),
  inserting('rows', bulk),
  {
    name: 'sign-in',
    succeeded: 200,
    attempt(url, number) {
      const { userName, password } = people[number % people.length]!
      return call('POST', '/api/auth/login', { url, body: { userName, password } })
    },
    async done(signedIn, number) {
      const answer = await call('GET', '/api/patients', { token: tokenOf(signedIn), url: urlOf(number) })
      expect(JSON.parse(answer.text)).toEqual(people[number % people.length]!.patients)
    },
  },
  {
    name: 'sign-out',
    succeeded: 204,
    attempt: (url, number) => call('POST', '/api/auth/logout', { token: leaving[number % leaving.length]!.token, url }),
    async done(_, number) {
      expectError(await call('GET', '/api/patients', { token: leaving[number % leaving.length]!.token, url: urlOf(number) }), 401)
    },
  },
]

async function write(number: number): Promise<void> {
  const kind = writes[number % writes.length]!
  const round = Math.floor(number / writes.length)
  const answer = await kind.attempt(urlOf(round), round)
  if (answer.status === kind.succeeded) {
    ledger.push({ write: kind, answer, number: round })
    count.writes++
  } else {
    expectClean(answer, kind.name)
    count.unfinished++
  }
}

/** Waits until what is behind the gateways serves again, and has served all clients for a while. */
async function healed(): Promise<void> {
  after = 0
  await expect(() => expect(after).toBeGreaterThan(20 * clients)).toPass({ intervals: [50] })
}

async function untilServerAnswers(): Promise<void> {
  await expect(() => sql('select 1')).toPass({ intervals: [50] })
}

/** The server's own shell may signal its processes; what it says is lost with it. */
function signalFromServer(signal: string, pid: string): void {
  expect(() => sql(`copy (select 1) to program 'cat >/dev/null; kill -${signal} ${pid}; sleep 60'`)).toThrow()
}

const faults: Record<string, () => Promise<void>> = {
  async 'kill -9 of a backend'() {
    const pid = sql(`select pid from pg_stat_activity where usename = 'demo_gateway' limit 1`)
    signalFromServer('KILL', pid)
    await untilServerAnswers()
  },
  async 'an immediate stop of Postgres'() {
    const folder = sql('show data_directory')
    signalFromServer('QUIT', `$(head -1 ${folder}/postmaster.pid)`)
    await expect(async () => expect(await listens(port)).toBe(false)).toPass({ intervals: [50] })
    await expect(() => execute('/bin/sh', ['-c', process.env.TENANCY_TEST_PG_START!])).toPass({ intervals: [100] })
  },
  async 'pgbouncer killed'() {
    await bouncer.kill()
    const before = count.refused
    await expect(() => expect(count.refused).toBeGreaterThan(before + 20)).toPass({ intervals: [20] })
    await bouncer.begin()
  },
  async 'a network that stalls'() {
    valve.shut()
    const before = count.refused
    await expect(() => expect(count.refused).toBeGreaterThan(before + 10)).toPass({ intervals: [20] })
    valve.open()
  },
  async 'no room for temporary files'() {
    const token = sessions[0]!.token
    disk?.fill()
    for (const { url } of gateways) {
      const label = `${url} with ${disk ? 'a full disk' : 'a limit'}`
      const answer = await call('GET', '/api/spilling', { token, url })
      expect(expectError(answer, 503, label).code, label).toBe(disk ? '53100' : '53400')
      expect(answer.headers['retry-after'], label).toMatch(/^[1-9]\d*$/)
    }
    await healed() // what needs no temporary file goes on
    if (!disk) return
    disk.free()
    for (const { url } of gateways) {
      // It has a second, which it may exceed beside all others.
      await expect(async () => {
        const answer = await call('GET', '/api/spilling', { token, url })
        expect([answer.status, answer.text], url).toEqual([200, '[{"id":49999}]'])
      }).toPass()
    }
    expect(disk.files(), 'temporary files that were left behind').toEqual([])
  },
}

test.beforeAll(async () => {
  expect(process.env.TENANCY_TEST_PG_START, 'this test stops the throw-away cluster of ./setup.sh test').toBeDefined()
  // Where this machine lets nobody mount, Postgres's own limit takes the place of a full disk.
  disk = Disk.mount('small_disk', 16, 'tenancy_user')
  // In this cluster a commit does not wait for the log; here it must, for a crash may take nothing that was reported.
  sql(`alter role demo_gateway set synchronous_commit = on;
       alter role demo_gateway set ${disk ? `temp_tablespaces = ${disk.tablespace}` : `temp_file_limit = '64kB'`};
       alter role demo_gateway set work_mem = '64kB';
       create view api.spilling as select count(*) as id
         from (select n from generate_series(1, 50000) n order by md5(n::text) offset 1) s;
       grant select on api.spilling to tenancy_user;
       checkpoint`)
  valve = await Valve.before(port)
  bouncer = await PgBouncer.start(4)
  const direct = new URL(gatewayLogin().url)
  direct.port = String(valve.port)
  const options = ['--statement-timeout=1000']
  gateways = await Promise.all([
    OwnGateway.start(options, { TENANCY_GATEWAY_URL: direct.href }),
    OwnGateway.start([...options, '--pooler=transaction'], { TENANCY_GATEWAY_URL: bouncer.url }),
  ])
  const signedIn = async (user: User) => {
    const { userName, password } = user
    return { user, token: tokenOf(await call('POST', '/api/auth/login', { url: urlOf(0), body: { userName, password } })) }
  }
  writing = await Promise.all(scribes.map(signedIn))
  sessions = await Promise.all(people.map(signedIn))
  leaving = await Promise.all([...people, ...people].map(signedIn))
})

test.afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()))
  await bouncer.end()
  valve.end()
  try {
    sql(`alter role demo_gateway reset all; drop view api.spilling; delete from app.patients where last_name like 'storm %'`)
  } finally {
    disk?.end()
  }
})

test('in a storm of faults every request ends with the right answer or a clean 5xx, and what was reported was done', async () => {
  let over = false
  let asked = 0
  let changed = 0
  async function client(number: number): Promise<void> {
    while (!over || asked < 4000) {
      const next = asked++
      await (number < 2 ? write(changed++) : read(next))
    }
  }
  async function storm(): Promise<void> {
    try {
      await healed()
      for (const [name, fault] of Object.entries(faults)) {
        await test.step(name, fault)
        await healed()
      }
    } finally {
      over = true
    }
  }
  await Promise.all([storm(), ...Array.from({ length: clients }, (_, number) => client(number))])
  for (const { write: kind, answer, number } of ledger) await test.step(kind.name, () => kind.done(answer, number))
  const parts = sql(`select count(*) from (select from app.patients where last_name like 'storm %' group by last_name
                       having count(*) <> case when last_name like 'storm rows %' then ${bulk} else 1 end) p`)
  expect(parts, 'inserts that were done in part, or twice').toBe('0')
  test.info().annotations.push({ type: 'answers', description: JSON.stringify(count) })
  expect(count.right).toBeGreaterThan(2000)
  expect(count.refused, 'requests met the faults').toBeGreaterThan(0)
  expect(new Set(ledger.map(({ write: kind }) => kind.name)).size, 'every kind of write was done').toBe(writes.length)
})
