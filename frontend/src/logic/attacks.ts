/** The ways to break in that the tour offers. What comes of them, the real system decides; see verdict.ts. */

/** What an attack aims at: the own tenant is who attacks, the other one is the prey. */
export interface Aim {
  tenantId: string
  otherTenantId: string
  /** A patient's id that is none of the own ones. */
  otherPatientId: string
}

export interface HttpRequest {
  method: 'GET' | 'POST'
  /** Below the prefix of the API. */
  path: string
  headers?: Record<string, string>
  body?: unknown
}

/** A form that a page of another site sends. */
export interface HttpForm {
  /** Below the prefix of the API. */
  path: string
  fields: Record<string, string>
}

export type Attempt =
  | { kind: 'sql'; statement: string }
  | { kind: 'http'; request: HttpRequest }
  | { kind: 'form'; form: HttpForm }
  /** Ends the session in the database and sends its cookie once more. */
  | { kind: 'replay' }

export interface Attack {
  id: string
  title: string
  /** What an attacker hopes for. */
  hope: string
  attempt: Attempt
  /** Why it fails. */
  why: string
  /** It is a break-in when the system lets it run at all, whatever comes back. */
  mustBeRefused: boolean
  /** SQLSTATEs that tell something of foreign rows, so that such a failure is a success of the attack. */
  tellingErrors?: string[]
}

/** Long enough to be a token, and nobody's. */
const madeUpToken = 'A'.repeat(43)

const sql = (statement: string): Attempt => ({ kind: 'sql', statement })
const http = (request: HttpRequest): Attempt => ({ kind: 'http', request })

export function aimOf(tenantId: string, ownPatientIds: readonly (string | number)[]): Aim {
  const own = new Set(ownPatientIds.map(String))
  let id = 1
  while (own.has(String(id))) id++
  return { tenantId, otherTenantId: tenantId === '1' ? '2' : '1', otherPatientId: String(id) }
}

const isNumber = (value: string) => /^\d{1,15}$/.test(value)

function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** As an SQL literal: ids of tenants may be texts. */
function literal(value: string): string {
  return isNumber(value) ? value : quoted(value)
}

