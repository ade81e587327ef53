/**
 * The calls of a past run: which function each is, what it reads, and whether what it made wants a gradient. They are in
 * columns, and become objects only where somebody wants one.
 */
import { type DType, isDType, isFloating } from '../array/dtype.js'
import { fixedShape, type Shape, sizeOf } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { positionOf, type Ref, slotOf } from '../events/event.js'
import type { Attributes } from '../graph/attributes.js'
import type { Func } from '../graph/func.js'
import type { NumberRule } from '../graph/number-rule.js'
import { funcMaker, numberRuleOf } from '../graph/registry.js'
import {
  GRAPH_PAGE,
  type GraphBlock,
  type GraphBlocks,
  NODE,
  pageNumber,
  placeOnPage,
} from '../store/read/graph-blocks.js'
import type { VersionLookup } from '../store/read/version-lookup.js'
import { type AncestorVisitor, visitAncestors } from './ancestors.js'

export interface CallOutputForm {
  readonly dtype: DType
  readonly shape: Shape
  readonly size: number
  /** Whether a gradient can go to it. */
  readonly differentiable: boolean
}

/** What calls of one signature with the same attributes have in common. */
export class CallKind {
  readonly form: number
  readonly attributesId: number
  readonly name: string
  readonly scope: string
  readonly linked: boolean
  readonly differentiable: boolean
  readonly outputs: readonly CallOutputForm[]
  /** Whether it makes one float64 number without axes, and nothing else. */
  readonly makesNumber: boolean
  /** How it computes where all it reads are float64 numbers without axes, as its output is; null for over arrays. */
  readonly rule: NumberRule | null
  /** Such a call anew, linked to nothing. */
  readonly make: () => Func

  constructor(form: number, attributesId: number, signature: Signature, attributes: Attributes) {
    this.form = form
    this.attributesId = attributesId
    this.name = signature.function
    this.scope = signature.scope
    this.make = funcMaker(signature.function, attributes)
    this.linked = signature.linked
    const func = this.make()
    this.differentiable = signature.linked && func.differentiable
    this.outputs = signature.outputs.map(({ dtype, shape }, slot) =>
      outputForm(dtype, shape, func.differentiableAt(slot)),
    )
    this.makesNumber = this.outputs.length === 1 && isScalar(this.outputs[0]!)
    this.rule = this.makesNumber && this.linked ? numberRuleOf(this.name, attributes) : null
  }
}

/** One, alive for ever; `samples.ts` says why. */
const samples: CallKind[] = []

type FrozenLookup = Pick<VersionLookup, 'isFrozenOnce' | 'requiresGradAt'>

type Signature = ReturnType<GraphBlocks['signature']>

/** Kinds are found by a few bits of their numbers first. */
const KINDS_AT_HAND = 256

/** Whether gradients go to a leaf or to what a call made; the last: not to its first output, to which none can go. */
const [UNKNOWN, ASKED, NO, YES, TO_OTHERS] = [0, 1, 2, 3, 4] as const

/** Told of calls in the order in which they ran, once each, as it is found out whether gradients go to them. */
export interface ResolvedListener {
  resolved(block: GraphBlock, position: number, kind: CallKind): void
}

export class PastCalls implements AncestorVisitor {
  readonly graph: GraphBlocks
  listener: ResolvedListener | null = null
  private readonly runName: string
  private readonly kindsAtHand: (CallKind | undefined)[] = new Array(KINDS_AT_HAND).fill(undefined)
  private readonly kinds = new Map<string, CallKind>()
  /** Whether leaves and the outputs of calls want a gradient, by page and place. */
  private readonly wanting: (Uint8Array | undefined)[] = []
  /** Where the run set `requiresGrad`; null where it did not, false while nobody has looked. */
  private frozen: FrozenLookup | null | false = false
  private readonly versions: FrozenLookup & Pick<VersionLookup, 'noneFrozen'>

  constructor(graph: GraphBlocks, runName: string, versions: PastCalls['versions']) {
    this.graph = graph
    this.runName = runName
    this.versions = versions
  }

  /** Throws UNREGISTERED_FUNC and what the function's class throws for bad attributes, with the position. */
  kindAt(block: GraphBlock, position: number): CallKind {
    const form = block.formOf(position)
    const attributesId = block.attributesOf(position)
    const hand = (form * 31 + attributesId) & (KINDS_AT_HAND - 1)
    const near = this.kindsAtHand[hand]
    if (near !== undefined && near.form === form && near.attributesId === attributesId) return near
    if (attributesId === 0) return this.makeKind(block, position)
    const key = `${form} ${attributesId}`
    let kind = this.kinds.get(key)
    if (kind === undefined) {
      kind = this.makeKind(block, position)
      this.kinds.set(key, kind)
    }
    this.kindsAtHand[hand] = kind
    return kind
  }

  /** Whether gradients go to what `ref` names, but for what `requiresGrad` was set to. */
  private requiresGrad(ref: Ref): boolean {
    const position = positionOf(ref)
    const block = this.graph.at(position)
    const kind = block.kindOf(position)
    if (kind !== NODE.leaf) return kind === NODE.call && this.outputRequiresGrad(ref, position)
    const { requiresGrad } = this.graph.leafForm(block.formOf(position))
    this.wantingOf(position)[placeOnPage(position)] = requiresGrad ? YES : NO
    return requiresGrad
  }

