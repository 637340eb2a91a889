import { expect } from '@playwright/test'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { sql } from './http'

/**
 * A resource whose every reading waits until the test lets it go: slow queries without a clock. One per file, named by
 * `number`, for files run at the same time.
 */
export class Held {
  readonly path: string
  private readonly name: string
  private holder = spawn('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1'], { stdio: ['pipe', 'pipe', 'inherit'] })

  constructor(private readonly number: number) {
    this.name = `held_${number}`
    this.path = `/api/${this.name}`
    // Tenants may not take advisory locks themselves.
    sql(`create function app.${this.name}() returns boolean language sql volatile security definer
           set search_path = pg_catalog, pg_temp as 'select pg_advisory_xact_lock_shared(${number}) is not null';
         grant execute on function app.${this.name}() to tenancy_user;
         create view api.${this.name} as select 1 as id, app.${this.name}() as free;
         grant select on api.${this.name} to tenancy_user`)
  }

  async hold(): Promise<void> {
    const told = once(this.holder.stdout, 'data')
    this.holder.stdin.write(`begin; select pg_advisory_xact_lock(${this.number}) is not null;\n`)
    await told
  }

  /** Until that many requests stand in the database. */
  async untilWaiting(count: number): Promise<void> {
    const waiting = `select count(*) from pg_locks where locktype = 'advisory' and objid = ${this.number} and not granted`
    await expect(() => expect(sql(waiting)).toBe(String(count))).toPass({ intervals: [20] })
  }

  letGo(): void {
    this.holder.stdin.write('commit;\n')
  }

  async end(): Promise<void> {
    this.holder.stdin.end()
    if (this.holder.exitCode === null) await once(this.holder, 'exit')
    sql(`drop view api.${this.name}; drop function app.${this.name}()`)
  }
}
