/**
 * A PostgreSQL server of one's own, for tests and measurements: a new cluster in a temporary folder, on a port that was free, as a
 * user who is not root.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import pg from 'pg'

/** The folder of `initdb` and `postgres`; null where there is none. */
export const POSTGRES = findPostgres()

function findPostgres(): string | null {
  const debian = '/usr/lib/postgresql'
  const versions = fs.existsSync(debian) ? fs.readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => path.join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(path.delimiter),
  ]
  return (
    folders.find(
      (folder) => fs.existsSync(path.join(folder, 'initdb')) && fs.existsSync(path.join(folder, 'postgres')),
    ) ?? null
  )
}

/** PostgreSQL does not run as root; then it runs as the user that its package made, or as nobody. */
function user(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const accounts = fs.readFileSync('/etc/passwd', 'utf8').split('\n')
  const account = ['postgres:', 'nobody:'].map((name) => accounts.find((line) => line.startsWith(name)))
  const [, , uid, gid] = account.find((line) => line !== undefined)!.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export class PostgresServer {
  readonly folder: string
  readonly data: string
  port = 0
  private process: ChildProcess | null = null
  private databases = 0

  private constructor(folder: string) {
    this.folder = folder
    this.data = path.join(folder, 'data')
  }

  /** Of the postmaster, the parent of all of its processes. */
  get pid(): number {
    return this.process!.pid!
  }

  /** walMegabytes: how long a file of its log is. */
  static async start({ walMegabytes = 16 } = {}): Promise<PostgresServer> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-postgres-'))
    const { uid, gid } = user()
    if (uid !== undefined) fs.chownSync(folder, uid, gid!)
    const server = new PostgresServer(folder)
    server.run(
      'initdb',
      '-D',
      server.data,
      '-U',
      'postgres',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
      `--wal-segsize=${walMegabytes}`,
    )
    await server.up()
    return server
  }

  /** Lets no file of the server grow beyond this many bytes, as on a disk that is full; of the processes that are there, and of later ones. */
  async limitFiles(bytes: number | 'unlimited'): Promise<void> {
    const limit = (pid: number) =>
      execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], { ...user(), stdio: 'pipe' })
    limit(this.pid) // first: whoever connects from now on has it
    const rows = await this.sql(
      'postgres',
      'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = $1',
      ['client backend'],
    )
    for (const { pid } of rows)
      try {
        limit(Number(pid))
      } catch (error) {
        if (fs.existsSync(`/proc/${pid}`)) throw error // it was gone before it could be limited
      }
  }

  /** Runs one of PostgreSQL's programs as its user. */
  run(program: string, ...args: string[]): string {
    return execFileSync(path.join(POSTGRES!, program), args, {
      ...user(),
      cwd: this.folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', HOME: this.folder },
    })
  }

  /** Starts it, also after it was killed; it has the same port then. */
  async up(): Promise<void> {
    if (this.port === 0) this.port = await freePort()
    const child = spawn(
      path.join(POSTGRES!, 'postgres'),
      [
        ...['-D', this.data, '-k', this.folder, '-h', '127.0.0.1', '-p', String(this.port)],
        // What a killed process has written the system still has; nobody pulls a plug here.
        ...[
          '-c',
          'fsync=off',
          '-c',
          'max_connections=100',
          '-c',
          'shared_buffers=32MB',
          '-c',
          'restart_after_crash=on',
        ],
      ],
      {
        ...user(),
        cwd: this.folder,
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, LC_ALL: 'C' },
      },
    )
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-10_000)))
    this.process = child
    const deadline = Date.now() + 40_000
    for (;;) {
      const client = new pg.Client({ connectionString: this.url('postgres') })
      client.on('error', () => {})
      try {
        await client.connect()
        await client.end()
        return
      } catch (error) {
        if (Date.now() > deadline || child.exitCode !== null)
          throw new Error(`PostgreSQL does not start:\n${said}`, { cause: error })
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }

  /** The postmaster dies by SIGKILL, and its children, who see that it is gone. */
  async kill(): Promise<void> {
    const child = this.process!
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
    // Its children hold the shared memory until they have noticed.
    await new Promise((resolve) => setTimeout(resolve, 100))
  }

  async stop(): Promise<void> {
    const child = this.process
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGQUIT')
      await ended
    }
    fs.rmSync(this.folder, { recursive: true, force: true })
  }

  url(database: string, role = 'postgres', port = this.port): string {
    return `postgres://${role}@127.0.0.1:${port}/${database}`
  }

  /** A new and empty database; its name. */
  async database(): Promise<string> {
    const name = `fleet_${++this.databases}`
    await this.sql('postgres', `CREATE DATABASE ${name}`)
    return name
  }

  /** The rows of a statement. */
  async sql(
    database: string,
    text: string,
    values: unknown[] = [],
    role = 'postgres',
  ): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database, role) })
    client.on('error', () => {})
    await client.connect()
    try {
      const result = await client.query(text, values)
      return (Array.isArray(result) ? result.at(-1) : result).rows
    } finally {
      await client.end()
    }
  }
}
