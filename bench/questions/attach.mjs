// Question 3: what tenancy.attach() costs, by a session's token and by a signed one, with few and with very many sessions,
// with and without a question to the directory. Each operation is one transaction of one round trip, as the gateway sends it;
// what counts is the CPU of the backend above that of a statement that does nothing.

import { createHmac, generateKeyPairSync, randomBytes, sign, constants } from 'node:crypto'
import { cpuOfThread } from '../lib/cpu.mjs'
import { execution } from '../lib/postgres.mjs'
import { decimals, median, shown, spread } from '../lib/statistics.mjs'

const few = 1000
const busy = 50 // sessions that come again and again, as those of the people who are at work
const users = 10000
const bases = { few: 'bench_attach_few', asked: 'bench_attach_asked', many: 'bench_attach_many' }
const aim = 25e-6
const aimOfFreshness = 0.15

const empty = 'a statement that does nothing'
const read = 'a bare point read'
const groups = { attach: 'attach', reads: 'attach and a point read', cleaning: 'clean-up' }
const kept = 'session, 1,000 sessions, answer at hand'
const asked = 'session, 1,000 sessions, directory asked'

const manyOf = (bench) => (bench.quick ? 1e5 : 1e6)
const figure = (number) => number.toLocaleString('en-US')
const ofMany = (bench, how) => `session, ${figure(manyOf(bench))} sessions, ${how}`

// --- what is asked ---

// Sessions of tokens that anybody can make up. Their last use is in the future: nothing is written once a minute in between.
const setUp = (sessions, accounts) => `
  create extension tenancy;
  create table account (id bigint primary key, name text unique, hash text);
  create table membership (user_id bigint, tenant_id bigint, primary key (user_id, tenant_id));
  insert into account select n, 'user ' || n, '$2b$04$' || repeat('x', 53) from generate_series(1, ${users}) n;
  insert into membership select n, n % 1000 + k * 1000 from generate_series(1, ${users}) n, generate_series(0, 2) k;
  create view accounts as select id as user_id, name as user_name, hash as password_hash, false as is_admin, false as disabled from account;
  create view asked_accounts as select * from accounts where now() is not null;
  create view memberships as select user_id, tenant_id, 'tenant ' || tenant_id as tenant_name from membership;
  select tenancy.use_directory('${accounts}', 'memberships');
  create table item (id bigint primary key, tenant_id bigint not null, note text);
  insert into item select n, n % 1000, 'note ' || n from generate_series(1, 100000) n;
  create table plain_item (like item including all);
  insert into plain_item select * from item;
  select count(*) from tenancy.protect('item');
  grant select on plain_item to tenancy_gateway;
  insert into tenancy.session (token_hash, user_id, tenant_id, last_used_at, expires_at, password_fingerprint)
  select sha256(convert_to(lpad(n::text, 43, 'A'), 'UTF8')), (n % ${users} + 1)::text, ((n % ${users} + 1) % 1000)::text,
         now() + interval '1 hour', now() + interval '12 hours', sha256(convert_to('$2b$04$' || repeat('x', 53), 'UTF8'))
    from generate_series(1, ${sessions}) n`

const tokenOf = (session) => String(session).padStart(43, 'A')

const base64url = (text) => Buffer.from(text).toString('base64url')
const issuer = 'https://bench.example/'

/** Keys of each algorithm: what the database gets, and how one signs with it. */
function makeKeys() {
  const secret = randomBytes(32)
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ed = generateKeyPairSync('ed25519')
  const jwk = (alg, { publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), alg, kid: alg })
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  return {
    HS256: { jwk: { kty: 'oct', alg: 'HS256', kid: 'HS256', k: secret.toString('base64url') }, sign: (text) => createHmac('sha256', secret).update(text).digest() },
    RS256: { jwk: jwk('RS256', rsa), sign: (text) => sign('sha256', text, rsa.privateKey) },
    PS256: { jwk: jwk('PS256', rsa), sign: (text) => sign('sha256', text, { key: rsa.privateKey, ...pss }) },
    ES256: { jwk: jwk('ES256', ec), sign: (text) => sign('sha256', text, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }) },
    EdDSA: { jwk: jwk('EdDSA', ed), sign: (text) => sign(null, text, ed.privateKey) },
  }
}

