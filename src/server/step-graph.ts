/**
 * The graph of a step as few boxes as one can read: the calls of a scope are one box until it is opened, and so are long stretches
 * of calls without one, equal blocks (a loop that repeats) first. Works on columns, so that a step of a million calls is no
 * million objects.
 */
import { positionOf, type Ref, slotOf } from '../events/event.js'
import { numberText } from '../inspection/number-text.js'
import { type GraphBlock, GraphBlocks, NODE } from '../store/read/graph-blocks.js'
import type { GraphAnswer, GraphBox, GraphEdge } from './api.js'
import type { Asked } from './asked.js'
import type { Desk } from './desk.js'

/** Calls of one place that are drawn one by one; more become stretches. */
const SINGLE_MAX = 60
const STRETCHES = 24
const LEAVES_MAX = 200
const CALLS_MAX = 2_000_000
const BOXES_MAX = 2_000

interface Draft extends GraphBox {
  /** Function names and how often, for the words of a group. */
  names: Map<string, number>
  last: number
}

export function graphAnswer(desk: Desk, asked: Asked): GraphAnswer {
  const key = asked.text('run')
  const { tape, id } = desk.run(key)
  const { past, lookup, say, views } = tape.run(id)
  const step = asked.whole('step', { min: 0, max: Number.MAX_SAFE_INTEGER }, past.stepCount)
  const open = new Set(asked.texts('open'))
  const { from, to } = lookup.stepRange(step, past.lastPosition)
  const blocks = GraphBlocks.of(views.db, id)
  const calls = new StepCalls(blocks, from, Math.min(to, from + CALLS_MAX - 1))
  const picture = new Picture(calls, open)
  const bad = badValues(calls)
  for (const at of bad) picture.markNonFinite(at)
  picture.addLeaves(
    (ref) => say.label(ref),
    (ref) => formText(say.form(ref)),
  )
  return {
    run: key,
    step,
    calls: calls.positions.length,
    firstPosition: from,
    lastPosition: to,
    boxes: picture.boxes.map(({ names: _names, last: _last, ...box }) => box),
    edges: picture.edges((ref) => `${formText(say.form(ref))}`),
    open: [...open].filter((box) => picture.opened.has(box)),
    leftOut:
      to > from + CALLS_MAX - 1
        ? `the events of the step after the first ${CALLS_MAX}`
        : picture.leftOut === 0
          ? null
          : `${picture.leftOut} more leaves`,
  }
}

function formText({ dtype, shape }: { dtype: string; shape: readonly number[] }): string {
  return `${dtype} [${shape.join(', ')}]`
}

/** The calls of a step as columns. */
class StepCalls {
  readonly blocks: GraphBlocks
  readonly positions: Uint32Array
  readonly forms: Uint32Array
  /** Blocks of one template have the same number. */
  readonly templates: Uint32Array
  readonly first: number
  private readonly blocksRead: GraphBlock[] = []
  /** In which of them each call is. */
  private readonly blockOf: Uint32Array
  /** For each event of the step its place among the calls, from 1; 0 for what is no call. */
  private readonly places: Uint32Array

  constructor(blocks: GraphBlocks, from: number, to: number) {
    this.blocks = blocks
    this.first = from
    const most = Math.max(0, to - from + 1)
    const column = () => new Uint32Array(most)
    const [positions, forms, templates, blockOf] = [column(), column(), column(), column()]
    this.places = column()
    const known = new Map<object, number>()
    let count = 0
    for (let position = from; position <= to; ) {
      const block = blocks.at(position)
      const end = Math.min(block.end, to + 1)
      if (end <= position) break
      let template = known.get(block.columns)
      if (template === undefined) {
        template = known.size
        known.set(block.columns, template)
      }
      const at = this.blocksRead.push(block) - 1
      for (; position < end; position++) {
        if (block.kindOf(position) !== NODE.call) continue
        positions[count] = position
        forms[count] = block.formOf(position)
        templates[count] = template
        blockOf[count] = at
        this.places[position - from] = ++count
      }
    }
    this.positions = positions.subarray(0, count)
    this.forms = forms.subarray(0, count)
    this.templates = templates.subarray(0, count)
    this.blockOf = blockOf
  }

