/**
 * What the inspector's server answers, as types alone: the page in src/ui is compiled against them. Numbers that JSON has not are
 * `{ "$number": "NaN" }` on the way; null stands for a number that is not there.
 */

/** A run among the tapes that are open: `2.1` is run 1 of the second file. */
type RunKey = string

export interface TapeRow {
  /** The number of the file, from 1. */
  tape: number
  path: string
  /** The name of the file without its folder. */
  file: string
  /** Why it cannot be read now; null when it can. */
  error: string | null
  isLive: boolean
  headHash: string | null
}

export interface RunRow {
  key: RunKey
  tape: number
  file: string
  id: number
  name: string
  tags: string[]
  status: string
  startedAt: string
  elapsedMs: number | null
  steps: number
  events: number
  error: string | null
  seed: number | null
  capture: string
  kernel: string
  engine: string
  node: string
  platform: string
  host: string
  parent: string | null
  /** The first step in which a gradient was not finite. */
  firstNonFiniteStep: number | null
  /** Entries of the config by their path. */
  config: Record<string, string | number | boolean | null>
}

export interface RunsAnswer {
  tapes: TapeRow[]
  runs: RunRow[]
}

export interface MetricRow {
  name: string
  count: number
  last: number
  min: number | null
  max: number | null
  mean: number | null
  nonFinite: number
  firstNonFiniteStep: number | null
  /** Means of equal spans; null where nothing finite is. */
  spark: (number | null)[]
}

export interface MetricsAnswer {
  run: RunKey
  metrics: MetricRow[]
}

/** One line of a chart. Arrays of one length; `min`, `mean`, `max` are null where no value is finite. */
export interface CurveLine {
  run: RunKey
  metric: string
  /** Whether each place is one recorded point; else it is the summary of a column of the chart. */
  isRaw: boolean
  x: number[]
  step: number[]
  min: (number | null)[]
  mean: (number | null)[]
  max: (number | null)[]
  /** Of the exponential mean over all points up to the place; null without smoothing. */
  smooth: (number | null)[] | null
  nonFinite: number[]
  /** How many points there are in the range. */
  points: number
}

export interface CurvesAnswer {
  axis: 'step' | 'time'
  /** What the chart shows, in units of the axis (steps, milliseconds). */
  from: number
  to: number
  /** From the first to the last there is. */
  first: number
  last: number
  lines: CurveLine[]
}

export interface HeatRow {
  /** The variable's name; with its position behind it where several have that name. */
  name: string
  position: number
  role: string
  size: number
  /** One number a column: the largest norm, the largest share of zeros, how many are not finite, or the largest update ratio. */
  values: (number | null)[]
  /** Elements that are not finite, one number a column. */
  nonFinite: number[]
}

export interface HeatAnswer {
  run: RunKey
  measure: string
  fromStep: number
  toStep: number
  firstStep: number
  lastStep: number
  columns: number
  rows: HeatRow[]
  /** Gradients that the picture is made of. */
  gradients: number
}

export interface TimelineMark {
  step: number
  kind: 'checkpoint' | 'note' | 'non-finite' | 'failed'
  text: string
}

export interface TimelineAnswer {
  run: RunKey
  lastStep: number
  marks: TimelineMark[]
}

/** A box of a step's graph. */
export interface GraphBox {
  id: string
  kind: 'call' | 'scope' | 'calls' | 'leaf' | 'gradient'
  title: string
  detail: string
  /** Of a call or leaf; of a group that of its first call. */
  position: number
  /** Calls inside; 0 for what is no call. */
  calls: number
  /** Whether it can be opened. */
  isGroup: boolean
  /** The open groups that it lies in, outermost first. */
  inside: string[]
  /** Whether what it made is not finite, as far as the tape says. */
  isNonFinite: boolean
}

export interface GraphEdge {
  from: number
  to: number
  /** How many reads it stands for. */
  count: number
  text: string
}

export interface GraphAnswer {
  run: RunKey
  step: number
  calls: number
  firstPosition: number
  lastPosition: number
  boxes: GraphBox[]
  edges: GraphEdge[]
  /** Groups that are open, as they were asked for. */
  open: string[]
  /** What the picture leaves out, in words; null when nothing. */
  leftOut: string | null
}

export interface Operand {
  position: number
  slot: number
  label: string
  form: string
}

export interface CallAnswer {
  run: RunKey
  position: number
  step: number
  type: string
  function: string | null
  scope: string | null
  attributes: string | null
  inputs: Operand[]
  outputs: (Operand & { value: string; l2Norm: number | null })[]
  gradients: {
    variable: string
    l2Norm: number | null
    zeroCount: number | null
    nonFiniteCount: number | null
  }[]
  /** Where in the program the call was made, when the tape knows. */
  site: string | null
  /** Calls that read what it made. */
  readers: Operand[]
}