function signedToken(alg, key, user) {
  const now = Math.floor(Date.now() / 1000)
  const text = `${base64url(JSON.stringify({ alg, kid: alg, typ: 'JWT' }))}.${base64url(JSON.stringify({ iss: issuer, sub: String(user), aud: 'bench', iat: now, exp: now + 3600 }))}`
  return `${text}.${key.sign(Buffer.from(text)).toString('base64url')}`
}

// --- how it is measured ---

const connections = []

async function connected(bench, base) {
  const connection = await bench.connect(bases[base])
  connections.push(connection)
  await connection.prepare('nothing', 'select $1::text')
  await connection.prepare('attach', 'select tenancy.attach($1)')
  await connection.prepare('attach_to', 'select tenancy.attach($1, $2)')
  return connection
}

/** One transaction after the other, each in a round trip; next() gives the executions of one. */
const variant = (name, connection, next, more = {}) => ({
  name,
  ...more,
  async run(seconds) {
    const until = performance.now() + seconds * 1000
    const ran = cpuOfThread(connection.pid)
    const began = performance.now()
    let operations = 0
    do {
      await connection.pipeline(next())
      operations++
    } while (performance.now() < until)
    return { operations, seconds: (performance.now() - began) / 1000, cpu: { backend: cpuOfThread(connection.pid) - ran } }
  },
})

const among = (number) => 1 + Math.floor(Math.random() * number)
const itemOf = (session) => ((session % users) + 1) % 1000 + 1000 * among(90)

/** Sessions in turn, in an order without a pattern: of very many none comes twice while it is measured. */
function strangers(number) {
  const step = 387420489 % number // has no factor in common with a power of ten
  let at = among(number)
  return () => (at = (at + step) % number) + 1
}

async function variants(bench) {
  const plain = await connected(bench, 'few')
  const attached = async (base, next, name) => {
    const connection = await connected(bench, base)
    return variant(name, connection, () => [execution('attach', [tokenOf(next())])])
  }
  /** The same of busy sessions that the backend knows. */
  const known = async (base, next, name) => {
    const connection = await connected(bench, base)
    const sessions = Array.from({ length: busy }, next)
    for (const session of [...sessions, ...sessions]) await connection.execute('attach', [tokenOf(session)])
    return variant(name, connection, () => [execution('attach', [tokenOf(sessions[among(busy) - 1])])])
  }
  const reader = async (base, name) => {
    const connection = await connected(bench, base)
    await connection.query(`begin; select tenancy.attach('${tokenOf(1)}')`)
    await connection.prepare('read', 'select id, note from item where id = $1')
    await connection.query('commit')
    return variant(name, connection, () => {
      const session = among(busy)
      return [execution('attach', [tokenOf(session)]), execution('read', [itemOf(session)])]
    })
  }
  const keys = makeKeys()
  for (const base of [bases.few, bases.asked]) {
    await bench.sql(base, `select tenancy.trust_issuer('${issuer}', '${JSON.stringify({ keys: Object.values(keys).map(({ jwk }) => jwk) })}', array['bench'])`)
  }
  const signedBy = async (alg, base, name) => {
    const tokens = Array.from({ length: busy }, (_, user) => [signedToken(alg, keys[alg], user + 1), String((user + 1) % 1000)])
    const connection = await connected(bench, base)
    for (const token of [...tokens, ...tokens]) await connection.execute('attach_to', token)
    return variant(name, connection, () => [execution('attach_to', tokens[among(busy) - 1])])
  }
  const signed = await Promise.all(Object.keys(keys).map((alg) => signedBy(alg, 'few', `signed token, ${alg}, answer at hand`)))
  const bare = await connected(bench, 'few')
  await bare.prepare('read', 'select id, note from plain_item where id = $1 and tenant_id = $2')
  const cleaner = await connected(bench, 'many')
  await cleaner.prepare('clean', 'select tenancy.clean_sessions()')
  return [
    {
      name: groups.attach,
      variants: [
        variant(empty, plain, () => [execution('nothing', [tokenOf(among(few))])], { baseline: true }),
        await known('few', strangers(few), kept),
        await attached('asked', () => among(few), asked),
        await known('many', strangers(manyOf(bench)), ofMany(bench, 'answer at hand')),
        await attached('many', strangers(manyOf(bench)), ofMany(bench, 'directory asked')),
        ...signed,
        await signedBy('HS256', 'asked', 'signed token, HS256, directory asked'),
      ],
    },
    {
      name: groups.reads,
      variants: [
        variant(read, bare, () => {
          const item = itemOf(among(few))
          return [execution('read', [item, item % 1000])]
        }, { baseline: true }),
        await reader('few', 'attach, answer at hand, and a point read'),
        await reader('asked', 'attach, directory asked, and a point read'),
      ],
    },
    { name: groups.cleaning, variants: [variant(`clean_sessions() with nothing to do, ${figure(manyOf(bench))} sessions`, cleaner, () => [execution('clean')], { weight: 0.3 })] },
  ]
}

