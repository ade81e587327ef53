// Builds the inspector's page, src/ui → dist/ui, when what it is made from has changed. The packages it is built from are
// development dependencies: the page carries what it needs of them.
import { rmSync } from 'node:fs'
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
  replace(out, next, stamp)
  return true
}
