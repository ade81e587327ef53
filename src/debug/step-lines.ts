/** A step of one side of a comparison as lines: the events that count, each with keys by which lines of two runs are aligned. */
import {
  type EventType,
  type FunctionCalled,
  type LeafCreated,
  positionOf,
  type Ref,
  type RequiresGradSet,
  slotOf,
  type TapeEvent,
} from '../events/event.js'
import type { Recording } from '../replay/replay-run.js'
import { SiteLookup } from '../store/read/site-lookup.js'

/** A run whose steps are compared. */
export interface Side {
  readonly recording: Recording
  /** What it is called in sentences. */
  readonly name: string
}

/** A logical step: its number, and the positions that belong to it. */
export interface StepRange {
  readonly step: number
  readonly first: number
  readonly last: number
}

export type Line = Extract<
  TapeEvent,
  {
    type:
      | 'FunctionCalled'
      | 'LeafCreated'
      | 'ValueAssigned'
      | 'GradientCleared'
      | 'GradientAssigned'
      | 'GradientReplaced'
      | 'BackwardStarted'
      | 'BackwardAborted'
      | 'VariableUnchained'
      | 'RequiresGradSet'
  }
>

/** What follows from other events, or only says something, is no line. */
const IS_LINE = {
  RunStarted: false,
  StepStarted: false,
  LeafCreated: true,
  FunctionCalled: true,
  BackwardStarted: true,
  GradientComputed: false,
  GradientCleared: true,
  GradientAssigned: true,
  GradientReplaced: true,
  BackwardAborted: true,
  ValueAssigned: true,
  VariableNamed: false,
  VariableUnchained: true,
  RequiresGradSet: true,
  MetricLogged: false,
  CheckpointTaken: false,
  NoteAdded: false,
  EpochStarted: false,
  RunFinished: false,
} as const satisfies Record<EventType, boolean>

/** One side of a comparison, with its lines by position. */
export class Lines {
  readonly side: Side
  readonly range: StepRange
  readonly lines: readonly Line[]
  readonly keys: readonly string[][]
  /** Batches that were taken and that no call of the run reads: no lines. */
  readonly unread: readonly { readonly position: number; readonly rows: readonly number[] }[]
  private indices: ReadonlyMap<number, number> = new Map()
  private readonly names = new Map<Ref, string | null>()
  private sites: SiteLookup | null = null
  private readonly earlier = new Map<number, TapeEvent>()
  private readonly indicesOfRows: ReadonlySet<Ref>

  constructor(side: Side, range: StepRange) {
    this.side = side
    this.range = range
    const { reader, id } = side.recording
    const events = range.last < range.first ? [] : [...reader.events(id, range.first, range.last)]
    const all = events.filter((event) => IS_LINE[event.type]) as Line[]
    const unread = unreadTakes(side, range, all)
    const dropped = new Set(unread.flatMap(({ inputs, position }) => [position, inputs[1]!]))
    this.lines = dropped.size === 0 ? all : all.filter(({ position }) => !dropped.has(position))
    this.unread = unread.map(({ position, inputs }) => {
      const indices = this.event(inputs[1]!)
      const rows = indices.type === 'LeafCreated' && indices.value !== null ? [...indices.value.data] : []
      return { position, rows }
    })
    this.indices = new Map(this.lines.map(({ position }, i) => [position, i]))
    this.indicesOfRows = new Set(
      this.lines.flatMap((line) => (isCall(line) && line.function === 'take' ? [line.inputs[1]!] : [])),
    )
    this.keys = this.lines.map((line) => this.keysOf(line))
  }

  /** Index of the line that made what `ref` names; null when that was made in another step. */
  indexOf(ref: Ref): number | null {
    return this.indices.get(positionOf(ref)) ?? null
  }

  /** A variable in words. */
  name(ref: Ref): string {
    return this.nameOrNull(ref) ?? `#${positionOf(ref)}${slotOf(ref) === 0 ? '' : `.${slotOf(ref)}`}`
  }

  nameOrNull(ref: Ref): string | null {
    let name = this.names.get(ref)
    if (name === undefined) {
      name = this.side.recording.lookup.nameOf(ref, this.range.last + 1)
      this.names.set(ref, name)
    }
    return name
  }

  /** What a call reads in words that can be compared between runs: a name, or what kind of thing it is. */
  identity(ref: Ref): string {
    const name = this.nameOrNull(ref)
    if (name !== null) return name
    const event = this.event(ref)
    if (event.type === 'FunctionCalled') return `an output of ${event.function}`
    if (event.type === 'GradientComputed') return `the gradient of ${this.identity(event.variable)}`
    if (event.type === 'LeafCreated') return `a ${event.role} [${event.shape.join(', ')}]`
    return event.type
  }

  event(ref: Ref): TapeEvent {
    const position = positionOf(ref)
    const index = this.indices.get(position)
    if (index !== undefined) return this.lines[index]!
    let event = this.earlier.get(position)
    if (event === undefined) {
      event = this.side.recording.reader.event(this.side.recording.id, position)
      this.earlier.set(position, event)
    }
    return event
  }