// --- what is told ---

const cpuOf = (round) => round.cpu.backend / round.operations

/** CPU above another's, round by round. */
const above = (one, other) => spread(one.rounds.map((round, index) => cpuOf(round) - cpuOf(other.rounds[index])))

function report(measurements, bench) {
  const found = (name) => measurements.find(({ variant: one }) => one === name)
  const nothing = found(empty)
  const whole = measurements.filter((one) => one.group === groups.attach && one.variant !== empty && !one.error)
  const over = new Map(whole.map((one) => [one.variant, above(one, nothing)]))
  const bare = found(read)
  // The parts that the directory and the suspensions have in attach, in shares of a bare point read.
  const freshness = (one, without) => spread(one.rounds.map((round, index) => (cpuOf(round) - cpuOf(without.rounds[index])) / cpuOf(bare.rounds[index])))
  const question = freshness(found(asked), found(kept))
  const aims = [kept, ofMany(bench, 'answer at hand'), asked, ofMany(bench, 'directory asked')]
    .filter((name) => over.has(name))
    .map((name) => ({
      text: `${name}: ${shown(over.get(name), 1e6)} µs of CPU above a statement that does nothing, of 25 µs`,
      reached: over.get(name).median <= aim,
    }))
  aims.push({
    text: `the question to the directory is ${shown(question, 100)} % of a bare point read's CPU, of 15 %; with the answer at hand there is none`,
    reached: question.median <= aimOfFreshness,
  })
  return {
    tables: [
      {
        title: 'attach, of one backend, in µs: median (least to greatest)',
        columns: ['transaction', 'time', 'CPU', 'CPU above nothing'],
        rows: [nothing, ...whole].map((one) => [one.variant, shown(one.time, 1e6), shown(one.cpu.backend, 1e6), over.has(one.variant) ? shown(over.get(one.variant), 1e6) : '–']),
      },
      {
        title: 'with a point read, and clean-up, in µs',
        columns: ['transaction', 'time', 'CPU'],
        rows: measurements.filter((one) => one.group !== groups.attach && !one.error).map((one) => [one.variant, shown(one.time, 1e6), shown(one.cpu.backend, 1e6)]),
      },
    ],
    plots: [
      {
        title: 'What attach costs',
        subtitle: 'CPU of the backend above that of a statement that does nothing, in µs',
        series: ['attach'],
        rows: [...over].map(([label, { median: middle, min, max }]) => ({ label, points: [{ median: middle * 1e6, min: min * 1e6, max: max * 1e6 }] })),
        axis: { label: 'µs', line: 25, from: 0 },
      },
    ],
    aims,
    notes: [
      `Time is what a client waits, CPU what the backend spends; both with the way to the server and back, which they share with the statement that does nothing (${decimals(median(nothing.rounds.map(cpuOf)) * 1e6)} µs).`,
      'Answer at hand: nobody has written to the directory since this backend saw the session last. Directory asked: it has not seen it, or a view depends on the time. The same holds for the user and the tenant of a signed token.',
    ],
  }
}

export default {
  name: 'attach',
  number: 3,
  title: 'attach: by session token and by signed token',
  seconds: { full: 90, quick: 15 },

  async prepare(bench) {
    bench.log(`making ${figure(manyOf(bench))} sessions`)
    const make = async (base, sessions, accounts) => {
      await bench.freshDatabase(bases[base])
      await bench.sql(bases[base], setUp(sessions, accounts))
      await bench.sql(bases[base], 'vacuum analyze')
    }
    await Promise.all([make('many', manyOf(bench), 'accounts'), make('few', few, 'accounts').then(() => make('asked', few, 'asked_accounts'))])
    await bench.sql(bases.many, 'checkpoint')
  },

  variants,
  report,

  async end(bench) {
    while (connections.length > 0) await connections.pop().close()
    for (const base of Object.values(bases)) await bench.dropDatabase(base)
  },
}
