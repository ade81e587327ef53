/**
 * Finds what a TypeScript source imports: a small tokenizer that steps over comments, strings, templates and regular
 * expressions, and a walk over its tokens. Knows nothing of rooms or rules.
 */

/** One import, re-export, dynamic import, `import()` type, `require` or worker URL. */
export interface ImportFound {
  /** The module's name as written; null when it is computed and nobody can tell. */
  readonly specifier: string | null
  readonly line: number
  /** Names taken from the module, as the module calls them; `*` for the whole namespace. */
  readonly names: readonly string[]
  readonly kind: 'import' | 'export' | 'export-all' | 'dynamic' | 'url'
  /** `import type …`: nothing of it is left at run time. */
  readonly typeOnly?: boolean
}

interface Token {
  readonly kind: 'word' | 'string' | 'punctuator' | 'other'
  readonly text: string
  readonly line: number
}

/**
 * Lists the imports of a source, type imports included.
 *
 * Throws an Error when a string does not end on its line: the scanner has lost its place, and would miss imports.
 */
export function scanImports(source: string): ImportFound[] {
  const tokens = tokenize(source)
  const found: ImportFound[] = []
  const at = (index: number): Token => tokens[index] ?? END
  for (let index = 0; index < tokens.length; index++) {
    const { kind, text, line } = at(index)
    if (kind !== 'word' || ['.', '?.'].includes(at(index - 1).text)) continue
    const next = at(index + 1)
    if (text === 'import' || text === 'require') {
      if (next.text === '(' && next.kind === 'punctuator') {
        const name = at(index + 2)
        const whole = name.kind === 'string' && [')', ','].includes(at(index + 3).text)
        // `import(` may also begin a method of that name, or a type; both forms have a string or are reported.
        found.push({ specifier: whole ? name.text : null, line, names: ['*'], kind: 'dynamic' })
      } else if (text === 'import') {
        if (next.kind === 'string') found.push({ specifier: next.text, line, names: [], kind: 'import' })
        else pushFrom(found, at, index, 'import')
      }
    } else if (text === 'export') {
      pushFrom(found, at, index, 'export')
    } else if (text === 'URL' && next.text === '(' && at(index + 2).kind === 'string') {
      const rest = [3, 4, 5, 6, 7].map((ahead) => at(index + ahead).text).join('')
      const name = at(index + 2).text
      if (rest === ',import.meta.' && /\.[cm]?[jt]s$/.test(name)) {
        found.push({ specifier: name, line, names: [], kind: 'url' })
      }
    }
  }
  return found
}

/** Reads `import … from 'x'` or `export … from 'x'` beginning at `index`; other exports have no `from`. */
function pushFrom(
  found: ImportFound[],
  at: (index: number) => Token,
  index: number,
  word: 'import' | 'export',
) {
  const { line } = at(index)
  const names: string[] = []
  let all = false
  let braces = 0
  let previous = word as string
  for (let place = index + 1; ; place++) {
    const { kind, text } = at(place)
    // `from` may itself be a name: import from from 'x', import { from } from 'x'.
    if (kind === 'word' && text === 'from' && at(place + 1).kind === 'string' && braces === 0) {
      const specifier = at(place + 1).text
      const typeOnly =
        at(index + 1).text === 'type' && at(index + 2).text !== 'from' && at(index + 2).text !== ','
      found.push({
        specifier,
        line,
        names,
        kind: all ? 'export-all' : word,
        ...(typeOnly ? { typeOnly } : {}),
      })
      return
    }
    if (kind === 'punctuator' && text === '{') braces++
    else if (kind === 'punctuator' && text === '}') braces--
    else if (kind === 'punctuator' && text === '*') {
      names.push('*')
      all = word === 'export'
    } else if (kind === 'word' || (kind === 'string' && braces > 0)) {
      const renamed = previous === 'as'
      const modifier = text === 'type' || text === 'as'
      if (!renamed && !(modifier && kind === 'word')) names.push(braces > 0 ? text : 'default')
    } else if (!(kind === 'punctuator' && text === ',')) {
      return // a declaration, `import x = require('y')` (the require is found by itself), or import.meta
    }
    // A word outside braces after another word is a declaration: export const x, export class X.
    if (word === 'export' && kind === 'word' && braces === 0 && !['type', 'as'].includes(text) && !all) return
    previous = text
  }
}

const END: Token = { kind: 'other', text: '', line: 0 }

/** After these words a slash begins a regular expression. */
const BEFORE_REGEX = new Set(
  'return typeof case in of delete void throw new else do yield await instanceof'.split(' '),
)