  /** `relu (#11, layers.0)`. */
  describe(line: Line): string {
    switch (line.type) {
      case 'FunctionCalled': {
        const scope = line.scope === '' ? '' : `, ${line.scope}`
        return `${line.function} (#${line.position}${scope}${this.site(line)})${this.subject(line)}`
      }
      case 'LeafCreated':
        return `${line.role} ${line.name === null ? '' : `${line.name} `}[${line.shape.join(', ')}]${numberOf(line)} (#${line.position})${this.copied(line)}`
      case 'ValueAssigned':
        return `${line.source === null ? 'an assignment from outside' : 'an assignment'} to ${this.name(line.variable)} (#${line.position})`
      case 'GradientCleared':
        return `clearGrad of ${this.name(line.variable)} (#${line.position})`
      case 'RequiresGradSet':
        return `${freezingWord(line)} of ${this.name(line.variable)} (#${line.position})`
      case 'BackwardStarted':
        return `a backward pass from ${this.name(line.roots[0]!)} (#${line.position})`
      default:
        return `${line.type} (#${line.position})`
    }
  }

  /** `, net.mjs:12`, where the tape says so. */
  site({ position }: Line): string {
    this.sites ??= new SiteLookup(this.side.recording.reader.db, this.side.recording.id)
    const site = this.sites.siteOf(position)
    return site === null ? '' : `, ${site.file.slice(site.file.lastIndexOf('/') + 1)}:${site.line}`
  }

  /** Of a leaf that has the value of something else: a variable that was detached, as a rule. */
  private copied({ source, role }: LeafCreated): string {
    if (source === null || role !== 'constant') return ''
    const event = this.event(source)
    return event.type === 'FunctionCalled'
      ? `, which is ${event.function} (#${positionOf(source)}) detached`
      : ''
  }

  /** The parameter that a call is about, where its scope does not say it. */
  subject(call: FunctionCalled): string {
    const name = this.parameterRead(call)
    return name === null || (call.scope !== '' && name.startsWith(`${call.scope}.`)) ? '' : ` of ${name}`
  }

  parameterRead(call: FunctionCalled): string | null {
    for (const ref of call.inputs) {
      const event = this.event(ref)
      if (event.type === 'LeafCreated' && event.role === 'parameter') return this.nameOrNull(ref)
    }
    return null
  }

  /** The rows of a data set that a leaf names: int32, read by a `take` of the step. */
  isRows({ dtype, position }: LeafCreated): boolean {
    return dtype === 'int32' && this.indicesOfRows.has(position)
  }

  /** The indices of a batch that was taken in another step; null for anything else. */
  rowsTaken(ref: Ref): LeafCreated | null {
    if (this.indexOf(ref) !== null) return null
    const event = this.event(ref)
    if (event.type !== 'FunctionCalled' || event.function !== 'take') return null
    const indices = this.event(event.inputs[1]!)
    return indices.type === 'LeafCreated' && indices.dtype === 'int32' ? indices : null
  }

  /** Alike in all, in place, in shape, in kind. */
  private keysOf(line: Line): string[] {
    switch (line.type) {
      case 'FunctionCalled': {
        const shapes = line.outputs.map(({ shape }) => shape.join('×')).join(' ')
        const { function: name, scope } = line
        const of = this.subject(line)
        return [`${name} ${scope} ${of} ${shapes}`, `${name} ${scope} ${of}`, `${name} ${shapes}`, name]
      }
      case 'LeafCreated': {
        const { role, name, shape } = line
        const size = shape.join('×')
        return [
          `leaf ${role} ${name} ${size}`,
          `leaf ${role} ${name}`,
          `leaf ${role} ${size} ${name === null}`,
          `leaf ${role} ${name ?? ''}`,
        ]
      }
      case 'BackwardStarted':
        return alike('pass')
      case 'GradientReplaced':
      case 'GradientAssigned':
      case 'VariableUnchained':
      case 'GradientCleared':
        return alike(`${line.type} ${this.identity(line.variable)}`)
      case 'RequiresGradSet':
        return alike(`${freezingWord(line)} ${this.identity(line.variable)}`)
      case 'ValueAssigned':
        return alike(`assign ${this.identity(line.variable)} ${line.source === null}`)
      default:
        return alike(line.type)
    }
  }
}

/** Takes of rows of data that no call reads, of which others are read: a loop that passed a batch over. */
function unreadTakes(side: Side, { last }: StepRange, lines: readonly Line[]): FunctionCalled[] {
  const takes = lines.filter((line): line is FunctionCalled => isCall(line) && line.function === 'take')
  if (takes.length < 2) return []
  const read = new Set(lines.flatMap((line) => (isCall(line) ? line.inputs.map(positionOf) : [])))
  const { lookup, lastPosition } = side.recording
  return takes.filter(({ position, inputs, attributes }) => {
    if (read.has(position) || inputs.length !== 2 || (attributes.axis ?? 0) !== 0) return false
    const isAgain = takes.some((one) => one.position > position && one.inputs[0] === inputs[0])
    return (
      isAgain && lookup.firstReader(position, last + 1, Math.min(lastPosition, last + READ_WITHIN)) === null
    )
  })
}

/** What is not read this many events later is not read at all, as far as a comparison asks. */
const READ_WITHIN = 1 << 16

function alike(key: string): string[] {
  return [key, key, key, key]
}

export function freezingWord({ requiresGrad }: RequiresGradSet): string {
  return requiresGrad ? 'unfreezing' : 'freezing'
}

export function isCall(line: Line): line is FunctionCalled {
  return line.type === 'FunctionCalled'
}

/** ` = 0.5`, where a leaf is one number that the tape keeps. */
function numberOf({ shape, value }: LeafCreated): string {
  return shape.length === 0 && value !== null ? ` = ${value.data[0]}` : ''
}
