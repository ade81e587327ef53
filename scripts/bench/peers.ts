// Other libraries beside ours: each a process that is asked for one piece of work after the other, so that all are measured
// in turn on the same machine in the same minutes. A peer that is not installed is left out, and it is said why.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Sample } from './workload.js'

// The peers' programs are no TypeScript, so they are not copied beside this file when it is built.
const PROGRAMS = fileURLToPath(new URL('../../../scripts/bench/peers/', import.meta.url))
const TFJS = ['@tensorflow/tfjs@4.22.0', '@tensorflow/tfjs-backend-wasm@4.22.0']
const INSTALL_TIMEOUT_MS = 180_000
export const PYTHONS = ['/usr/bin/python3', 'python3']

export class Peer {
  private readonly process: ChildProcess
  private readonly lines: AsyncIterator<string>
  private readonly reader: Interface
  name = ''

  private constructor(command: string, args: readonly string[]) {
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
    this.process.on('error', () => {}) // then it says nothing, and `read` reports that
    if (this.process.stdout === null) throw new Error('a peer has no output')
    this.reader = createInterface({ input: this.process.stdout })
    this.lines = this.reader[Symbol.asyncIterator]()
  }

  /** Starts a peer; null when its process ends before it says its name. */
  static async start(command: string, args: readonly string[]): Promise<Peer | null> {
    const peer = new Peer(command, args)
    const hello = await peer.read()
    if (hello === null) return null
    peer.name = (hello as { name: string }).name
    return peer
  }

  /** What it measured for a piece of work; nothing when it knows no such work. */
  async ask(work: string, targetMs: number): Promise<Sample[]> {
    this.process.stdin?.write(`${JSON.stringify({ work, targetMs })}\n`)
    const found = (await this.read()) as Omit<Sample, 'who'>[] | null
    if (found === null) throw new Error(`${this.name} ended while it was asked for "${work}"`)
    return found.map((each) => ({ who: this.name, ...each }))
  }

  end(): void {
    this.process.stdin?.end()
    this.reader.close()
  }

  private async read(): Promise<unknown> {
    const { value, done } = await this.lines.next()
    return done === true ? null : JSON.parse(value)
  }
}

/** The peers that are installed; TensorFlow.js is installed into a cache folder of the user when `install` says so. */
export async function startPeers(install: boolean, say: (text: string) => void): Promise<Peer[]> {
  const peers = [await startTorch(say), await startTfjs(install, say)]
  return peers.filter((peer) => peer !== null)
}

async function startTorch(say: (text: string) => void): Promise<Peer | null> {
  for (const python of PYTHONS) {
    if (spawnSync(python, ['-c', 'import torch'], { stdio: 'ignore' }).status !== 0) continue
    return await Peer.start(python, ['-B', join(PROGRAMS, 'torch_peer.py')])
  }
  say(`without PyTorch: neither ${PYTHONS.join(' nor ')} can import torch`)
  return null
}

async function startTfjs(install: boolean, say: (text: string) => void): Promise<Peer | null> {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'gradtape-bench')
  if (!existsSync(join(folder, 'node_modules', '@tensorflow', 'tfjs-backend-wasm'))) {
    if (!install) {
      say(`without TensorFlow.js: it is not in ${folder}; a run without --quick installs it there`)
      return null
    }
    say(`installing TensorFlow.js into ${folder}`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const { status, stderr } = spawnSync(
      npm,
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...TFJS],
      { cwd: folder, encoding: 'utf8', timeout: INSTALL_TIMEOUT_MS, shell: process.platform === 'win32' },
    )
    if (status !== 0) {
      say(`without TensorFlow.js: npm install failed: ${(stderr ?? '').trim().split('\n').at(-1) ?? ''}`)
      return null
    }
  }
  return await Peer.start(process.execPath, [join(PROGRAMS, 'tfjs_peer.mjs'), folder])
}
