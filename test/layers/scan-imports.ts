/**
 * Finds what a TypeScript source imports, by the parser that vitest brings (oxc). Knows nothing of rooms or rules.
 */
import { type ESTree, parseSync, Visitor } from 'rolldown/utils'

/** One import, re-export, dynamic import, `import()` type, `require` or worker URL. */
export interface ImportFound {
  /** The module's name as written; null when it is computed and nobody can tell. */
  readonly specifier: string | null
  readonly line: number
  /** Names taken from the module, as the module calls them; `*` for the whole namespace. */
  readonly names: readonly string[]
  readonly kind: 'import' | 'export' | 'export-all' | 'dynamic' | 'url'
  /** `import type …`, an `import()` type: nothing of it is left at run time. */
  readonly typeOnly?: boolean
}

/**
 * Lists the imports of a source in their order, type imports included.
 *
 * Throws an Error when the source is not TypeScript: of what could not be read nobody knows what it imports.
 */
export function scanImports(source: string, name = 'source.ts'): ImportFound[] {
  const { program, errors } = parseSync(name, source)
  const lineOf = lineCounter(source)
  const [error] = errors
  if (error !== undefined) {
    throw new Error(`line ${lineOf(error.labels[0]?.start ?? 0)}: ${error.message}`)
  }
  const found: (ImportFound & { start: number })[] = []
  const add = ({ start }: { start: number }, what: Omit<ImportFound, 'line'>) =>
    found.push({ ...what, line: lineOf(start), start })

  new Visitor({
    ImportDeclaration(node) {
      add(node, {
        specifier: node.source.value,
        names: node.specifiers.map(importedName),
        kind: 'import',
        ...typeOnly(node.importKind),
      })
    },
    ExportNamedDeclaration(node) {
      if (node.source === null) return
      const names = node.specifiers.map(({ local }) => nameOf(local))
      add(node, { specifier: node.source.value, names, kind: 'export', ...typeOnly(node.exportKind) })
    },
    ExportAllDeclaration(node) {
      const { source: from, exportKind } = node
      add(node, { specifier: from.value, names: ['*'], kind: 'export-all', ...typeOnly(exportKind) })
    },
    ImportExpression(node) {
      add(node, { specifier: textOf(node.source), names: ['*'], kind: 'dynamic' })
    },
    TSImportType(node) {
      add(node, { specifier: node.source.value, names: ['*'], kind: 'dynamic', typeOnly: true })
    },
    TSExternalModuleReference(node) {
      add(node, { specifier: node.expression.value, names: ['*'], kind: 'dynamic' })
    },
    CallExpression(node) {
      if (node.callee.type !== 'Identifier' || node.callee.name !== 'require') return
      add(node, { specifier: textOf(node.arguments[0]), names: ['*'], kind: 'dynamic' })
    },
    NewExpression(node) {
      const [name, base] = node.arguments
      const isUrl = node.callee.type === 'Identifier' && node.callee.name === 'URL'
      if (!isUrl || !isBesideThisModule(base)) return
      const specifier = textOf(name)
      if (specifier !== null && /\.[cm]?[jt]s$/.test(specifier)) {
        add(node, { specifier, names: [], kind: 'url' })
      }
    },
  }).visit(program)
  // A dynamic import inside a declaration is visited before what follows it, so the order is that of the text.
  return found.sort((a, b) => a.start - b.start).map(({ start: _, ...rest }) => rest)
}

function importedName(specifier: ESTree.ImportDeclarationSpecifier): string {
  if (specifier.type === 'ImportDefaultSpecifier') return 'default'
  return specifier.type === 'ImportNamespaceSpecifier' ? '*' : nameOf(specifier.imported)
}

function nameOf(name: ESTree.ModuleExportName): string {
  return name.type === 'Literal' ? name.value : name.name
}

function typeOnly(kind: 'type' | 'value' | undefined): { typeOnly?: true } {
  return kind === 'type' ? { typeOnly: true } : {}
}

/** The text of a string, or of a template without parts; null for whatever is computed. */
function textOf(node: ESTree.Node | undefined): string | null {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value
  if (node?.type !== 'TemplateLiteral' || node.expressions.length > 0) return null
  return node.quasis[0]?.value.cooked ?? null
}

/** Whether this is `import.meta.url`, or another field of it. */
function isBesideThisModule(node: ESTree.Node | undefined): boolean {
  return node?.type === 'MemberExpression' && node.object.type === 'MetaProperty'
}

function lineCounter(source: string): (offset: number) => number {
  return (offset) => source.slice(0, offset).split('\n').length
}