  signature(place: number) {
    return this.blocks.signature(this.forms[place]!)
  }

  placeOf(position: number): number | undefined {
    const at = position - this.first
    const place = at < 0 || at >= this.places.length ? 0 : this.places[at]!
    return place === 0 ? undefined : place - 1
  }

  eachInput(place: number, take: (ref: Ref, place: number) => void): void {
    const block = this.blocksRead[this.blockOf[place]!]!
    const position = this.positions[place]!
    const begin = block.inputsAt(position)
    const end = begin + block.inputCount(position)
    for (let at = begin; at < end; at++) take(block.input(at, position), place)
  }

  outputNumber(place: number): number | null {
    const block = this.blocksRead[this.blockOf[place]!]!
    const position = this.positions[place]!
    return this.blocks.hasOutputNumber(block, position) ? this.blocks.outputNumber(block, position) : null
  }
}

/** Calls whose one number is on the tape and is not finite. */
function badValues(calls: StepCalls): number[] {
  const bad: number[] = []
  for (let place = 0; place < calls.positions.length; place++) {
    const number = calls.outputNumber(place)
    if (number !== null && !Number.isFinite(number)) bad.push(place)
  }
  return bad
}

class Picture {
  readonly boxes: Draft[] = []
  readonly opened = new Set<string>()
  leftOut = 0
  private readonly calls: StepCalls
  private readonly open: ReadonlySet<string>
  private readonly byId = new Map<string, number>()
  /** The box of each call. */
  private readonly boxOf: Int32Array
  private readonly leaves = new Map<Ref, number>()

  constructor(calls: StepCalls, open: ReadonlySet<string>) {
    this.calls = calls
    this.open = open
    this.boxOf = new Int32Array(calls.positions.length)
    this.place()
  }

  markNonFinite(place: number): void {
    this.boxes[this.boxOf[place]!]!.isNonFinite = true
  }

  /** What no call of the step made: shown beside calls that stand by themselves; that of a scope is inside it, as its parameters are. */
  addLeaves(label: (ref: Ref) => string, form: (ref: Ref) => string): void {
    const take = (ref: Ref) => {
      if (this.calls.placeOf(positionOf(ref)) !== undefined || this.leaves.has(ref)) return
      if (this.leaves.size >= LEAVES_MAX) {
        this.leftOut++
        return
      }
      const title = label(ref)
      const kind = title.startsWith('grad(') ? 'gradient' : 'leaf'
      const at = this.add(`v:${ref}`, kind, title, positionOf(ref), [])
      this.boxes[at]!.detail = form(ref)
      this.leaves.set(ref, at)
    }
    for (let place = 0; place < this.calls.positions.length; place++)
      if (this.boxes[this.boxOf[place]!]!.kind === 'call') this.calls.eachInput(place, take)
  }

  edges(form: (ref: Ref) => string): GraphEdge[] {
    const found = new Map<number, GraphEdge>()
    const count = this.boxes.length
    const take = (ref: Ref, place: number) => {
      const to = this.boxOf[place]!
      const maker = this.calls.placeOf(positionOf(ref))
      const from = maker === undefined ? this.leaves.get(ref) : this.boxOf[maker]!
      if (from === undefined || from === to) return
      const known = found.get(from * count + to)
      if (known !== undefined) known.count++
      else
        found.set(from * count + to, {
          from,
          to,
          count: 1,
          text: form(ref) + (slotOf(ref) > 0 ? ` .${slotOf(ref)}` : ''),
        })
    }
    for (let place = 0; place < this.calls.positions.length; place++) this.calls.eachInput(place, take)
    return [...found.values()]
  }

  private place(): void {
    // Calls that stand by themselves, by the open scopes that they lie in.
    const loose = new Map<string, { inside: string[]; places: number[] }>()
    const scopes = new Map<string, { box: string | null; inside: string[] }>()
    for (let place = 0; place < this.calls.positions.length; place++) {
      const { scope, function: name } = this.calls.signature(place)
      let found = scopes.get(scope)
      if (found === undefined) {
        found = this.scopeBox(scope)
        scopes.set(scope, found)
      }
      if (found.box === null) {
        const where = found.inside.at(-1) ?? ''
        const calls = loose.get(where)
        if (calls === undefined) loose.set(where, { inside: found.inside, places: [place] })
        else calls.places.push(place)
        continue
      }
      const at = this.byId.get(found.box)
      const box =
        at === undefined
          ? this.add(found.box, 'scope', found.box.slice(2), this.calls.positions[place]!, found.inside)
          : at
      this.put(place, box, name)
    }
    for (const { inside, places } of loose.values()) this.placeLoose(places, inside)
    for (const box of this.boxes) if (box.isGroup) box.detail = wordsOf(box)
  }

