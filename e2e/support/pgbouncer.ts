import { expect } from '@playwright/test'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gatewayLogin } from './gateway'

/** Somebody without an account: pgbouncer does not run as root. */
const nobody = process.getuid?.() === 0 ? { uid: 61000, gid: 61000 } : {}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Whether somebody listens there. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

/** A real pgbouncer in transaction mode before the test's cluster, with few connections to the server. */
export class PgBouncer {
  private readonly folder = mkdtempSync(join(tmpdir(), 'pgbouncer-'))
  private child: ChildProcess | undefined

  private constructor(readonly port: number, serverConnections: number) {
    const { url, password } = gatewayLogin()
    const to = new URL(url)
    const files = {
      users: `"${to.username}" "${password}"\n`,
      ini: `[databases]
* = host=${to.hostname} port=${to.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(this.folder, 'users')}
pool_mode = transaction
default_pool_size = ${serverConnections}
server_login_retry = 0.1
`,
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.folder, name), text, { mode: 0o600 })
    if (nobody.uid) for (const path of [this.folder, ...Object.keys(files).map((f) => join(this.folder, f))]) chownSync(path, nobody.uid, nobody.gid)
  }

  static async start(serverConnections: number): Promise<PgBouncer> {
    const bouncer = new PgBouncer(await freePort(), serverConnections)
    await bouncer.begin()
    return bouncer
  }

  get url(): string {
    const url = new URL(gatewayLogin().url)
    url.port = String(this.port)
    return url.href
  }

  async begin(): Promise<void> {
    this.child = spawn('/usr/sbin/pgbouncer', ['-q', join(this.folder, 'ini')], { ...nobody, cwd: '/', stdio: 'ignore' })
    await expect(async () => expect(await listens(this.port)).toBe(true)).toPass({ intervals: [20] })
  }

  /** At once, and every connection with it. */
  async kill(): Promise<void> {
    this.child!.kill('SIGKILL')
    await once(this.child!, 'exit')
  }

  async end(): Promise<void> {
    if (this.child!.exitCode === null && this.child!.signalCode === null) await this.kill()
    rmSync(this.folder, { recursive: true })
  }
}
