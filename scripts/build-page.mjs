// Builds the inspector's page, src/ui → dist/ui, when what it is made from has changed. The packages it is built from are
// development dependencies: the page carries what it needs of them.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashOf, isStamped, replace } from './build.mjs'

/** Builds the page when needed; returns whether it did. Throws with the bundler's words when it fails. */
export async function buildPage(root) {
  const out = join(root, 'dist', 'ui')
  const stamp = hashOf(root, [
    'src/ui',
    'src/server/api.ts',
    'tsconfig.ui.json',
    'package-lock.json',
    'scripts/build-page.mjs',
  ])
  if (isStamped(out, stamp)) return false

  const { build } = await import('vite')
  const next = join(root, '.build', 'page-next')
  rmSync(next, { recursive: true, force: true })
  await build({
    root: join(root, 'src', 'ui'),
    configFile: false,
    envFile: false,
    logLevel: 'error',
    cacheDir: join(root, '.build', 'vite'),
    base: '/',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    worker: { format: 'es' },
    build: {
      outDir: next,
      emptyOutDir: true,
      target: 'es2022',
      sourcemap: false,
      // A file of its own for everything: the page's policy allows nothing inside it.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
  })
  styleInPage(next)
  replace(out, next, stamp)
  return true
}

/** Puts the style into the page: what is seen first waits for no second file. The server writes its nonce, which the page's policy asks for. */
function styleInPage(folder) {
  const page = join(folder, 'index.html')
  const html = readFileSync(page, 'utf8')
  const link = /<link rel="stylesheet"[^>]* href="\/(assets\/[^"]+\.css)">/.exec(html)
  if (link === null) throw new Error('the page that was built links no style')
  const file = join(folder, link[1])
  const style = readFileSync(file, 'utf8')
  if (/<\/style/i.test(style)) throw new Error('the style of the page would end before its end')
  writeFileSync(
    page,
    html.replace(link[0], () => `<style nonce="STYLE-NONCE">${style}</style>`),
  )
  rmSync(file)
}
