/**
 * Finds what a module holds: parameters, buffers and modules in its fields, and in arrays, Sets, Maps and plain objects
 * there. A path is the names of the fields joined by dots. It does not know what a module does.
 */
import { refuseOtherCopy } from '../copies.js'
import { TapeError } from '../errors.js'
import { Variable } from '../graph/variable.js'

/** Each by its dotted path, in order of discovery; what is met twice has the path of the first time. */
export interface Tree<M> {
  readonly parameters: Map<string, Variable>
  readonly buffers: Map<string, Variable>
  readonly modules: Map<string, M>
}

const buffers = new WeakSet<Variable>()

/** Makes a variable part of its module's state, though it is not trained. */
export function markBuffer(variable: Variable): void {
  buffers.add(variable)
}

export function searchTree<M extends object>(root: M, isModule: (value: object) => value is M): Tree<M> {
  const tree: Tree<M> = { parameters: new Map(), buffers: new Map(), modules: new Map() }
  const seen = new Set<object>([root])

  const searchFields = (holder: object, prefix: string): void => {
    for (const key of Object.keys(holder)) visit((holder as Record<string, unknown>)[key], prefix, key)
  }
  const visit = (value: unknown, prefix: string, key: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return
    const path = prefix === '' ? key : `${prefix}.${key}`
    if (value instanceof Variable) {
      if (value.role === 'parameter') put(tree.parameters, path, value)
      else if (buffers.has(value)) put(tree.buffers, path, value)
      else return
      seen.add(value)
      return
    }
    refuseOtherCopy(value, path)
    seen.add(value)
    if (isModule(value)) {
      put(tree.modules, path, value)
      searchFields(value, path)
    } else if (Array.isArray(value) || value instanceof Set) {
      let index = 0
      for (const item of value) visit(item, path, String(index++))
    } else if (value instanceof Map) {
      for (const [name, item] of value) visit(item, path, String(name))
    } else if (isPlainObject(value)) {
      searchFields(value, path)
    }
  }
  searchFields(root, '')
  return tree
}

function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Only a Map whose keys hold dots, or whose keys read alike, can give one path to two things. */
function put<T>(into: Map<string, T>, path: string, value: T): void {
  if (into.has(path)) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `a module expected one thing for each path, got two for "${path}"; give its Map other keys`,
    )
  }
  into.set(path, value)
}
