import { expect } from '@playwright/test'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gatewayLogin } from './gateway'
import { sql } from './http'
import { freePort, listens } from './pgbouncer'

/** PostgreSQL does not run as root. */
const become = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--'] : []

/** A real streaming replica of the test's cluster. */
export class Replica {
  private readonly folder = mkdtempSync(join(tmpdir(), 'replica-'))
  private readonly child: ChildProcess

  private constructor(readonly port: number) {
    const bin = process.env.TENANCY_TEST_PG_BIN!
    const data = join(this.folder, 'data')
    execFileSync(join(bin, 'pg_basebackup'), ['-D', data, '-X', 'stream', '-c', 'fast', '--no-sync', '-R'], { stdio: 'inherit' })
    // The server's user cannot read the password file that this test may read.
    const password = readFileSync(process.env.PGPASSFILE!, 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .find((fields) => fields[3] === 'postgres')![4]!
    const primary = `host=127.0.0.1 port=${process.env.PGPORT} user=postgres password=${password}`
    appendFileSync(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${primary}'\n`)
    if (become.length) execFileSync('chown', ['-R', 'postgres:', this.folder])
    const settings = [`port=${port}`, `unix_socket_directories=${this.folder}`, 'cluster_name=replica']
    const [program, ...rest] = [...become, join(bin, 'postgres'), '-D', data, ...settings.flatMap((setting) => ['-c', setting])]
    this.child = spawn(program!, rest, { cwd: '/', stdio: 'ignore' })
  }

  static async start(): Promise<Replica> {
    const replica = new Replica(await freePort())
    await expect(() => expect(replica.sql('select pg_is_in_recovery()')).toBe('t')).toPass({ intervals: [50] })
    return replica
  }

  get url(): string {
    const url = new URL(gatewayLogin().url)
    url.port = String(this.port)
    return url.href
  }

  /** As the superuser, on the replica. */
  sql(text: string): string {
    return execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-p', String(this.port), '-c', text], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, PGPASSFILE: this.passfile() },
    }).trim()
  }

  /** Until it has replayed all that the primary has written so far. */
  async caughtUp(): Promise<void> {
    // Where the gateway looks, too: what is inserted, not what is written so far, for commits need not wait here.
    const position = sql('select pg_current_wal_insert_lsn()')
    await expect(() => expect(this.sql(`select pg_last_wal_replay_lsn() >= '${position}'`)).toBe('t')).toPass({ intervals: [20] })
  }

  /** Replay is held from here on; the server does so in its own time. */
  async hold(): Promise<void> {
    this.sql('select pg_wal_replay_pause()')
    await expect(() => expect(this.sql('select pg_get_wal_replay_pause_state()')).toBe('paused')).toPass({ intervals: [20] })
  }

  async kill(): Promise<void> {
    const pid = readFileSync(join(this.folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]!
    process.kill(Number(pid), 'SIGQUIT')
    if (this.child.exitCode === null) await once(this.child, 'exit')
  }

  async end(): Promise<void> {
    if (await listens(this.port)) await this.kill()
    rmSync(this.folder, { recursive: true })
  }

  /** The cluster's password file names the primary's port. */
  private passfile(): string {
    const file = join(this.folder, 'pgpass')
    const lines = readFileSync(process.env.PGPASSFILE!, 'utf8').replaceAll(`:${process.env.PGPORT}:`, `:${this.port}:`)
    rmSync(file, { force: true })
    appendFileSync(file, lines, { mode: 0o600 })
    return file
  }
}
