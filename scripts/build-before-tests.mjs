// What vitest runs before the first test: dist/ and .build/scripts are brought up to date, because many tests start them as
// programs. Without it `npx vitest` after an edit would test the program of before the edit. It takes 0.1 s when nothing has
// changed, and several vitest processes in one checkout build once: they share the lock.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildLibrary, buildScripts } from './build.mjs'
import { buildNative } from './build-native.mjs'
import { buildPage } from './build-page.mjs'
import { withLock } from './lock.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const say = (text) => process.stderr.write(`gradtape: ${text}\n`)

export async function setup() {
  await withLock(join(root, '.build'), say, async () => {
    if (await buildNative(root, say)) say('native code was older than its C++: built')
    if (await buildLibrary(root)) say('dist was older than src: built')
    if (await buildPage(root)) say('dist/ui was older than src/ui: built')
    await buildScripts(root)
  })
}
