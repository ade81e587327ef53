// Compares the kernels of the built library with the golden files in test/fixtures/ in Chromium:
//   node scripts/check-browser.mjs [path of a Chromium]      else CHROME_BIN, else the usual names
// The page loads the same modules that Node does and posts its findings to a server of this process. Where there is no
// Chromium it says so and ends with 2, which is neither "they agree" (0) nor "they differ" (1).
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const PATIENCE_MS = 120_000

const PAGE = `<!doctype html><script type="module">
  const tell = (what) => fetch('/findings', { method: 'POST', body: JSON.stringify(what) })
  const golden = async (name) => (await fetch('/test/fixtures/' + name + '-golden.json')).json()
  try {
    const { differences, expectedHashes, kernelHashes } = await import('/scripts/kernel-corpus.mjs')
    const { functionHashes, loadEngine } = await import('/scripts/function-corpus.mjs')
    const engine = await loadEngine((part) => import('/dist/' + part + '.js'))
    const functionsOn = (kernel) => {
      engine.useKernel(kernel)
      return functionHashes(engine)
    }
    const found = []
    for (const [name, hashesOn] of [['kernel', kernelHashes], ['function', functionsOn]]) {
      const file = await golden(name)
      for (const path of ['plainKernel', 'portableKernel', 'plainKernel2', 'portableKernel2']) {
        const expected = expectedHashes(file, engine[path].id)
        const wrong = differences(hashesOn(engine[path]), expected)
        found.push({ name, path, count: Object.keys(expected).length, wrong })
      }
    }
    await tell({ agent: navigator.userAgent, wasm: engine.staging() !== null, found })
  } catch (error) {
    await tell({ failure: String(error?.stack ?? error) })
  }
</script>`

const SERVED =
  /^\/(dist\/(packed\/(base|compute|rolldown-runtime)|array|copies|errors|functions|graph|nearest|optim|options)|scripts\/(kernel|function)-corpus|test\/fixtures\/(kernel|function)-golden)/
const TYPES = { js: 'text/javascript', mjs: 'text/javascript', json: 'application/json' }

function serve(request, response, found) {
  if (request.method === 'POST') {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      response.end()
      found(JSON.parse(body))
    })
    return
  }
  const path = normalize(new URL(request.url, 'http://localhost').pathname)
  if (path === '/') return response.setHeader('content-type', 'text/html').end(PAGE)
  const type = TYPES[path.split('.').pop()]
  try {
    if (!SERVED.test(path) || type === undefined) throw path
    response.setHeader('content-type', type).end(readFileSync(join(ROOT, path)))
  } catch {
    response.writeHead(404).end()
  }
}

/** Removes a folder that processes which are just ending may still write to: for as long as ten seconds. */
async function remove(folder) {
  for (let tries = 100; ; tries--) {
    try {
      rmSync(folder, { recursive: true, force: true })
      return
    } catch (error) {
      if (tries === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

async function main() {
  const named = process.argv[2] ?? process.env.CHROME_BIN
  const browser = (named ? [named] : NAMES).find((name) => spawnSync(name, ['--version']).status === 0)
  if (browser === undefined) {
    console.log('skipped: no Chromium found; install it (Debian: apt-get install chromium) or name one')
    return 2
  }
  const profile = mkdtempSync(join(tmpdir(), 'gradtape-browser-'))
  const server = createServer()
  let child
  try {
    const findings = await new Promise((resolve, reject) => {
      server.on('request', (request, response) => serve(request, response, resolve))
      server.listen(0, '127.0.0.1', () => {
        const flags = [
          '--headless',
          '--no-sandbox',
          '--disable-gpu',
          '--disable-dev-shm-usage',
          `--user-data-dir=${profile}`,
        ]
        const url = `http://127.0.0.1:${server.address().port}/`
        child = spawn(browser, [...flags, url], { stdio: 'ignore', detached: true })
        child.on('exit', (status) =>
          reject(new Error(`${browser} ended with ${status} before it had answered`)),
        )
      })
      setTimeout(
        () => reject(new Error(`${browser} gave no answer in ${PATIENCE_MS / 1000} s`)),
        PATIENCE_MS,
      ).unref()
    })
    if (findings.failure !== undefined) throw new Error(`the page failed: ${findings.failure}`)
    console.log(
      findings.agent,
      findings.wasm ? '' : '(no WebAssembly: the portable kernel takes the plain path)',
    )
    for (const { name, path, count, wrong } of findings.found) {
      console.log(
        `${name}s, ${path}: ${wrong.length === 0 ? `all ${count} results agree` : `${wrong.length} differ: ${wrong.slice(0, 8).join(', ')}`}`,
      )
    }
    return findings.wasm && findings.found.every(({ wrong }) => wrong.length === 0) ? 0 : 1
  } finally {
    if (child !== undefined && child.exitCode === null) {
      const gone = new Promise((resolve) => child.on('close', resolve))
      process.kill(-child.pid, 'SIGKILL')
      await gone
    }
    server.closeAllConnections()
    server.close()
    await remove(profile)
  }
}

process.exitCode = await main()
