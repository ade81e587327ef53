/**
 * What many events have in common, as texts: they repeat, so each is stored once. Here these texts are written, and read again.
 * What a reader would refuse, or the file would give back as another text, is refused before it is written.
 */
import { TapeError, valueText } from '../errors.js'
import { isBoolean, isDtype, isRecord, isShape, isText, orNull } from './checks.js'
import { elementCount } from './dtypes.js'
import type { Plain } from './event.js'
import { plainToText } from './plain.js'
import { ARRAY_FORM_LIST, LEAF_FORM_LIST, SIGNATURE_LIST } from './record-layout.js'
import { checkText } from './validate.js'

/** What arrays of one dtype and shape have in common. */
export interface ArrayForm {
  dtype: string
  shape: readonly number[]
}

/** What a leaf is besides its value. */
export interface LeafForm extends ArrayForm {
  role: string
  requiresGrad: boolean
  name: string | null
}

/** What calls of one function in one place have in common, when their outputs are of the same forms. */
export interface CallSignature {
  function: string
  scope: string
  linked: boolean
  outputs: readonly ArrayForm[]
}

/** Throws BAD_ARGUMENT for a name that the file cannot keep. */
export function leafFormText({ role, requiresGrad, name, dtype, shape }: LeafForm): string {
  if (name !== null) checkText(name, 'the name of a variable')
  return JSON.stringify([role, requiresGrad, name, dtype, shape])
}

/** Throws BAD_ARGUMENT for a name or scope that the file cannot keep. */
export function signatureText({ function: name, scope, linked, outputs }: CallSignature): string {
  checkText(name, 'the name of a function')
  checkText(scope, 'a scope')
  return JSON.stringify([name, scope, linked, outputs.map(({ dtype, shape }) => [dtype, shape])])
}

export function arrayFormText({ dtype, shape }: ArrayForm): string {
  return JSON.stringify([dtype, shape])
}

/** Throws BAD_ARGUMENT for what is no object, BAD_EVENT for what is no plain data. */
export function attributesText(attributes: { readonly [key: string]: Plain | undefined }): string {
  if (!isRecord(attributes, 0))
    throw new TapeError(
      'BAD_ARGUMENT',
      `the attributes of a function expected an object, got ${valueText(attributes)}`,
    )
  return plainToText(attributes, 'attributes')
}

/** Throws TAPE_CORRUPT; `what` says which text it is. The role of a leaf is checked with its event. */
export function leafFormOf(text: string, what: string): LeafForm {
  const list = listOf(text, LEAF_FORM_LIST.size, what)
  const { role, requiresGrad, name, dtype, shape } = LEAF_FORM_LIST
  const right =
    isText(list[role], 0) &&
    isBoolean(list[requiresGrad], 0) &&
    orNull(isText)(list[name], 0) &&
    isForm(list[dtype], list[shape])
  if (!right) malformed(what)
  return {
    role: list[LEAF_FORM_LIST.role] as string,
    requiresGrad: list[LEAF_FORM_LIST.requiresGrad] as boolean,
    name: list[LEAF_FORM_LIST.name] as string | null,
    dtype: list[LEAF_FORM_LIST.dtype] as string,
    shape: list[LEAF_FORM_LIST.shape] as number[],
  }
}

/** Throws as `leafFormOf`. */
export function signatureOf(text: string, what: string): CallSignature {
  const list = listOf(text, SIGNATURE_LIST.size, what)
  const outputs = list[SIGNATURE_LIST.outputs]
  if (!Array.isArray(outputs)) throw new TapeError('TAPE_CORRUPT', `${what} expected a list of outputs`)
  const right =
    isText(list[SIGNATURE_LIST.function], 0) &&
    isText(list[SIGNATURE_LIST.scope], 0) &&
    isBoolean(list[SIGNATURE_LIST.linked], 0)
  if (!right) malformed(what)
  return {
    function: list[SIGNATURE_LIST.function] as string,
    scope: list[SIGNATURE_LIST.scope] as string,
    linked: list[SIGNATURE_LIST.linked] as boolean,
    outputs: outputs.map((output) => arrayFormFrom(output, what)),
  }
}

/** Throws as `leafFormOf`. */
export function arrayFormOf(text: string, what: string): ArrayForm {
  return arrayFormFrom(parsed(text, what), what)
}

function arrayFormFrom(value: unknown, what: string): ArrayForm {
  const list = checkedList(value, ARRAY_FORM_LIST.size, what)
  if (!isForm(list[ARRAY_FORM_LIST.dtype], list[ARRAY_FORM_LIST.shape])) malformed(what)
  return { dtype: list[ARRAY_FORM_LIST.dtype] as string, shape: list[ARRAY_FORM_LIST.shape] as number[] }
}

/** Whether there can be an array of this dtype and shape. */
function isForm(dtype: unknown, shape: unknown): boolean {
  return isDtype(dtype, 0) && isShape(shape, 0) && Number.isSafeInteger(elementCount(shape as number[]))
}

function malformed(what: string): never {
  throw new TapeError('TAPE_CORRUPT', `${what} is malformed`)
}

function listOf(text: string, size: number, what: string): unknown[] {
  return checkedList(parsed(text, what), size, what)
}

function checkedList(value: unknown, size: number, what: string): unknown[] {
  if (!Array.isArray(value) || value.length !== size)
    throw new TapeError('TAPE_CORRUPT', `${what} expected ${size} fields`)
  return value
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new TapeError('TAPE_CORRUPT', `${what} is not JSON`, { cause })
  }
}
