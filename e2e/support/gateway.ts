import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

/** One line of the gateway's log. */
export interface LogLine {
  time: string
  level: string
  message: string
  [field: string]: unknown
}

/** Somebody without an account, as the gateway refuses to run as root. */
const nobody: { uid?: number; gid?: number } = process.getuid?.() === 0 ? { uid: 61000, gid: 61000 } : {}

/** The login of a gateway: its connection string, and the password that only the user who runs the tests may read. */
export function gatewayLogin(of = process.env.TENANCY_GATEWAY_URL!): { url: string; password: string } {
  const url = new URL(of)
  const lines = readFileSync(url.searchParams.get('passfile')!, 'utf8').split('\n')
  const password = lines.map((line) => line.split(':')).find((fields) => fields[3] === url.username)![4]!
  url.searchParams.delete('passfile')
  return { url: url.href, password }
}

/** What the gateway of a demo serves: the page's files, and the demo's instructions for sign-in. */
export function servedBy(demo: 'one' | 'many'): { page: string; demoFile: string } {
  const gateway = demo === 'one' ? process.env.TENANCY_GATEWAY_BIN! : process.env.TENANCY_MANY_GATEWAY_BIN!
  return { page: join(dirname(gateway), 'page'), demoFile: join(dirname(gateway), 'demo.json') }
}

/** A gateway of the test's own, with other options than the one that all tests share. */
export class OwnGateway {
  readonly log: LogLine[] = []
  /** What it said that is no log line: answers to --show-config, refusals of options. */
  readonly said: string[] = []
  url = ''
  metricsUrl = ''
  private readonly child: ChildProcess
  private readonly listeners = new Set<() => void>()
  private code: number | null | undefined

  constructor(arguments_: string[], env: Record<string, string> = {}, asRoot = false) {
    const { url, password } = gatewayLogin()
    const program = process.env.TENANCY_GATEWAY_BIN!
    // Without root's rights, somebody who is root in a namespace of his own.
    const [command, ...before] = asRoot && !nobody.uid ? ['unshare', '--map-root-user', program] : [program]
    this.child = spawn(command, [...before, ...arguments_], {
      ...(asRoot ? {} : nobody),
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', TENANCY_GATEWAY_URL: url, PGPASSWORD: password, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line.startsWith('{')) this.log.push(JSON.parse(line) as LogLine)
        else this.said.push(line)
        this.listeners.forEach((listener) => listener())
      })
    }
    this.child.on('close', (code) => {
      this.code = code
      this.listeners.forEach((listener) => listener())
    })
  }

  /** Starts one and waits until it listens. */
  static async start(arguments_: string[], env: Record<string, string> = {}, asRoot = false): Promise<OwnGateway> {
    const gateway = new OwnGateway(['--listen=127.0.0.1:0', ...arguments_], env, asRoot)
    const { port } = await gateway.line((line) => line.message === 'listening')
    gateway.url = `http://127.0.0.1:${String(port)}`
    const metrics = gateway.log.find((line) => line.message === 'listening for metrics')
    if (metrics) gateway.metricsUrl = `http://127.0.0.1:${String(metrics.port)}`
    return gateway
  }

  /** The first line, from `from` on, that this holds for; waits for it. */
  async line(wanted: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    return this.until(() => this.log.slice(from).find(wanted))
  }

  /** The exit code, when it has ended. */
  async ended(): Promise<number> {
    return this.until(() => (this.code === undefined ? undefined : (this.code ?? -1)), true)
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }

  async stop(): Promise<void> {
    if (this.code === undefined) this.signal('SIGTERM')
    await this.ended()
    const found = this.said.find((line) => /Sanitizer|runtime error:/.test(line))
    if (found !== undefined) throw new Error(`${found}\n${this.said.join('\n')}`)
  }

  private until<T>(look: () => T | undefined, alsoAtEnd = false): Promise<T> {
    return new Promise((resolve, reject) => {
      const listener = () => {
        const found = look()
        if (found !== undefined) {
          this.listeners.delete(listener)
          resolve(found)
        } else if (this.code !== undefined && !alsoAtEnd) {
          this.listeners.delete(listener)
          reject(new Error(`the gateway ended with ${String(this.code)}: ${JSON.stringify(this.log)} ${this.said.join('\n')}`))
        }
      }
      this.listeners.add(listener)
      listener()
    })
  }
}
