/**
 * Finds the native code of this package, and decides whether it may compute: only after it gave the bits of the plain loops on a
 * small corpus, in this process. Where there is none (no compiler at installation, a browser, a bundled program) the answer is
 * null, and WebAssembly computes the same results. Knows nothing of kernels.
 *
 * GRADTAPE_NATIVE=0 turns it off; GRADTAPE_NATIVE=sse2, avx2 or avx512 asks for one of the instruction sets that the processor has.
 */
import type { Native, NativeLibrary } from './addon.js'
import { agrees } from './self-test.js'

let found: Native | null | undefined

/** The native code of this thread, looked for at the first call; null where there is none that may be used. */
export function native(): Native | null {
  if (found === undefined) found = find()
  return found
}

/** What computes large arrays of the portable kernels here: an instruction set of the native code, or null when it is not used. */
export function nativeWay(): string | null {
  return native()?.way ?? null
}

/** What is used of Node; a browser has none of it. */
type NodeProcess = {
  readonly env: { readonly [name: string]: string | undefined }
  readonly platform: string
  readonly arch: string
  readonly getBuiltinModule?: (name: 'module') => { createRequire(from: string): (path: string) => unknown }
  emitWarning(text: string, options: { code: string }): void
}

function find(): Native | null {
  const node = (globalThis as { process?: NodeProcess }).process
  const wanted = node?.env?.GRADTAPE_NATIVE ?? ''
  // Without it (a browser, Node before 20.16) there is nothing to load native code with.
  if (node?.getBuiltinModule === undefined || wanted === '0') return null
  const library = load(node)
  if (library === null) return null
  const way = wanted === '' || wanted === '1' ? library.ways[0]! : wanted
  if (!library.use(way)) {
    warn(
      node,
      `GRADTAPE_NATIVE expected one of 0, 1, ${library.ways.join(', ')}, got '${way}'; native code is not used`,
    )
    return null
  }
  const numbers = new Float64Array(24)
  library.share(numbers)
  const made = { library, numbers, way }
  if (agrees(made)) return made
  warn(
    node,
    `native code (${way}) gave other bits than plain JavaScript on this machine, so it is not used; please report this`,
  )
  return null
}

function load(node: NodeProcess): NativeLibrary | null {
  const places = [`prebuilds/${node.platform}-${node.arch}/gradtape.node`, 'build/Release/gradtape.node']
  for (const place of places) {
    try {
      const open = node.getBuiltinModule!('module').createRequire(new URL('../../../', import.meta.url).href)
      const library = open(`./${place}`) as Partial<NativeLibrary>
      if (Array.isArray(library.ways)) return library as NativeLibrary
    } catch (error) {
      // As a rule it is not there: then the next place, and then WebAssembly.
      const { code, message } = error as { code?: string; message: string }
      if (code !== 'ERR_DLOPEN_FAILED') continue
      // It may come from another system, as when a folder of packages was copied.
      warn(
        node,
        `${place} cannot be loaded, so it is not used (${message.split('\n')[0]}); npm rebuild gradtape compiles it for this system`,
      )
    }
  }
  return null
}

function warn(node: NodeProcess, text: string): void {
  node.emitWarning(text, { code: 'GRADTAPE_NATIVE' })
}
