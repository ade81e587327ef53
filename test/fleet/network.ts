/** A network that a test can cut, slow down and deafen: it stands between a client and a port of this machine. */
import net from 'node:net'

export class Network {
  delayMs = 0
  port = 0
  private isCut = false
  private isDeaf = false
  private readonly target: number
  private readonly server: net.Server
  private readonly sockets = new Set<net.Socket>()

  private constructor(target: number) {
    this.target = target
    this.server = net.createServer((client) => this.join(client))
  }

  static async to(target: number): Promise<Network> {
    const network = new Network(target)
    network.server.listen(0, '127.0.0.1')
    await new Promise((resolve) => network.server.once('listening', resolve))
    network.port = (network.server.address() as net.AddressInfo).port
    return network
  }

  /** Connections break, and no new one comes through. */
  cut(): void {
    this.isCut = true
    for (const socket of this.sockets) socket.destroy()
  }

  /** What the server says does not arrive; what is sent to it does. Until the network is mended. */
  swallowAnswers(): void {
    this.isDeaf = true
  }

  mend(): void {
    this.isCut = false
    this.isDeaf = false
  }

  close(): void {
    this.cut()
    this.server.close()
  }

  private join(client: net.Socket): void {
    if (this.isCut) {
      client.destroy()
      return
    }
    const far = net.connect(this.target, '127.0.0.1')
    for (const [from, to, isAnswer] of [
      [client, far, false],
      [far, client, true],
    ] as const) {
      this.sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => {
        this.sockets.delete(from)
        to.destroy()
      })
      from.on('data', (bytes) => {
        if (isAnswer && this.isDeaf) return
        setTimeout(() => {
          if (!to.destroyed) to.write(bytes)
        }, this.delayMs)
      })
    }
  }
}
