/**
 * The numbers of the texts that calls and arrays had recently. In a loop the next ones have the same few, and making a
 * text of words to find its number again would cost more than the rest of recording.
 */
import type { NDArray } from '../array/ndarray.js'
import { type Shape, sameShape } from '../array/shape.js'
import { isRecord } from '../events/checks.js'
import { arrayFormText, attributesText, leafFormText, signatureText } from '../events/forms.js'
import type { Packer } from '../events/pack.js'
import type { Attributes } from '../graph/attributes.js'
import type { CallLinks } from '../graph/call-links.js'
import type { Func } from '../graph/func.js'
import type { Variable } from '../graph/variable.js'

/** What calls of a class of functions were recently. */
class RecentCall {
  readonly class: unknown
  readonly linked: boolean
  readonly scope: string
  // Of the first output.
  readonly dtype: string
  readonly shape: Shape
  readonly text: number
  /** The number of its function and scope together. */
  readonly kind: number
  /** Those of the last such call that was asked for, in a loop mostly those of the next; `latestText` is their number. */
  latest: Attributes | null = null
  latestText = 0
  /** What came after it the last time, and will again in a loop. */
  next: RecentCall | null = null
  /** From the second output on. */
  readonly others: readonly Output[] | null
  readonly attributes: RecentAttributes[] = []

  constructor(
    func: Func,
    linked: boolean,
    scope: string,
    outputs: readonly Output[],
    text: number,
    kind: number,
  ) {
    this.class = func.constructor
    this.linked = linked
    this.scope = scope
    this.dtype = outputs[0]!.dtype
    this.shape = outputs[0]!.shape
    this.others = outputs.length > 1 ? outputs.slice(1) : null
    this.text = text
    this.kind = kind
  }
}

interface Output {
  readonly dtype: string
  readonly shape: Shape
}

interface RecentAttributes {
  readonly attributes: Attributes
  readonly text: number
}

interface RecentForm {
  readonly shape: Shape
  readonly dtype: string
  readonly text: number
  /** What was asked for after it the last time. */
  next: RecentForm | null
}

interface RecentLeaf {
  readonly dtype: string
  readonly text: number
  readonly role: string
  readonly requiresGrad: boolean
}

/** This many signatures of a class are remembered: one for each shape that a model of some layers has. */
const SIGNATURES_MAX = 16
const ATTRIBUTES_MAX = 4
const SHAPES_MAX = 1024

export class RecentTexts {
  /** Of the call asked for last. */
  signature = 0
  /** Negative for attributes that keep changing; see `TextNumbering.numberOfAttributes`. */
  attributes = 0
  /** A number for function and scope of the call together; the same as long as the run is recorded. */
  kind = 0
  private readonly kinds = new Map<string, number>()
  private readonly packer: Packer
  private readonly calls = new Map<unknown, RecentCall[]>()
  private last: RecentCall | null = null
  private readonly forms = new Map<Shape, RecentForm[]>()
  private lastForm: RecentForm | null = null
  private readonly leaves = new Map<Shape, RecentLeaf[]>()

  constructor(packer: Packer) {
    this.packer = packer
    packer.texts.onRenumbered = () => this.forget()
  }

  /** Sets `signature` and `attributes` to those of the call. */
  call(links: CallLinks, linked: boolean, scope: string): void {
    const { func } = links
    const { last } = this
    const expected = last === null ? null : last.next
    let recent = expected
    if (recent === null || recent.class !== func.constructor || !isLike(recent, links, linked, scope)) {
      recent = this.recentCall(links, linked, scope)
      if (last !== null) last.next = recent
    }
    this.last = recent
    this.signature = recent.text
    this.kind = recent.kind
    const { attributes } = func
    this.attributes = recent.latest === attributes ? recent.latestText : this.textOf(recent, attributes)
  }

  private textOf(recent: RecentCall, attributes: Attributes): number {
    if (!isRecord(attributes, 0)) attributesText(attributes) // refuses it
    for (const known of recent.attributes) {
      if (known.attributes === attributes || sameAttributes(known.attributes, attributes)) {
        recent.latest = known.attributes
        recent.latestText = known.text
        return known.text
      }
    }
    const text = this.packer.texts.numberOfAttributes(recent.text, attributesText(attributes))
    if (text < 0) return text
    if (recent.attributes.length >= ATTRIBUTES_MAX) recent.attributes.length = 0
    recent.attributes.push({ attributes, text })
    recent.latest = attributes
    recent.latestText = text
    return text
  }

