import { expect } from '@playwright/test'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, listens } from './pgbouncer'

const delivered = (name: string) => new URL(`../../docker/${name}`, import.meta.url)

/** A name that leads nowhere but where the test's browser is told to look. */
export const tlsHost = 'pgtenancy.test'

function replaced(text: string, what: string, by: string): string {
  expect(text, `the configuration has ${what}`).toContain(what)
  return text.replaceAll(what, by)
}

/** A real nginx with the configuration that is delivered; only addresses, folders and the certificate are the test's. */
export class Nginx {
  private readonly folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  private readonly process: ChildProcess

  private constructor(
    gatewayUrl: string,
    readonly port: number,
    readonly tlsPort: number | null,
  ) {
    mkdirSync(join(this.folder, 'tls'))
    if (tlsPort !== null) this.writeTls(tlsPort)
    this.write(gatewayUrl)
    this.process = spawn('/usr/sbin/nginx', ['-p', this.folder, '-c', join(this.folder, 'nginx.conf')], {
      cwd: '/',
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }

  static async before(gatewayUrl: string): Promise<Nginx> {
    return new Nginx(gatewayUrl, await freePort(), null).ready()
  }

  /** With a self-made certificate for `tlsHost`. */
  static async withTlsBefore(gatewayUrl: string): Promise<Nginx> {
    return new Nginx(gatewayUrl, await freePort(), await freePort()).ready()
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get tlsUrl(): string {
    return `https://${tlsHost}:${this.tlsPort}`
  }

  /** What tells Chromium of the host's address, and to trust this certificate and no other that is self-made. */
  get browserArguments(): string[] {
    const { publicKey } = new X509Certificate(readFileSync(join(this.folder, 'tls', 'certificate.pem')))
    const digest = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64')
    return [`--host-resolver-rules=MAP ${tlsHost} 127.0.0.1`, `--ignore-certificate-errors-spki-list=${digest}`]
  }

  async end(): Promise<void> {
    this.process.kill('SIGTERM')
    await once(this.process, 'exit')
    rmSync(this.folder, { recursive: true, force: true })
  }

  private async ready(): Promise<this> {
    await expect(async () => expect(await listens(this.port)).toBe(true)).toPass({ intervals: [20] })
    return this
  }

  private writeTls(port: number): void {
    const tls = join(this.folder, 'tls')
    execFileSync('openssl', [
      ...['req', '-x509', '-days', '2', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      ...['-subj', `/CN=${tlsHost}`, '-addext', `subjectAltName=DNS:${tlsHost}`],
      ...['-keyout', join(tls, 'key.pem'), '-out', join(tls, 'certificate.pem')],
    ], { stdio: 'ignore' })
    let text = readFileSync(delivered('tls.conf'), 'utf8')
    text = replaced(text, 'listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
    text = replaced(text, '/etc/nginx/tls/', `${tls}/`)
    text = replaced(text, 'https://$host$request_uri', `https://$host:${port}$request_uri`)
    writeFileSync(join(tls, 'tls.conf'), text)
  }

  private write(gatewayUrl: string): void {
    let text = readFileSync(delivered('nginx.conf'), 'utf8')
    text = replaced(text, 'server gateway:8080;', `server ${new URL(gatewayUrl).host};`)
    text = replaced(text, 'listen 80;', `listen 127.0.0.1:${this.port};`)
    text = replaced(text, '/etc/nginx/tls/*.conf;', `${join(this.folder, 'tls')}/*.conf;`)
    text = replaced(text, 'error_log stderr warn;', `error_log ${join(this.folder, 'error.log')} warn;`)
    const own = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(this.folder, name)};`)
    text = replaced(text, 'http {', `http {\n    ${own.join('\n    ')}`)
    const head = `daemon off;\npid ${join(this.folder, 'pid')};\n${process.getuid?.() === 0 ? 'user nobody nogroup;\n' : ''}`
    writeFileSync(join(this.folder, 'nginx.conf'), head + text)
  }
}
