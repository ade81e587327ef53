/** Text as integers and back: by character, or by the byte pairs of a tokenizer file; and text as a data set. */
import { ndarray } from '../array/make-array.js'
import { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { integerOf, refuse } from '../functions/attributes.js'
import { Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { bytesOfFile } from './file-bytes.js'
import { TensorDataset } from './tensor-dataset.js'

/** What turns text into ids below `size`, and ids into text. */
export interface Tokens {
  /** How many ids there are: the rows of an embedding, the classes of a prediction. */
  readonly size: number
  /** The ids of a text, int32 [length]. */
  encode(text: string): NDArray
  /** The text of ids: an array or a Variable of any shape, in row-major order, or a list. */
  decode(ids: Variable | NDArray | ArrayLike<number>): string
}

/**
 * A token for each character of a text, in the order of their code points:
 *
 *     const tokens = new CharacterTokens('hello')
 *     tokens.encode('hole')    // int32 [1, 3, 2, 0]
 *
 * A character is a code point: an emoji is one, an accent that stands by itself another.
 */
export class CharacterTokens implements Tokens {
  /** The characters by their ids. */
  readonly characters: readonly string[]
  private readonly ids: ReadonlyMap<string, number>
  private readonly unknown: number | null

  /**
   * text     holds each character at least once: a corpus, or an alphabet
   * options  unknown: the character that stands for those that are not among them. Default none: they are refused
   * Throws   BAD_ARGUMENT for no text, and for an unknown that is not one character
   */
  constructor(text: string, options: { unknown?: string | undefined } = {}) {
    checkOptions(options, ['unknown'], 'CharacterTokens')
    if (typeof text !== 'string' || text === '')
      refuse(`CharacterTokens expected a text that is not empty, got ${valueText(text)}`)
    const { unknown } = options
    if (unknown !== undefined && (typeof unknown !== 'string' || [...unknown].length !== 1))
      refuse(`CharacterTokens expected unknown to be one character, got ${valueText(unknown)}`)
    const all = new Set(text)
    if (unknown !== undefined) all.add(unknown)
    this.characters = Object.freeze([...all].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!))
    this.ids = new Map(this.characters.map((character, id) => [character, id]))
    this.unknown = unknown === undefined ? null : this.ids.get(unknown)!
  }

  get size(): number {
    return this.characters.length
  }

  /** Throws BAD_VALUE for a character that is none of these, unless `unknown` stands for it. */
  encode(text: string): NDArray {
    if (typeof text !== 'string') refuse(`CharacterTokens.encode expected a text, got ${valueText(text)}`)
    const characters = [...text]
    return ndarray(
      Int32Array.from(characters, (character, place) => {
        const id = this.ids.get(character) ?? this.unknown
        if (id !== null) return id
        throw new TapeError(
          'BAD_VALUE',
          `CharacterTokens expected one of its ${this.size} characters, got ${valueText(character)} at place ${place}; ` +
            'make it of a text that holds all, or say { unknown }',
        )
      }),
    )
  }

  /** Throws INDEX_OUT_OF_RANGE for what is no id. */
  decode(ids: Variable | NDArray | ArrayLike<number>): string {
    return idsOf(ids, this.size, 'CharacterTokens.decode')
      .map((id) => this.characters[id]!)
      .join('')
  }
}

/** The part of a tokenizer of the package `@huggingface/tokenizers` that is used here. */
interface FileTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: readonly number[] }
  decode(ids: number[], options: { skip_special_tokens: boolean }): string
  get_vocab(withAddedTokens: boolean): ReadonlyMap<string, number>
}

/**
 * The tokens of a `tokenizer.json`, which models on the Hugging Face Hub bring along: byte pairs as a rule.
 *
 *     const tokens = await fileTokens('gpt2/tokenizer.json')
 *     tokens.decode(tokens.encode('Hello world'))
 *
 * Needs the package `@huggingface/tokenizers`, which is installed apart. Tokens that mark a beginning or an end are not added.
 *
 * Throws  PACKAGE_MISSING without the package; FILE_NOT_FOUND; BAD_FILE for a file that describes no tokenizer
 */
