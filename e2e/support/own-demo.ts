import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { OwnGateway, gatewayLogin, servedBy } from './gateway'

const execute = promisify(execFile)

/** `:'name'` and `:"name"` in the text stand for a value and a name, safely quoted. */
async function psql(database: string, text: string, values: Record<string, string | number> = {}): Promise<string> {
  const settings = Object.entries(values).flatMap(([name, value]) => ['-v', `${name}=${value}`])
  const running = execute('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', database, ...settings, '-f', '-'])
  running.child.stdin!.end(text)
  return (await running).stdout.trim()
}

/**
 * A demo as it was at first, with the page, on a database and a gateway of its own: a spec may change there what it
 * likes, and finds there what nobody else has changed. Made in beforeAll, ended in afterAll.
 */
export class OwnDemo {
  private constructor(
    readonly database: string,
    readonly gateway: OwnGateway,
  ) {}

  /** `options` are further options of the gateway. */
  static async start(which: 'one' | 'many', options: string[] = []): Promise<OwnDemo> {
    const of = which === 'one' ? process.env.TENANCY_GATEWAY_URL! : process.env.TENANCY_MANY_GATEWAY_URL!
    const { url, password } = gatewayLogin(of)
    const to = new URL(url)
    const name = to.pathname.slice(1)
    const database = `${name}_${randomBytes(6).toString('hex')}`
    to.pathname = database
    try {
      // Some of the demo's functions have rights because their owner is the database's.
      await psql(
        'postgres',
        `select pg_get_userbyid(datdba) as owner from pg_database where datname = :'template' \\gset
         create database :"database" owner :"owner" template :"template";
         revoke all on database :"database" from public;
         grant connect on database :"database" to :"gateway"`,
        { database, template: `${name}_template`, gateway: to.username },
      )
      const { page, demoFile } = servedBy(which)
      const arguments_ = [`--web-root=${page}`, `--demo-file=${demoFile}`, ...options]
      const gateway = await OwnGateway.start(arguments_, { TENANCY_GATEWAY_URL: to.href, PGPASSWORD: password })
      return new OwnDemo(database, gateway)
    } catch (error) {
      await drop(database)
      throw error
    }
  }

  get url(): string {
    return this.gateway.url
  }

  /** Runs SQL as the superuser of the throw-away cluster. */
  sql(text: string, values: Record<string, string | number> = {}): Promise<string> {
    return psql(this.database, text, values)
  }

  async stop(): Promise<void> {
    await this.gateway.stop()
    await drop(this.database)
  }
}

function drop(database: string): Promise<string> {
  return psql('postgres', 'drop database if exists :"database" with (force)', { database })
}