  /** Dtype and shape of an array. */
  form({ dtype, shape }: NDArray): number {
    const { lastForm } = this
    let form = lastForm === null ? null : lastForm.next
    if (form === null || form.shape !== shape || form.dtype !== dtype) {
      form = this.recentForm(dtype, shape)
      if (lastForm !== null) lastForm.next = form
    }
    this.lastForm = form
    return form.text
  }

  private recentForm(dtype: string, shape: Shape): RecentForm {
    const recent = listAt(this.forms, shape)
    for (const form of recent) if (form.dtype === dtype) return form
    const text = this.packer.texts.numberOf(arrayFormText({ dtype, shape }))
    const form = { shape, dtype, text, next: null }
    recent.push(form)
    return form
  }

  /** What a leaf is besides its value. */
  leaf({ role, requiresGrad, name }: Variable, { dtype, shape }: NDArray): number {
    const text = () => this.packer.texts.numberOf(leafFormText({ role, requiresGrad, name, dtype, shape }))
    if (name !== null) return text()
    const recent = listAt(this.leaves, shape)
    for (const leaf of recent)
      if (leaf.dtype === dtype && leaf.role === role && leaf.requiresGrad === requiresGrad) return leaf.text
    const made = { dtype, role, requiresGrad, text: text() }
    recent.push(made)
    return made.text
  }

  private recentCall(links: CallLinks, linked: boolean, scope: string): RecentCall {
    const { func } = links
    let recent = this.calls.get(func.constructor)
    if (recent === undefined) {
      recent = []
      this.calls.set(func.constructor, recent)
    }
    for (const call of recent) if (isLike(call, links, linked, scope)) return call
    const outputs = Array.from({ length: links.outputCount }, (_, slot) => {
      const { dtype, shape } = links.outputAt(slot).data
      return { dtype, shape }
    })
    const signature = signatureText({ function: func.name, scope, linked, outputs })
    // Refused before a text is numbered: a numbered text is written with its batch, and must belong to an event.
    attributesText(func.attributes)
    const text = this.packer.texts.numberOf(signature)
    const call = new RecentCall(func, linked, scope, outputs, text, this.kindOf(func.name, scope))
    if (recent.length >= SIGNATURES_MAX) recent.length = 0
    recent.push(call)
    return call
  }

  private kindOf(name: string, scope: string): number {
    const key = JSON.stringify([name, scope])
    let kind = this.kinds.get(key)
    if (kind === undefined) {
      kind = this.kinds.size + 1
      this.kinds.set(key, kind)
    }
    return kind
  }

  private forget(): void {
    this.calls.clear()
    this.last = null
    this.forms.clear()
    this.lastForm = null
    this.leaves.clear()
  }
}

function isLike(recent: RecentCall, links: CallLinks, linked: boolean, scope: string): boolean {
  if (recent.linked !== linked || recent.scope !== scope) return false
  const { dtype, shape } = links.output0!.data
  if (dtype !== recent.dtype || (shape !== recent.shape && !sameShape(shape, recent.shape))) return false
  return (links.more === null && recent.others === null) || hasOutputs(links, recent.others ?? [])
}

/** Whether the call has these outputs after its first. */
function hasOutputs(links: CallLinks, others: readonly Output[]): boolean {
  if (links.outputCount !== 1 + others.length) return false
  return others.every((output, i) => {
    const { dtype, shape } = links.outputAt(i + 1).data
    return dtype === output.dtype && sameShape(shape, output.shape)
  })
}

/** Whether two calls' attributes are the same numbers, words and short lists; false for what is nested deeper. */
function sameAttributes(a: Attributes, b: Attributes): boolean {
  let count = 0
  for (const key in a) {
    count++
    const [x, y] = [a[key], b[key]]
    if (Object.is(x, y) && (x !== undefined || key in b)) continue
    if (!Array.isArray(x) || !Array.isArray(y) || x.length !== y.length) return false
    for (let i = 0; i < x.length; i++) if (typeof x[i] === 'object' || !Object.is(x[i], y[i])) return false
  }
  for (const _ in b) count--
  return count === 0
}

function listAt<T>(map: Map<Shape, T[]>, shape: Shape): T[] {
  let list = map.get(shape)
  if (list === undefined) {
    if (map.size >= SHAPES_MAX) map.clear()
    list = []
    map.set(shape, list)
  }
  return list
}
