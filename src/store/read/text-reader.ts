/** Texts of the tape by id, parsed once each. */
import { TapeError } from '../../errors.js'
import { type CallSite, siteOf } from '../../events/call-site.js'
import type { CallOutput, Plain } from '../../events/event.js'
import {
  type ArrayForm,
  arrayFormOf,
  type CallSignature,
  type LeafForm,
  leafFormOf,
  signatureOf,
} from '../../events/forms.js'
import { textToPlain } from '../../events/plain.js'
import type { Connection, Statement } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import type { TextTable } from '../format/text-tables.js'

/** Parsed texts kept of each kind. */
const KEPT_MAX = 65_536

/** Texts read at once where one after the other is asked for. */
const AHEAD = 256

/** A signature as a reader has it: its outputs as those of a call of which nothing was kept. */
export interface Signature extends CallSignature {
  outputs: readonly CallOutput[]
}

export class TextReader {
  private readonly statements: { [T in TextTable]: Statement }
  private readonly kept = {
    text: new Map<number, string>(),
    attributes: new Map<number, Plain>(),
    signature: new Map<number, Signature>(),
    leaf: new Map<number, LeafForm>(),
    array: new Map<number, ArrayForm>(),
    site: new Map<number, CallSite>(),
  }

  private readonly following: Statement
  private ahead = new Map<number, string>()
  private lastPassing = -1

  constructor(db: Connection) {
    this.following = db.prepare('SELECT id, content FROM _text WHERE id BETWEEN ? AND ?').raw()
    const statement = (table: TextTable) => db.prepare(`SELECT content FROM ${table} WHERE id = ?`).pluck()
    this.statements = {
      _text: statement('_text'),
      _signature: statement('_signature'),
      _leaf_form: statement('_leaf_form'),
      _array_form: statement('_array_form'),
      _site: statement('_site'),
    }
  }

  text(id: number): string {
    return this.cached(this.kept.text, '_text', id, (text) => text)
  }

  /** A text that is hardly read again, and those written after it, which whoever reads a run in order asks for next: not kept. */
  passing(id: number): string {
    let content = this.ahead.get(id)
    if (content === undefined) {
      // Two in a row begin to be a run of them; one alone is read alone.
      const count = id - this.lastPassing === 1 ? AHEAD : 1
      this.ahead = new Map(reading(() => this.following.all(id, id + count - 1) as [number, string][]))
      content = this.ahead.get(id)
      if (content === undefined) throw new TapeError('TAPE_CORRUPT', `row ${id} of _text is missing`)
    }
    this.lastPassing = id
    return content
  }

  attributes(id: number): Plain {
    return this.cached(this.kept.attributes, '_text', id, (text) => textToPlain(text, `text ${id}`))
  }

  signature(id: number): Signature {
    return this.cached(this.kept.signature, '_signature', id, (text) => {
      const signature = signatureOf(text, `signature ${id}`)
      return { ...signature, outputs: signature.outputs.map((output) => ({ ...output, value: null })) }
    })
  }

  leafForm(id: number): LeafForm {
    return this.cached(this.kept.leaf, '_leaf_form', id, (text) => leafFormOf(text, `leaf form ${id}`))
  }

  arrayForm(id: number): ArrayForm {
    return this.cached(this.kept.array, '_array_form', id, (text) => arrayFormOf(text, `array form ${id}`))
  }

  site(id: number): CallSite {
    return this.cached(this.kept.site, '_site', id, (text) => siteOf(text, `site ${id}`))
  }

  private cached<T>(kept: Map<number, T>, table: TextTable, id: number, parse: (text: string) => T): T {
    let value = kept.get(id)
    if (value === undefined) {
      const content = reading(() => this.statements[table].get(id) as string | undefined)
      if (content === undefined) throw new TapeError('TAPE_CORRUPT', `row ${id} of ${table} is missing`)
      value = parse(content)
      if (kept.size >= KEPT_MAX) kept.clear()
      kept.set(id, value)
    }
    return value
  }
}

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw sqliteError(error, 'reading the texts of the tape')
  }
}