  /** The box of a scope: its first part that is not open; null when all are. */
  private scopeBox(scope: string): { box: string | null; inside: string[] } {
    const inside: string[] = []
    if (scope === '') return { box: null, inside }
    const parts = scope.split('.')
    for (let depth = 1; depth <= parts.length; depth++) {
      const id = `s:${parts.slice(0, depth).join('.')}`
      if (!this.open.has(id)) return { box: id, inside }
      this.opened.add(id)
      inside.push(id)
    }
    return { box: null, inside }
  }

  private placeLoose(places: readonly number[], inside: readonly string[]): void {
    if (places.length <= SINGLE_MAX || this.boxes.length + places.length <= SINGLE_MAX) {
      for (const place of places) {
        const { function: name } = this.calls.signature(place)
        const position = this.calls.positions[place]!
        const box = this.add(`c:${position}`, 'call', name, position, inside)
        const number = this.calls.outputNumber(place)
        const output = this.calls.signature(place).outputs[0]
        this.boxes[box]!.detail =
          number !== null ? numberText(number) : output === undefined ? '' : formText(output)
        this.put(place, box, name)
      }
      return
    }
    for (const stretch of this.stretches(places)) {
      const [from, to] = [this.calls.positions[stretch[0]!]!, this.calls.positions[stretch.at(-1)!]!]
      const id = `p:${from}-${to}`
      if (stretch.length === 1 || (this.open.has(id) && this.boxes.length < BOXES_MAX)) {
        if (stretch.length > 1) this.opened.add(id)
        this.placeLoose(stretch, stretch.length > 1 ? [...inside, id] : inside)
        continue
      }
      const box = this.add(id, 'calls', `#${from} – #${to}`, from, inside)
      for (const place of stretch) this.put(place, box, this.calls.signature(place).function)
    }
  }

  /** Equal blocks that follow one another are one stretch; where that leaves too many, equal shares are. */
  private *stretches(places: readonly number[]): Generator<readonly number[]> {
    const ends: number[] = []
    for (let i = 1; i <= places.length; i++)
      if (i === places.length || this.calls.templates[places[i]!] !== this.calls.templates[places[i - 1]!])
        ends.push(i)
    const isFew = ends.length > 1 && ends.length <= STRETCHES
    let begin = 0
    if (isFew) {
      for (const end of ends) {
        yield places.slice(begin, end)
        begin = end
      }
      return
    }
    const share = Math.ceil(places.length / STRETCHES)
    for (; begin < places.length; begin += share) yield places.slice(begin, begin + share)
  }

  private put(place: number, at: number, name: string): void {
    const box = this.boxes[at]!
    this.boxOf[place] = at
    box.calls++
    box.last = this.calls.positions[place]!
    box.names.set(name, (box.names.get(name) ?? 0) + 1)
  }

  private add(
    id: string,
    kind: GraphBox['kind'],
    title: string,
    position: number,
    inside: readonly string[],
  ): number {
    const at = this.boxes.length
    this.boxes.push({
      id,
      kind,
      title,
      detail: '',
      position,
      calls: 0,
      isGroup: kind === 'scope' || kind === 'calls',
      inside: [...inside],
      isNonFinite: false,
      names: new Map(),
      last: position,
    })
    this.byId.set(id, at)
    return at
  }
}

function wordsOf({ calls, names }: Draft): string {
  const most = [...names].sort((a, b) => b[1] - a[1]).slice(0, 3)
  const listed = most.map(([name, count]) => (count === 1 ? name : `${name} ×${count}`)).join(', ')
  return `${calls.toLocaleString('en')} ${calls === 1 ? 'call' : 'calls'}: ${listed}${names.size > 3 ? ', …' : ''}`
}
