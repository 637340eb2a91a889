import { once } from 'node:events'
import net from 'node:net'

/** A way to a port of this machine that can be shut: then nothing passes, and nobody is told. */
export class Valve {
  private readonly server = net.createServer((client) => this.join(client))
  private readonly sockets = new Set<net.Socket>()
  private readonly pairs = new Set<readonly [net.Socket, net.Socket]>()
  private shutNow = false
  port = 0

  private constructor(private readonly to: number) {}

  static async before(port: number): Promise<Valve> {
    const valve = new Valve(port)
    valve.server.listen(0, '127.0.0.1')
    await once(valve.server, 'listening')
    valve.port = (valve.server.address() as net.AddressInfo).port
    return valve
  }

  shut(): void {
    this.shutNow = true
    this.sockets.forEach((socket) => socket.pause())
  }

  open(): void {
    this.shutNow = false
    this.sockets.forEach((socket) => socket.resume())
  }

  /** The connections of now are dead, but whoever holds one learns it only when something is said on it. */
  cut(): void {
    for (const [client, server] of this.pairs) {
      server.removeAllListeners('close')
      server.destroy()
      client.removeAllListeners('data')
      client.on('data', () => client.resetAndDestroy())
    }
    this.pairs.clear()
  }

  end(): void {
    this.server.close()
    this.sockets.forEach((socket) => socket.destroy())
  }

  private join(client: net.Socket): void {
    const server = net.connect(this.to, '127.0.0.1')
    const pair = [client, server] as const
    this.pairs.add(pair)
    for (const [from, into] of [[client, server], [server, client]] as const) {
      this.sockets.add(from)
      from.on('data', (bytes) => into.write(bytes))
      from.on('end', () => into.end())
      from.on('error', () => into.destroy())
      from.on('close', () => {
        this.sockets.delete(from)
        this.pairs.delete(pair)
        into.destroy()
      })
      if (this.shutNow) from.pause()
    }
  }
}