function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  // For each template literal we are inside of: how many braces of its `${ }` are open.
  const templates: number[] = []
  let line = 1
  let place = source.startsWith('#!') ? lineEnd(source, 0) : 0

  const push = (kind: Token['kind'], text: string) => tokens.push({ kind, text, line })

  /** Reads template characters from `place` to the closing backtick or to the next `${`; true when it closed. */
  const template = (): boolean => {
    while (place < source.length) {
      const c = source[place]
      if (c === '\n') line++
      if (c === '\\') place += source[place + 1] === '\n' ? 1 : 2
      else if (c === '`') {
        place++
        return true
      } else if (c === '$' && source[place + 1] === '{') {
        place += 2
        return false
      } else place++
    }
    throw new Error(`line ${line}: a template literal does not end`)
  }

  while (place < source.length) {
    const c = source[place] as string
    if (c === '\n') {
      line++
      place++
    } else if (/\s/.test(c)) {
      place++
    } else if (source.startsWith('//', place)) {
      place = lineEnd(source, place)
    } else if (source.startsWith('/*', place)) {
      const end = source.indexOf('*/', place + 2)
      if (end < 0) throw new Error(`line ${line}: a comment does not end`)
      line += source.slice(place, end).split('\n').length - 1
      place = end + 2
    } else if (c === "'" || c === '"') {
      const match = matchAt(STRING, source, place)
      if (!match) throw new Error(`line ${line}: a string does not end on its line`)
      push('string', match.slice(1, -1))
      line += match.split('\n').length - 1
      place += match.length
    } else if (c === '`') {
      const start = ++place
      const closed = template()
      if (closed) push('string', source.slice(start, place - 1))
      else {
        // A template with parts is nobody's module name: what it holds is tokenized like any other code.
        push('other', '`')
        templates.push(0)
      }
    } else if (/[\p{ID_Start}$_#@]/u.test(c)) {
      const text = matchAt(WORD, source, place) as string
      push('word', text)
      place += text.length
    } else if (/[0-9]/.test(c)) {
      const text = matchAt(NUMBER, source, place) as string
      push('other', text)
      place += text.length
    } else {
      const regex = c === '/' && regexMayBegin(tokens) ? regexAt(source, place) : undefined
      if (regex !== undefined) {
        push('other', regex)
        place += regex.length
        continue
      }
      const open = templates.length - 1
      if (c === '}' && templates[open] === 0) {
        place++
        if (template()) templates.pop()
        push('other', '`')
        continue
      }
      if (open >= 0 && c === '{') templates[open] = (templates[open] as number) + 1
      if (open >= 0 && c === '}') templates[open] = (templates[open] as number) - 1
      const double = ['++', '--', '?.'].find((two) => source.startsWith(two, place))
      push('punctuator', double ?? c)
      place += (double ?? c).length
    }
  }
  return tokens
}

// One character a turn: nested repetition would try every way to split a string that does not end.
const STRING = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y
const WORD = /[\p{ID_Start}$_#@][\p{ID_Continue}$\u200c\u200d]*/uy
const NUMBER = /[0-9][\w.]*/y

/** What a sticky pattern matches exactly at `place`. */
function matchAt(pattern: RegExp, source: string, place: number): string | undefined {
  pattern.lastIndex = place
  return pattern.exec(source)?.[0]
}

function lineEnd(source: string, from: number): number {
  const end = source.indexOf('\n', from)
  return end < 0 ? source.length : end
}

/** Whether a slash here begins a regular expression: not where a value has just ended. */
function regexMayBegin(tokens: readonly Token[]): boolean {
  let last = tokens.length - 1
  // A non-null assertion, `a[i]! / n`, stands after a value and leaves it one; a negation does not.
  while (
    tokens[last]?.text === '!' &&
    tokens[last]?.kind === 'punctuator' &&
    last > 0 &&
    endsValue(tokens[last - 1])
  ) {
    last--
  }
  return !endsValue(tokens[last])
}

function endsValue(token: Token | undefined): boolean {
  if (!token) return false
  if (token.kind === 'punctuator') return [')', ']', '}', '++', '--'].includes(token.text)
  return token.kind !== 'word' || !BEFORE_REGEX.has(token.text)
}

/** The regular expression at `place`, or undefined when the line has no end for one. */
function regexAt(source: string, place: number): string | undefined {
  const rest = source.slice(place, lineEnd(source, place))
  return /^\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[])+\/[a-z]*/.exec(rest)?.[0]
}