/** Some of the images that an array is made of. */
export interface TensorImages {
  /** How many there are, and how many are shown at once. */
  of: number
  most: number
  /** The first that is shown: the one that was asked for, or the last where there are fewer. */
  offset: number
  /** 1: grey; 3: red, green, blue. */
  channels: 1 | 3
  height: number
  width: number
  /** The pixels that are sent: fewer, as means, where the image is large. */
  rows: number
  columns: number
  /** The least and the largest number of those that are shown: ink 0, and ink 254. Null where none is finite. */
  from: number | null
  to: number | null
  /** Base64 of a byte a channel and pixel, row by row; 255 stands for what is not finite. */
  pictures: string[]
}

export interface VariablesAnswer {
  run: RunKey
  /** Parameters in the order in which they were made; other leaves where there are none. Some hundreds at most. */
  variables: { position: number; name: string | null; shape: number[] }[]
}

export interface TensorAnswer {
  run: RunKey
  label: string
  position: number
  step: number
  kind: string
  dtype: string
  shape: number[]
  size: number
  /** captured, materialized, computed again, not captured. */
  origin: string
  /** How long it took to get it. */
  elapsedMs: number
  summary: {
    l2Norm: number | null
    mean: number | null
    min: number | null
    max: number | null
    zeroCount: number
    nonFiniteCount: number
  } | null
  histogram: { from: number; to: number; counts: number[] } | null
  /** Seen as a matrix: the mean of each cell, row by row. */
  heat: { rows: number; columns: number; ofRows: number; ofColumns: number; values: (number | null)[] } | null
  /** A part of the elements in row-major order. */
  page: { offset: number; values: number[] }
  gradient: { l2Norm: number | null; mean: number | null; min: number | null; max: number | null } | null
  /** Positions of other parameters of this name. */
  others: number[]
  images: TensorImages | null
}

export interface EventRow {
  position: number
  step: number
  type: string
  text: string
  /** Positions of what it reads or is about. */
  causes: number[]
}

export interface EventsAnswer {
  run: RunKey
  first: number
  last: number
  total: number
  events: EventRow[]
}

interface FindingRow {
  kind: string
  level: string
  step: number | null
  position: number | null
  variable: string | null
  text: string
  evidence: string[]
  site: string | null
}

export interface WhyAnswer {
  run: RunKey
  findings: FindingRow[]
  looked: string
  skipped: string[]
}

export interface DiffAnswer {
  a: RunKey
  b: RunKey
  /** Entries of the runs and their configs that differ. */
  config: { path: string; a: string; b: string }[]
  /** Metrics of either: where they part first, and how they end. */
  metrics: {
    name: string
    firstDifferentStep: number | null
    a: number | null
    b: number | null
    lastA: number | null
    lastB: number | null
  }[]
  /** Whether all that was computed is equal, as far as it is on the tapes. */
  equal: boolean
  /** The answer in one sentence. */
  text: string
  /** What speaks for it. */
  evidence: string[]
  /** Where it stands: the step, and the event in each run; null where a run has none. */
  step: number | null
  positions: [number | null, number | null]
  /** Differences of other kinds, each in one sentence. */
  further: { text: string; step: number; positions: [number | null, number | null] }[]
  /** What is equal, in words. */
  same: string[]
  looked: string
  skipped: string[]
}

export interface SchemaAnswer {
  /** What was asked: the tape, and the run that the statements are about; null is the newest. */
  tape: number
  run: string | null
  views: { name: string; doc: string; columns: { name: string; doc: string }[] }[]
  /** Statements without parameters, by chapter; `note` is what one must know to read the answer. */
  cookbook: { title: string; questions: { question: string; note: string | null; sql: string }[] }[]
}

/** Cells as they are shown; numbers stay numbers. */
export interface SqlAnswer {
  columns: string[]
  rows: (string | number | null)[][]
  /** Whether there are more rows than these. */
  isCut: boolean
  elapsedMs: number
}

export interface VerifyAnswer {
  tape: number
  isIntact: boolean
  problem: string | null
  batches: number
  events: number
  values: number
  head: string
  /** For each key that has sealed the tape: its SHA-256, and whether its seals hold. */
  seals: { key: string; holds: boolean; text: string }[]
  elapsedMs: number
}

/** What came of computing a run again. */
export interface RecomputeAnswer {
  run: RunKey
  name: string
  verdict: 'bit-exact' | 'within-ulp' | 'diverged' | 'not-checked'
  /** What was computed, by which kernel, and where it first differs. */
  lines: string[]
  /** What was not looked at, and why. */
  skipped: string[]
}

export interface Failure {
  error: { code: string; message: string }
}

/** Questions that GET /api/NAME answers, and what each answers. */
export interface Answers {
  runs: RunsAnswer
  metrics: MetricsAnswer
  curves: CurvesAnswer
  gradients: HeatAnswer
  timeline: TimelineAnswer
  graph: GraphAnswer
  call: CallAnswer
  variables: VariablesAnswer
  tensor: TensorAnswer
  events: EventsAnswer
  why: WhyAnswer
  diff: DiffAnswer
  schema: SchemaAnswer
  verify: VerifyAnswer
  recompute: RecomputeAnswer
}