export function attacksOn({ otherTenantId, otherPatientId }: Aim): Attack[] {
  const intruder = { firstName: 'Eve', lastName: 'Intruder', dob: '2000-01-01' }
  return [
    {
      id: 'no-where',
      title: 'Forget the WHERE',
      hope: 'A query without a condition returns the patients of all tenants.',
      attempt: sql('select * from app.patients'),
      why: 'The database adds the condition itself, to every query on this table. Nobody can forget it.',
      mustBeRefused: false,
    },
    {
      id: 'setting',
      title: 'Set the tenant',
      hope: `The setting that holds the tenant becomes ${otherTenantId}, and its rows appear.`,
      attempt: sql(`set tenancy.tenant_id = ${quoted(otherTenantId)}`),
      why: 'The setting takes a value from one writer alone: the extension, when it has checked a session. Every other one is refused.',
      mustBeRefused: true,
    },
    {
      id: 'set-config',
      title: 'Set the tenant inside a query',
      hope: 'A function in the query changes the tenant just before the rows are read.',
      attempt: sql(
        `select * from app.patients,\n  (select set_config('tenancy.tenant_id', ${quoted(otherTenantId)}, true)) as trick`,
      ),
      why: 'A call of set_config is one more writer that the extension refuses. In many systems this one works.',
      mustBeRefused: true,
    },
    {
      id: 'switch-role',
      title: 'Become an admin',
      hope: 'The role of the admins sees the rows of all tenants.',
      attempt: sql('set role tenancy_admin'),
      why: 'While somebody is signed in, the transaction is sealed: the role cannot be changed, neither up nor down.',
      mustBeRefused: true,
    },
    {
      id: 'reset-role',
      title: 'Go back to the login role',
      hope: 'Behind the tenant’s role there is the one that connected. It may be mightier.',
      attempt: sql('reset role'),
      why: 'The sealed transaction refuses it. And the login behind it has no right to any table.',
      mustBeRefused: true,
    },
    {
      id: 'insert',
      title: 'Plant a row',
      hope: `A patient of yours appears at tenant ${otherTenantId}.`,
      attempt: sql(
        `insert into app.patients (tenant_id, first_name, last_name, dob)\nvalues (${literal(otherTenantId)}, 'Eve', 'Intruder', '2000-01-01')\nreturning *`,
      ),
      why: 'The policy looks at new rows, too: a row that names another tenant is not written.',
      mustBeRefused: true,
    },
    {
      id: 'delete',
      title: 'Delete what is theirs',
      hope: `The patients of tenant ${otherTenantId} are gone.`,
      attempt: sql(`delete from app.patients where tenant_id = ${literal(otherTenantId)} returning *`),
      why: 'To this statement the rows of others are not there. It finds nothing to delete.',
      mustBeRefused: false,
    },
    {
      id: 'error',
      title: 'Ask with an error',
      hope: 'A condition that fails on a foreign row tells that the row is there.',
      attempt: sql(
        `select * from app.patients\nwhere 1 / (case when tenant_id = ${literal(otherTenantId)} then 0 else 1 end) = 1`,
      ),
      why: 'The tenant’s condition is tried first. Yours never meets a row of others, so nothing divides by zero.',
      mustBeRefused: false,
      tellingErrors: ['22012'],
    },
    {
      id: 'explain',
      title: 'Read the planner’s guess',
      hope: 'Estimates are made of all tenants’ rows. They tell how many of a name there are.',
      attempt: sql("explain select * from app.patients where last_name = 'Doe'"),
      why: 'A plan with estimates is refused. Without them, as EXPLAIN (COSTS OFF), it is allowed.',
      mustBeRefused: true,
    },
    {
      id: 'hashes',
      title: 'Steal the password hashes',
      hope: 'With everybody’s hashes one can guess passwords at home.',
      attempt: sql('select * from app.credentials'),
      why: 'The hashes are in a table of their own, and no role of the application has a right to it.',
      mustBeRefused: true,
    },
    {
      id: 'sessions',
      title: 'Steal a session',
      hope: 'The table of sessions holds what opens somebody else’s door.',
      attempt: sql('select * from tenancy.session'),
      why: 'Nobody but the extension reads it. And it holds digests of the tokens, which open nothing.',
      mustBeRefused: true,
    },
    {
      id: 'attach',
      title: 'Sign in twice',
      hope: 'A second token in the same transaction makes you somebody else.',
      attempt: sql(`select tenancy.attach('${madeUpToken}')`),
      why: 'A transaction takes one session and keeps it until it ends. A second one is refused before anybody looks at it.',
      mustBeRefused: true,
    },
    {
      id: 'commit',
      title: 'Leave the transaction',
      hope: 'After COMMIT nobody remembers who you are, and the rows lie open.',
      attempt: sql('commit;\nselect * from app.patients'),
      why: 'A statement in the middle of the gateway’s transaction cannot end it. And without a session there are no rows, not all of them.',
      mustBeRefused: true,
    },
    {
      id: 'drop-policy',
      title: 'Drop the policy',
      hope: 'Without its policy the table shows everything.',
      attempt: sql('drop policy tenancy_tenant on app.patients'),
      why: 'Definitions cannot be changed in a sealed transaction, and only the table’s owner may change this one.',
      mustBeRefused: true,
    },
    {
      id: 'copy',
      title: 'Copy to a file',
      hope: 'The server writes the table to its own disk, past all policies.',
      attempt: sql("copy app.patients to '/tmp/patients.csv'"),
      why: 'COPY is refused in a sealed transaction, and files of the server are for superusers.',
      mustBeRefused: true,
    },
    {
      id: 'guess',
      title: 'Guess an id',
      hope: 'The address of one’s own patient has a number in it. Another number is another’s patient.',
      attempt: http({ method: 'GET', path: `/patients/${otherPatientId}` }),
      why: 'A row of others is answered as a row that does not exist, so guessing does not even tell which ids are taken.',
      mustBeRefused: false,
    },
    {
      id: 'forge',
      title: 'Forge the tenant in JSON',
      hope: 'The server believes the tenant that the browser sends.',
      attempt: http({
        method: 'POST',
        path: '/patients',
        headers: { Prefer: 'return=representation, tx=rollback' },
        body: { tenantId: isNumber(otherTenantId) ? Number(otherTenantId) : otherTenantId, ...intruder },
      }),
      why: 'The tenant comes from the session. What the request says of it is compared, and refused where it differs.',
      mustBeRefused: true,
    },
    {
      id: 'second-token',
      title: 'Send a second token',
      hope: 'Cookie and bearer token disagree, and the wrong one counts.',
      attempt: http({ method: 'GET', path: '/patients', headers: { Authorization: `Bearer ${madeUpToken}` } }),
      why: 'A request with two credentials is not answered at all: which one counts must not be the attacker’s choice.',
      mustBeRefused: true,
    },
    {
      id: 'other-site',
      title: 'Send a form from another site',
      hope: 'Your browser adds your cookie to a request that another site makes up.',
      attempt: { kind: 'form', form: { path: '/patients', fields: intruder } },
      why: 'A change must come from the gateway’s own pages. The browser says where it comes from, and no site can make it lie.',
      mustBeRefused: true,
    },
    {
      id: 'replay',
      title: 'Replay a signed-out cookie',
      hope: 'A copy of the cookie lives on after sign-out.',
      attempt: { kind: 'replay' },
      why: 'Each request asks the database whether the session still lives. Once it has ended, its cookie opens nothing.',
      mustBeRefused: true,
    },
  ]
}

/** What is sent besides SQL, for people to read. */
export function requestText(attempt: Exclude<Attempt, { kind: 'sql' }>, prefix: string): string {
  switch (attempt.kind) {
    case 'http': {
      const { method, path, headers = {}, body } = attempt.request
      const lines = [`${method} ${prefix}${path}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
      if (body !== undefined) lines.push('', JSON.stringify(body, null, 2))
      return lines.join('\n')
    }
    case 'form': {
      const { path, fields } = attempt.form
      const type = 'Content-Type: application/x-www-form-urlencoded'
      return [`POST ${prefix}${path}`, 'Origin: null', type, '', new URLSearchParams(fields).toString()].join('\n')
    }
    case 'replay':
      return [`POST ${prefix}/rpc/end_session`, '', `GET ${prefix}/patients`, 'Cookie: the same as before'].join('\n')
  }
}
