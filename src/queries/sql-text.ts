/**
 * The words of a statement as SQLite reads them: what is a comment, a text, a name or a parameter, and where it stands. For who
 * has to say where a mistake is, or whether a statement is whole. Knows no grammar.
 */

type TokenKind = 'word' | 'quoted name' | 'text' | 'number' | 'parameter' | 'sign'

interface Token {
  readonly kind: TokenKind
  readonly text: string
  /** Offset of its first character. */
  readonly at: number
  /** False for a text or name whose closing quote is missing. */
  readonly closed: boolean
}

const SPACE = /(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/y
const NAME = '[A-Za-z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*'
const KINDS: readonly (readonly [TokenKind, RegExp])[] = [
  ['text', /[xX]?'(?:[^']|'')*(?:'|$)/y],
  ['quoted name', /"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)/y],
  ['parameter', new RegExp(`\\?\\d*|[:@$#]${NAME}(?:::${NAME})*`, 'y')],
  ['number', /0[xX][\da-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?/y],
  ['word', new RegExp(NAME, 'y')],
  ['sign', /->>|->|<>|<=|>=|==|!=|<<|>>|\|\||[\s\S]/y],
]

/** All but spaces and comments, in order. */
function tokensOf(sql: string): Token[] {
  const tokens: Token[] = []
  for (let at = afterSpace(sql, 0); at < sql.length; ) {
    const token = tokenAt(sql, at)
    tokens.push(token)
    at = afterSpace(sql, at + token.text.length)
  }
  return tokens
}

function tokenAt(sql: string, at: number): Token {
  for (const [kind, pattern] of KINDS) {
    pattern.lastIndex = at
    const text = pattern.exec(sql)?.[0]
    if (text !== undefined) return { kind, text, at, closed: isClosed(kind, text) }
  }
  throw new Error(`no token at ${at}`) // the last pattern takes any character
}

function isClosed(kind: TokenKind, text: string): boolean {
  if (kind !== 'text' && kind !== 'quoted name') return true
  const body = text.replace(/^[xX](?=')/, '')
  const quote = body.startsWith('[') ? ']' : body.slice(0, 1)
  const inner = body.slice(1)
  // Doubled quotes stand for one, so a closing one stands alone.
  const last = /(?:'+|"+|`+|\]+)$/.exec(inner)?.[0] ?? ''
  return quote === ']' ? inner.endsWith(']') : last.startsWith(quote) && last.length % 2 === 1
}

function afterSpace(sql: string, at: number): number {
  SPACE.lastIndex = at
  return SPACE.exec(sql) === null ? at : SPACE.lastIndex
}

/** What is left of a statement without the spaces and comments before it. */
export function withoutLeadingComments(sql: string): string {
  return sql.slice(afterSpace(sql, 0)).trimEnd()
}

/** Whether a statement has come to its end: its last token is a semicolon. */
export function isWhole(sql: string): boolean {
  const last = tokensOf(sql).at(-1)
  return last?.kind === 'sign' && last.text === ';'
}

/** A parameter of a statement: its name without the sign before it, its number, or null for a plain `?`. */
export function parametersOf(sql: string): (string | null)[] {
  return tokensOf(sql)
    .filter(({ kind }) => kind === 'parameter')
    .map(({ text }) => (text === '?' ? null : text.slice(1)))
}

/** A name as it is meant: without its quotes. */
export function nameOf({ kind, text }: Token): string {
  if (kind !== 'quoted name') return text
  const quote = text.slice(0, 1)
  const inner = text.slice(1, text.length > 1 ? -1 : undefined)
  return quote === '[' ? inner : inner.replaceAll(quote + quote, quote)
}

/**
 * Where the mistake stands that SQLite's words are about; null when they do not say, or it cannot be told.
 *
 * complaintOf   what SQLite says of a text, null when it can be prepared
 */
export function placeOf(
  complaint: string,
  sql: string,
  complaintOf: (sql: string) => string | null,
): number | null {
  if (complaint === 'incomplete input') return sql.trimEnd().length
  const tokens = tokensOf(sql)
  const near = /^near "([\s\S]*)": syntax error/.exec(complaint)?.[1]
  if (near !== undefined) {
    // The parser stops at the first token that cannot follow: what ends with it is refused in the same words.
    const found = tokens.find(
      ({ text, at }) => text === near && complaintOf(sql.slice(0, at + text.length)) === complaint,
    )
    return found?.at ?? null
  }
  const unrecognized = /^unrecognized token: "([\s\S]*)"/.exec(complaint)?.[1]
  if (unrecognized !== undefined) {
    const found = tokens.find(({ text, closed }) => (closed ? text === unrecognized : unrecognized === text))
    return found?.at ?? null
  }
  const name =
    /^(?:no such (?:table|column|function|table-valued function)|ambiguous column name): (?:.*\.)?(.+?)$/.exec(
      complaint,
    )?.[1] ?? /^wrong number of arguments to function (\w+)\(\)/.exec(complaint)?.[1]
  if (name === undefined) return null
  const found = tokens.find(
    (token) =>
      (token.kind === 'word' || token.kind === 'quoted name') &&
      nameOf(token).toLowerCase() === name.toLowerCase(),
  )
  return found?.at ?? null
}

/** A statement with values in the places of its named parameters; one without a value stays. */
export function withValues(sql: string, values: ReadonlyMap<string, null | number | string>): string {
  let text = ''
  let copied = 0
  for (const { kind, text: name, at } of tokensOf(sql)) {
    const value = kind === 'parameter' ? values.get(name.slice(1)) : undefined
    if (value === undefined) continue
    text += sql.slice(copied, at) + literal(value)
    copied = at + name.length
  }
  return text + sql.slice(copied)
}

function literal(value: null | number | string): string {
  if (value === null) return 'NULL'
  if (typeof value === 'number')
    return Number.isFinite(value)
      ? String(value)
      : Number.isNaN(value)
        ? 'NULL'
        : value > 0
          ? '9e999'
          : '-9e999'
  // SQLite reads a statement up to the first NUL.
  return value.includes('\0')
    ? `CAST(x'${Buffer.from(value).toString('hex')}' AS TEXT)`
    : `'${value.replaceAll("'", "''")}'`
}

const EXCERPT_MAX = 100

/** The line of a text that has the offset in it, and a mark below it. `line` and `column` count from 1. */
export function pointedAt(sql: string, offset: number): { line: number; column: number; excerpt: string } {
  const before = sql.slice(0, offset)
  const start = before.lastIndexOf('\n') + 1
  const end = sql.indexOf('\n', offset)
  const whole = sql.slice(start, end < 0 ? undefined : end).replaceAll('\t', ' ')
  const column = offset - start
  const from = Math.max(0, Math.min(column - EXCERPT_MAX / 2, whole.length - EXCERPT_MAX))
  const shown = whole.slice(from, from + EXCERPT_MAX)
  const lead = from > 0 ? '…' : ''
  const rest = from + EXCERPT_MAX < whole.length ? '…' : ''
  const gap = ' '.repeat([...lead, ...whole.slice(from, column)].length)
  return {
    line: before.split('\n').length,
    column: [...sql.slice(start, offset)].length + 1,
    excerpt: `  ${lead}${shown.trimEnd()}${rest}\n  ${gap}^`,
  }
}
