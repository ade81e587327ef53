/** From a run's own numbering of texts to the ids of the rows that hold them, shared by all runs of the tape. */
import type { PackedBatch } from '../../events/pack.js'
import type { Connection, Statement } from '../format/connection.js'
import { TEXT_TABLES, type TextTable } from '../format/text-tables.js'

/** The texts as they were at some time; a renumbering leaves them as they are, and begins a list of its own. */
interface TextSavepoint {
  readonly contents: string[]
  readonly length: number
}

export class TextNumbers {
  private contents: string[]
  // Row ids by number, a list for each table: calls ask for theirs one by one.
  private texts: (number | undefined)[] = []
  private signatures: (number | undefined)[] = []
  private leafForms: (number | undefined)[] = []
  private arrayForms: (number | undefined)[] = []
  private sites: (number | undefined)[] = []
  private readonly find: { [T in TextTable]: Statement }
  private readonly insert: { [T in TextTable]: Statement }
  constructor(db: Connection, known: readonly string[] = []) {
    this.contents = [...known]
    const each = (sql: (table: TextTable) => string) =>
      Object.fromEntries(TEXT_TABLES.map((table) => [table, db.prepare(sql(table))])) as {
        [T in TextTable]: Statement
      }
    this.find = each((table) => `SELECT id FROM ${table} WHERE content = ?`)
    this.insert = each((table) => `INSERT INTO ${table} (content) VALUES (?)`)
  }

  /** The texts by number. */
  get all(): readonly string[] {
    return this.contents
  }

  /** Takes in the texts of a batch. */
  learn(batch: Pick<PackedBatch, 'firstText' | 'texts'>): void {
    if (batch.firstText === 0) {
      this.contents = []
      this.forgetIds()
    }
    this.contents.length = batch.firstText
    for (const text of batch.texts) this.contents.push(text)
  }

  content(number: number): string {
    return this.contents[number]!
  }

  // The id of the row that holds text `number`; made at first sight.

  textId(number: number): number {
    return this.texts[number] ?? this.rowFor('_text', this.texts, number)
  }

  signatureId(number: number): number {
    return this.signatures[number] ?? this.rowFor('_signature', this.signatures, number)
  }

  leafFormId(number: number): number {
    return this.leafForms[number] ?? this.rowFor('_leaf_form', this.leafForms, number)
  }

  arrayFormId(number: number): number {
    return this.arrayForms[number] ?? this.rowFor('_array_form', this.arrayForms, number)
  }

  siteId(number: number): number {
    return this.sites[number] ?? this.rowFor('_site', this.sites, number)
  }

  private rowFor(table: TextTable, ids: (number | undefined)[], number: number): number {
    const content = this.content(number)
    const found = this.find[table].get(content) as { id: number } | undefined
    const id = found?.id ?? Number(this.insert[table].run(content).lastInsertRowid)
    ids[number] = id
    return id
  }

  /** What `rollBack` goes back to. */
  get savepoint(): TextSavepoint {
    return { contents: this.contents, length: this.contents.length }
  }

  /** After a rollback: rows made in the transaction are gone, and its batches are not taken in. */
  rollBack({ contents, length }: TextSavepoint): void {
    contents.length = length
    this.contents = contents
    this.forgetIds()
  }

  private forgetIds(): void {
    this.texts = []
    this.signatures = []
    this.leafForms = []
    this.arrayForms = []
    this.sites = []
  }
}