  /** Apart: code of a walk that reads fields of a look-up is dropped by V8 when no look-up lives any more. */
  private lookForFrozen(): FrozenLookup | null {
    this.frozen = this.versions.noneFrozen ? null : this.versions
    return this.frozen
  }

  /** The same of what the call at `at` reads, given what is known of the calls on its page, which begins at `first`. */
  inputRequiresGrad(ref: Ref, at: number, first: number, wanting: Uint8Array): boolean {
    const frozen = this.frozen === false ? this.lookForFrozen() : this.frozen
    if (frozen?.isFrozenOnce(ref)) return frozen.requiresGradAt(ref, at) ?? this.requiresGrad(ref)
    // Most refs are to the same page, and to the first output of a call.
    const place = ref - first
    if (place >= 0 && place < GRAPH_PAGE && wanting[place] !== UNKNOWN) return wanting[place] === YES
    if (place < 0) {
      const known = this.wanting[pageNumber(ref)]?.[placeOnPage(ref)] ?? UNKNOWN
      if (known === YES || known === NO) return known === YES
    }
    return this.requiresGrad(ref)
  }

  /** The same of what is known to be an output of the call at `position`. */
  outputRequiresGrad(ref: Ref, position: number): boolean {
    const wanting = this.wantingOf(position)
    const at = placeOnPage(position)
    if (wanting[at] === UNKNOWN) this.resolve(position)
    if (ref === position) return wanting[at] === YES
    return wanting[at] !== NO && this.outputOf(ref).differentiable
  }

  /** Form of the output that `ref` names. Throws TAPE_CORRUPT when its call has no such output. */
  outputOf(ref: Ref): CallOutputForm {
    const position = positionOf(ref)
    const slot = slotOf(ref)
    const form = this.kindAt(this.graph.at(position), position).outputs[slot]
    if (form === undefined)
      throw new TapeError('TAPE_CORRUPT', `event ${position} of run "${this.runName}" has no output ${slot}`)
    return form
  }

  private resolve(position: number): void {
    try {
      visitAncestors(this.graph, position, this)
    } catch (error) {
      // A function may be registered yet, and then it is asked again.
      for (const page of this.wanting) {
        if (page === undefined) continue
        for (let at = 0; at < GRAPH_PAGE; at++) if (page[at] === ASKED) page[at] = UNKNOWN
      }
      throw error
    }
  }

  /** @internal Of a walk that finds out where gradients go. */
  opens(block: GraphBlock, position: number): boolean {
    const wanting = this.wantingOf(position)
    const at = placeOnPage(position)
    if (wanting[at] !== UNKNOWN) return false
    const open = this.kindAt(block, position).differentiable
    wanting[at] = open ? ASKED : NO
    return open
  }

  /** @internal */
  visit(block: GraphBlock, position: number): void {
    const kind = this.kindAt(block, position)
    const wanting = this.wantingOf(position)
    wanting[placeOnPage(position)] = this.wants(block, position, kind, wanting)
    if (this.listener !== null) this.listener.resolved(block, position, kind)
  }

  private wants(block: GraphBlock, position: number, kind: CallKind, wanting: Uint8Array): number {
    if (!kind.differentiable) return NO
    const first = position - placeOnPage(position)
    const begin = block.inputsAt(position)
    const end = begin + block.inputCount(position)
    for (let i = begin; i < end; i++)
      if (this.inputRequiresGrad(block.input(i, position), position, first, wanting))
        return kind.outputs[0]!.differentiable ? YES : TO_OTHERS
    return NO
  }

  /** What is known of the calls on the page of a position. */
  wantingOf(position: number): Uint8Array {
    const number = pageNumber(position)
    const known = this.wanting[number]
    if (known !== undefined) return known
    const made = new Uint8Array(GRAPH_PAGE)
    this.wanting[number] = made
    return made
  }

  private makeKind(block: GraphBlock, position: number): CallKind {
    const form = block.formOf(position)
    const signature = this.graph.signature(form)
    try {
      const attributes = this.graph.attributes(block, position) as Attributes
      const kind = new CallKind(form, block.attributesOf(position), signature, attributes)
      if (samples.length === 0) samples.push(kind)
      return kind
    } catch (error) {
      if (!(error instanceof TapeError)) throw error
      const [, explanation = error.message] = error.message.split(/: (.*)/s)
      throw new TapeError(
        error.code,
        `event ${position} of run "${this.runName}" calls "${signature.function}": ${explanation}`,
        { cause: error },
      )
    }
  }
}

/** A float64 number without axes. */
export function isScalar({ dtype, shape }: { dtype: string; shape: readonly number[] }): boolean {
  return dtype === 'float64' && shape.length === 0
}

function outputForm(dtype: string, extents: readonly number[], differentiable: boolean): CallOutputForm {
  if (!isDType(dtype))
    throw new TapeError('TAPE_CORRUPT', `the tape holds an array of dtype ${JSON.stringify(dtype)}`)
  const shape = fixedShape(extents)
  return { dtype, shape, size: sizeOf(shape), differentiable: differentiable && isFloating(dtype) }
}
