/**
 * Holds package.json and package-lock.json to what a fresh clone needs: installable everywhere, from any registry,
 * with the install script of one package only.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Record<string, string>
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'))
const manifest = read('package.json') as { allowScripts: Record<string, boolean> }
const locked = Object.entries(
  (read('package-lock.json') as { packages: Record<string, LockedPackage> }).packages,
)

describe('package-lock.json', () => {
  test('names no registry', () => {
    expect(locked.length).toBeGreaterThan(50)
    expect(locked.filter(([, entry]) => entry.resolved !== undefined)).toEqual([])
  })

  // npm ci refuses a lock without them, and a registry that lacks a platform's package leaves them out silently.
  test('has an entry for every optional dependency, for the platforms that others use', () => {
    const paths = new Set(locked.map(([path]) => path))
    const missing = locked.flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {}).filter(
        (name) => !paths.has(`node_modules/${name}`) && !paths.has(`${path}/node_modules/${name}`),
      ),
    )
    expect(missing).toEqual([])
  })

  test('has install scripts only from packages that package.json allows to run them', () => {
    const scripted = locked
      .filter(([, entry]) => entry.hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ''))
    // koffi brings its binaries in packages of their own and works without its script.
    expect(scripted).toEqual(['better-sqlite3', 'koffi'])
    expect(manifest.allowScripts).toEqual({ 'better-sqlite3': true, koffi: false })
  })
})