export async function fileTokens(path: string | URL): Promise<Tokens> {
  const description = parsed(path)
  const made = await tokenizerOf(description, path)
  const vocabulary = made.get_vocab(true)
  let size = 0
  for (const id of vocabulary.values()) size = Math.max(size, id + 1)
  return {
    size,
    encode(text) {
      if (typeof text !== 'string') refuse(`fileTokens.encode expected a text, got ${valueText(text)}`)
      return ndarray(Int32Array.from(made.encode(text, { add_special_tokens: false }).ids))
    },
    decode(ids) {
      return made.decode(idsOf(ids, size, 'fileTokens.decode'), { skip_special_tokens: false })
    },
  }
}

function parsed(path: string | URL): object {
  const text = new TextDecoder().decode(bytesOfFile(path, 'fileTokens'))
  try {
    const description: unknown = JSON.parse(text)
    if (typeof description === 'object' && description !== null && 'model' in description) return description
  } catch (error) {
    throw notATokenizer(path, error)
  }
  throw notATokenizer(path, null)
}

async function tokenizerOf(description: object, path: string | URL): Promise<FileTokenizer> {
  const { Tokenizer } = await installed()
  try {
    return new Tokenizer(description, {}) as FileTokenizer
  } catch (error) {
    throw notATokenizer(path, error)
  }
}

async function installed(): Promise<typeof import('@huggingface/tokenizers')> {
  try {
    return await import('@huggingface/tokenizers')
  } catch (error) {
    throw new TapeError(
      'PACKAGE_MISSING',
      'fileTokens needs the package @huggingface/tokenizers; install it with npm install @huggingface/tokenizers',
      { cause: error },
    )
  }
}

function notATokenizer(path: string | URL, cause: unknown): TapeError {
  return new TapeError(
    'BAD_FILE',
    `fileTokens expected ${String(path)} to be a tokenizer.json, as models on the Hugging Face Hub bring along; it is not`,
    { cause },
  )
}

/** A list of ids, each below `size`. */
function idsOf(ids: Variable | NDArray | ArrayLike<number>, size: number, what: string): number[] {
  const array = ids instanceof Variable ? ids.data : ids
  const given = array instanceof NDArray ? array.data : array
  if (typeof given?.length !== 'number')
    refuse(`${what} expected ids, as an array or a list, got ${valueText(ids)}`)
  const list = Array.from(given)
  const wrong = list.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= size)
  if (wrong === -1) return list
  throw new TapeError(
    'INDEX_OUT_OF_RANGE',
    `${what} expected ids from 0 to ${size - 1}, got ${valueText(list[wrong])} at place ${wrong}`,
  )
}

/**
 * A text as a data set for a model that predicts the next token: rows of `length` tokens, and the tokens that follow each of them.
 *
 *     const dataset = nextTokens(tokens.encode(text), { length: 32 })
 *     for (const [x, t] of new DataLoader(dataset, { batchSize: 16, shuffle: true })) …
 *
 * options  length: of a row; stride: from the beginning of a row to that of the next, `length` unless said
 * Shapes   ids [n] → inputs and targets, int32 [rows, length] each; what is left over at the end is left out
 * Throws   BAD_ARGUMENT for a text that is too short for one row; BAD_DTYPE for ids that are no integers
 */
export function nextTokens(
  ids: Variable | NDArray,
  options: { length: number; stride?: number | undefined },
): TensorDataset<[NDArray, NDArray]> {
  checkOptions(options, ['length', 'stride'], 'nextTokens')
  const length = integerOf(options.length, undefined, 1, 'length', 'nextTokens')
  const stride = integerOf(options.stride, length, 1, 'stride', 'nextTokens')
  const array = ids instanceof Variable ? ids.data : ids
  if (!(array instanceof NDArray) || array.ndim !== 1)
    refuse(`nextTokens expected ids [n], got ${valueText(ids)}`)
  if (array.dtype !== 'int32' && array.dtype !== 'uint8')
    throw new TapeError('BAD_DTYPE', `nextTokens expected ids of int32 or uint8, got ${array.dtype}`)
  const rows = Math.floor((array.size - 1 - length) / stride) + 1
  if (rows < 1) refuse(`nextTokens expected more than ${length} ids for rows of ${length}, got ${array.size}`)
  const { data } = array
  const part = (shift: number) =>
    ndarray(
      Int32Array.from(
        { length: rows * length },
        (_, i) => data[Math.floor(i / length) * stride + (i % length) + shift]!,
      ),
      { shape: [rows, length] },
    )
  return new TensorDataset(part(0), part(1))
}
