import http from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Seen<Phase> {
  call: string
  status: number
  /** Whose rows these are, by the gateway's own word. */
  context: { user: string | null; tenant: string | null } | null
  body: unknown
  /** What the watcher was told of the browser when the request left it. */
  phase: Phase
}

/**
 * Stands between one browser and a gateway and reads every answer of the API whole, also those that the page does not
 * wait for any more, of which a browser's own tools have no body.
 */
export class Watched<Phase> {
  private readonly agent = new http.Agent({ keepAlive: true })
  private readonly server: http.Server
  private readonly pending = new Set<Promise<void>>()

  private constructor(
    private readonly target: URL,
    public phase: Phase,
    private readonly look: (answer: Seen<Phase>) => void,
  ) {
    this.server = http.createServer((request, response) => this.pass(request, response))
  }

  static async before<Phase>(gatewayUrl: string, phase: Phase, look: (answer: Seen<Phase>) => void): Promise<Watched<Phase>> {
    const watched = new Watched(new URL(gatewayUrl), phase, look)
    await new Promise<void>((resolve) => watched.server.listen(0, '127.0.0.1', resolve))
    return watched
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** When every answer that is still on its way has been looked at. */
  async end(): Promise<void> {
    await Promise.all(this.pending)
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
    this.agent.destroy()
  }

  private pass(from: http.IncomingMessage, to: http.ServerResponse): void {
    const { phase } = this
    const path = from.url!
    // Without it the bodies come as they are.
    const { 'accept-encoding': _, ...headers } = from.headers
    const options = { host: this.target.hostname, port: this.target.port, method: from.method, path, headers, agent: this.agent }
    const request = http.request(options, (answer) => {
      to.writeHead(answer.statusCode!, answer.rawHeaders)
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => {
        parts.push(part)
        to.write(part)
      })
      const done = new Promise<void>((resolve) => {
        answer.on('close', () => {
          if (path.startsWith('/api/')) this.see(`${from.method} ${path}`, phase, answer, Buffer.concat(parts).toString())
          to.end()
          resolve()
        })
      })
      this.pending.add(done)
      void done.then(() => this.pending.delete(done))
    })
    request.on('error', () => to.destroy())
    from.pipe(request)
  }

  private see(call: string, phase: Phase, answer: http.IncomingMessage, text: string): void {
    const fields = new URLSearchParams(String(answer.headers['tenancy-context'] ?? ''))
    const context = fields.has('user') ? { user: fields.get('user'), tenant: fields.get('tenant') } : null
    const isJson = /^application\/([a-z.+-]+\+)?json/.test(answer.headers['content-type'] ?? '')
    this.look({ call, status: answer.statusCode!, context, body: isJson && text !== '' ? JSON.parse(text) : null, phase })
  }
}
