import { expect } from '@playwright/test'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, listens } from './pgbouncer'

const configuration = new URL('../../docker/nginx.conf', import.meta.url)

/** A real nginx with the configuration that is delivered; only addresses and folders are the test's. */
export class Nginx {
  private readonly folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  private readonly process: ChildProcess

  private constructor(readonly port: number, gatewayUrl: string) {
    this.write(gatewayUrl)
    this.process = spawn('/usr/sbin/nginx', ['-p', this.folder, '-c', join(this.folder, 'nginx.conf')], {
      cwd: '/',
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }

  static async before(gatewayUrl: string): Promise<Nginx> {
    const nginx = new Nginx(await freePort(), gatewayUrl)
    await expect(async () => expect(await listens(nginx.port)).toBe(true)).toPass({ intervals: [20] })
    return nginx
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async end(): Promise<void> {
    this.process.kill('SIGTERM')
    await once(this.process, 'exit')
    rmSync(this.folder, { recursive: true, force: true })
  }

  private write(gatewayUrl: string): void {
    const replaced = (text: string, what: string, by: string) => {
      expect(text, `nginx.conf has the line ${what}`).toContain(what)
      return text.replace(what, by)
    }
    let text = readFileSync(configuration, 'utf8')
    text = replaced(text, 'server gateway:8080;', `server ${new URL(gatewayUrl).host};`)
    text = replaced(text, 'listen 80;', `listen 127.0.0.1:${this.port};`)
    text = replaced(text, 'error_log /dev/stderr warn;', `error_log ${join(this.folder, 'error.log')} warn;`)
    const own = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(this.folder, name)};`)
    text = replaced(text, 'http {', `http {\n    ${own.join('\n    ')}`)
    const head = `daemon off;\npid ${join(this.folder, 'pid')};\n${process.getuid?.() === 0 ? 'user nobody nogroup;\n' : ''}`
    writeFileSync(join(this.folder, 'nginx.conf'), head + text)
  }
}
