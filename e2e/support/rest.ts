import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from '@playwright/test'
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
  /** Signs in by password; the token works as a cookie and as a bearer token. */
  login(userName: RestUser): Promise<string>
  /** The log so far, as it was written: JSON lines. */
  log(): string
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

/** `options` are further options of the gateway, `environment` further variables; both win over the ones set here. */
export async function startRest(options: string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<RestGateway> {
  const program = process.env.TENANCY_GATEWAY_BIN
  if (!program) throw new Error('TENANCY_GATEWAY_BIN is not set: run ./setup.sh test e2e')
  const database = `rest_${randomBytes(6).toString('hex')}`
  const password = randomBytes(24).toString('base64url')
  const folder = mkdtempSync(join(tmpdir(), 'rest-'))
  let gateway: ChildProcess | undefined
  let log = ''

  async function stop(): Promise<void> {
    if (gateway && gateway.exitCode === null && gateway.signalCode === null) {
      const gone = once(gateway, 'exit')
      gateway.kill('SIGTERM')
      await gone
    }
    psql('postgres', `drop database if exists ${database} with (force)`)
    psql('postgres', `drop role if exists ${database}`)
    rmSync(folder, { recursive: true, force: true })
  }

  try {
    psql('postgres', `create database ${database} template template0`)
    await execute('psql', ['-Xq', '-d', database, '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', fixture.pathname])
    psql(
      database,
      `create role ${database} login; grant tenancy_gateway to ${database}; grant connect on database ${database} to ${database};
       set log_statement = none; set log_min_error_statement = panic; alter role ${database} password :'password'`,
      { password },
    )
    const portFile = join(folder, 'port')
    const { PGHOST, PGPORT } = process.env
    const child = spawn(program, ['--listen=127.0.0.1:0', `--port-file=${portFile}`, '--workers=8', '--pool-size=4', ...options], {
      env: {
        PATH: process.env.PATH,
        TENANCY_GATEWAY_URL: `host=${PGHOST} port=${PGPORT} dbname=${database} user=${database} password=${password}`,
        ...environment,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    gateway = child
    child.stderr.on('data', (part: Buffer) => (log += part.toString()))
    let port = ''
    await expect(() => {
      expect(child.exitCode, log).toBeNull()
      port = readFileSync(portFile, 'utf8').trim()
    }).toPass({ intervals: [20] })
    const url = `http://127.0.0.1:${port}`
    return {
      url,
      database,
      sql: (text, values) => psql(database, text, values),
      log: () => log,
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
