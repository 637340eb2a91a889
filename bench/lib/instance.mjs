// The throw-away cluster and gateway that bench/run has started, and ways to reach them.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Connection } from './postgres.mjs'

const env = (name) => process.env[name] ?? throwing(`${name} is not set: start bench/run`)
const throwing = (message) => {
  throw new Error(message)
}

export function instance() {
  const socket = env('BENCH_SOCKET')
  const port = Number(env('BENCH_PG_PORT'))
  const secrets = env('BENCH_SECRETS')
  const login = { user: env('BENCH_LOGIN'), password: readFileSync(path.join(secrets, env('BENCH_LOGIN')), 'utf8').trim() }

  /** As the superuser, over the socket, from whose setting-up he comes. */
  const superuser = (database, settings) =>
    Connection.open({ host: socket, port, user: 'postgres', database, settings: { client_min_messages: 'warning', ...settings } })

  return {
    root: env('BENCH_ROOT'),
    work: env('BENCH_WORK'), // a folder for whatever, gone at the end
    pgBin: env('BENCH_PG_BIN'),
    socket,
    port,
    /** The role that may attach and nothing else, as a gateway's. */
    login,
    pgpass: path.join(secrets, 'pgpass'),
    postmaster: Number(env('BENCH_POSTMASTER')),
    gateway: { url: env('BENCH_GATEWAY_URL'), pid: Number(env('BENCH_GATEWAY_PID')), program: env('BENCH_GATEWAY_PROGRAM') },
    demoDatabase: env('BENCH_DEMO_DATABASE'),
    demoUser: ['t3 user2', 'user'],

    superuser,
    /** As the login role, over the socket; with { tcp: true } over TCP. */
    connect: (database, { settings, tcp = false } = {}) =>
      Connection.open({ host: tcp ? '127.0.0.1' : socket, port, ...login, database, settings: { client_min_messages: 'warning', ...settings } }),
    /** The environment for libpq's programs to do the same. */
    libpq: (database, { tcp = false } = {}) => ({
      PGHOST: tcp ? '127.0.0.1' : socket,
      PGPORT: String(port),
      PGUSER: login.user,
      PGPASSWORD: login.password,
      PGDATABASE: database,
      PGOPTIONS: '-c client_min_messages=warning',
    }),
    /** Runs SQL as the superuser; returns the rows of the last statement. */
    async sql(database, text) {
      const connection = await superuser(database)
      try {
        return await connection.query(text)
      } finally {
        await connection.close()
      }
    },
    async freshDatabase(name) {
      await this.dropDatabase(name)
      await this.sql('postgres', `create database ${name} template template0`)
    },
    async dropDatabase(name) {
      await this.sql('postgres', `drop database if exists ${name} with (force)`)
    },
    /** Signs in by the extension's function and returns the token. */
    async signIn(database, userName, password) {
      const connection = await this.connect(database)
      try {
        await connection.prepare('sign_in', 'select (tenancy.login($1, $2)).token')
        return (await connection.execute('sign_in', [userName, password]))[0][0]
      } finally {
        await connection.close()
      }
    },
    async versions() {
      const [[server, extension]] = await this.sql(
        env('BENCH_DEMO_DATABASE'),
        `select current_setting('server_version'), (select extversion from pg_extension where extname = 'tenancy')`,
      )
      const settings = await this.sql(
        'postgres',
        `select string_agg(name || ' ' || current_setting(name), ', ' order by name) from pg_settings
          where name in ('shared_buffers', 'fsync', 'synchronous_commit', 'autovacuum', 'jit', 'max_parallel_workers_per_gather', 'work_mem')`,
      )
      return { postgresql: server, settings: settings[0][0], extension }
    },
    pgConfig: (option) => execFileSync(path.join(env('BENCH_PG_BIN'), 'pg_config'), [option], { encoding: 'utf8' }).trim(),
  }
}
