import { expect } from '@playwright/test'
import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { OwnGateway } from './gateway'
import { call, tokenOf } from './http'

/**
 * A gateway of its own on a database of its own, loaded with data/rest_fixture.sql: a spec may change there what it likes.
 * Users are ann and ben, of two tenants, and olga, an admin. Made in beforeAll, ended in afterAll.
 */
export interface RestGateway {
  url: string
  database: string
  /** Runs SQL as the superuser in that database; `:'name'` stands for a value, safely quoted. */
  sql(text: string, values?: Record<string, string>): string
  /** The same, while requests of the test go on. */
  sqlMeanwhile(text: string): Promise<unknown>
  /** Signs in by password; the token works as a cookie and as a bearer token. */
  login(userName: RestUser): Promise<string>
  gateway: OwnGateway
  /** Ends the gateway and drops database and role. */
  stop(): Promise<void>
}

export type RestUser = 'ann' | 'ben' | 'olga'

const fixture = new URL('../data/rest_fixture.sql', import.meta.url)
const execute = promisify(execFile)

function psql(database: string, text: string, values: Record<string, string> = {}): string {
  const settings = Object.entries(values).flatMap(([name, value]) => ['-v', `${name}=${value}`])
  return execFileSync('psql', ['-XqAt', '-d', database, '-v', 'ON_ERROR_STOP=1', ...settings, '-f', '-'], {
    input: text,
    encoding: 'utf8',
  }).trim()
}

/** `options` are further options of the gateway, `env` further variables; they win over the ones set here. */
export async function startRest(options: string[] = [], env: Record<string, string> = {}): Promise<RestGateway> {
  const database = `rest_${randomBytes(6).toString('hex')}`
  const password = randomBytes(24).toString('base64url')
  let gateway: OwnGateway | undefined

  async function stop(): Promise<void> {
    await gateway?.stop()
    psql('postgres', `drop database if exists ${database} with (force)`)
    psql('postgres', `drop role if exists ${database}`)
  }

  try {
    psql('postgres', `create database ${database} template template0`)
    await execute('psql', ['-Xq', '-d', database, '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', fileURLToPath(fixture)])
    psql(
      database,
      `create role ${database} login; grant tenancy_gateway to ${database}; grant connect on database ${database} to ${database};
       set log_statement = none; set log_min_error_statement = panic; alter role ${database} password :'password'`,
      { password },
    )
    const own = await OwnGateway.start(['--workers=8', '--pool-size=4', ...options], {
      TENANCY_GATEWAY_URL: `host=${process.env.PGHOST!} port=${process.env.PGPORT!} dbname=${database} user=${database}`,
      PGPASSWORD: password,
      ...env,
    })
    gateway = own
    const { url } = own
    return {
      url,
      database,
      gateway: own,
      sql: (text, values) => psql(database, text, values),
      sqlMeanwhile: (text) => execute('psql', ['-Xq', '-d', database, '-v', 'ON_ERROR_STOP=1', '-c', text]),
      stop,
      async login(userName) {
        const answer = await call('POST', '/api/auth/login', { url, body: { userName, password: 'secret words' } })
        expect(answer.status, answer.text).toBe(200)
        return tokenOf(answer)
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}
