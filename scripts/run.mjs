// Starts a child process and waits for it: with our terminal, or quietly with its output kept.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/**
 * Resolves to `{ status, output }`; `output` is stdout and stderr as they came, kept only when `quiet`.
 * A child that a signal ended has the status a shell would give it, 128 + the signal's number.
 */
export function run(command, args, { cwd, quiet = false, shell = false, env = process.env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      shell,
      env,
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    // Ctrl-C reaches the child from the terminal, and the child decides what follows; other ends we pass on.
    const ignore = () => {}
    const pass = (signal) => child.kill(signal)
    process.on('SIGINT', ignore).on('SIGTERM', pass).on('SIGHUP', pass)
    const settle = (then) => {
      process.off('SIGINT', ignore).off('SIGTERM', pass).off('SIGHUP', pass)
      then()
    }
    child.on('error', (error) => settle(() => reject(error)))
    child.on('close', (code, signal) => {
      settle(() => resolve({ status: code ?? 128 + (constants.signals[signal] ?? 0), output }))
    })
  })
}
