/** Texts of the tape by id, parsed once each. */
import { TapeError } from '../../errors.js'
import type { CallOutput, Plain } from '../../events/event.js'
import { textToPlain } from '../../events/plain.js'
import type { Connection, Statement } from '../format/connection.js'
import type { TextTable } from '../format/text-tables.js'

/** Parsed texts kept of each kind. */
const KEPT_MAX = 65_536

export interface Signature {
  function: string
  scope: string
  linked: boolean
  /** As a call has them of which nothing was kept. */
  outputs: readonly CallOutput[]
}

export interface LeafForm {
  role: string
  requiresGrad: boolean
  name: string | null
  dtype: string
  shape: readonly number[]
}

export interface ArrayForm {
  dtype: string
  shape: readonly number[]
}

export class TextReader {
  private readonly statements: { [T in TextTable]: Statement }
  private readonly kept = {
    text: new Map<number, string>(),
    attributes: new Map<number, Plain>(),
    signature: new Map<number, Signature>(),
    leaf: new Map<number, LeafForm>(),
    array: new Map<number, ArrayForm>(),
  }

  constructor(db: Connection) {
    const statement = (table: TextTable) => db.prepare(`SELECT content FROM ${table} WHERE id = ?`).pluck()
    this.statements = {
      _text: statement('_text'),
      _signature: statement('_signature'),
      _leaf_form: statement('_leaf_form'),
      _array_form: statement('_array_form'),
    }
  }

  text(id: number): string {
    return this.cached(this.kept.text, '_text', id, (text) => text)
  }

  /** A text that is hardly read again: not kept. */
  passing(id: number): string {
    const content = this.statements._text.get(id) as string | undefined
    if (content === undefined) throw new TapeError('TAPE_CORRUPT', `row ${id} of _text is missing`)
    return content
  }

  attributes(id: number): Plain {
    return this.cached(this.kept.attributes, '_text', id, (text) => textToPlain(text, `text ${id}`))
  }

  signature(id: number): Signature {
    return this.cached(this.kept.signature, '_signature', id, (text) => {
      const [name, scope, linked, outputs] = parsed(text, 4, `signature ${id}`) as [
        string,
        string,
        boolean,
        [string, number[]][],
      ]
      return {
        function: name,
        scope,
        linked,
        outputs: outputs.map(([dtype, shape]) => ({ dtype, shape, value: null })),
      }
    })
  }

  leafForm(id: number): LeafForm {
    return this.cached(this.kept.leaf, '_leaf_form', id, (text) => {
      const [role, requiresGrad, name, dtype, shape] = parsed(text, 5, `leaf form ${id}`) as [
        string,
        boolean,
        string | null,
        string,
        number[],
      ]
      return { role, requiresGrad, name, dtype, shape }
    })
  }

  arrayForm(id: number): ArrayForm {
    return this.cached(this.kept.array, '_array_form', id, (text) => {
      const [dtype, shape] = parsed(text, 2, `array form ${id}`) as [string, number[]]
      return { dtype, shape }
    })
  }

  private cached<T>(kept: Map<number, T>, table: TextTable, id: number, parse: (text: string) => T): T {
    let value = kept.get(id)
    if (value === undefined) {
      const content = this.statements[table].get(id) as string | undefined
      if (content === undefined) throw new TapeError('TAPE_CORRUPT', `row ${id} of ${table} is missing`)
      value = parse(content)
      if (kept.size >= KEPT_MAX) kept.clear()
      kept.set(id, value)
    }
    return value
  }
}

function parsed(text: string, length: number, what: string): unknown[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch (cause) {
    throw new TapeError('TAPE_CORRUPT', `${what} is not JSON`, { cause })
  }
  if (!Array.isArray(list) || list.length !== length)
    throw new TapeError('TAPE_CORRUPT', `${what} expected ${length} fields`)
  return list
}
