/** Draws well-formed events of every type, in the order of a run: refs point back, awkward numbers are likely. */
import fc from 'fast-check'
import {
  type ArraySummary,
  EVENT_KIND,
  type EventType,
  type Payload,
  type Plain,
  type RecordedArray,
  refOf,
} from '../../src/events/event.js'

export const EVENT_TYPES = Object.keys(EVENT_KIND) as EventType[]

/** Numbers that formats like to lose. */
export const awkwardNumber = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    5e-324,
    -Number.MAX_VALUE,
    2 ** 53 + 2,
  ),
  fc.double(),
)

export const plain: fc.Arbitrary<Plain> = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, '', '$number', '__proto__'),
    awkwardNumber,
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.oneof(fc.constantFrom('$number', '$$number', '__proto__', 'a', '0'), fc.string()),
      tie('value'),
      {
        maxKeys: 3,
        noNullPrototype: true,
      },
    ),
  ),
})).value

const record = fc.dictionary(fc.string(), plain, { maxKeys: 3, noNullPrototype: true })
const text = fc.string({ unit: 'binary', maxLength: 8 })
const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 })
const dtype = fc.constantFrom('float64', 'float32', 'int32', 'uint8', 'bool')

/** An array of the shape: what `data` holds is drawn, and rounded to the dtype. */
function array(form: { dtype: string; shape: readonly number[] }): fc.Arbitrary<RecordedArray> {
  const size = form.shape.reduce((product, extent) => product * extent, 1)
  return fc.array(awkwardNumber, { minLength: size, maxLength: size }).map((numbers) => {
    const rounded = form.dtype === 'bool' ? numbers.map((x) => (x > 0 ? 1 : 0)) : numbers
    const make = {
      float64: Float64Array,
      float32: Float32Array,
      int32: Int32Array,
      uint8: Uint8Array,
      bool: Uint8Array,
    }[form.dtype]!
    return { ...form, size, data: make.from(rounded) }
  })
}

const form = fc.record({ dtype, shape })
const maybeArray = (of: { dtype: string; shape: readonly number[] }) => fc.option(array(of))

/** A number of a summary; SQLite keeps no −0, and NaN stands for null. */
const statistic = fc.option(awkwardNumber.filter((x) => x === x && !Object.is(x, -0)))
const summary: fc.Arbitrary<ArraySummary> = fc.record({
  l2Norm: statistic,
  mean: statistic,
  min: statistic,
  max: statistic,
  zeroCount: fc.nat(),
  nonFiniteCount: fc.nat(),
  nanCount: fc.option(fc.nat()),
  hash: fc.option(fc.constantFrom('00'.repeat(32), 'a7'.repeat(32))),
})

/** What is captured of arrays of one form: their bytes, summaries, or nothing. One element is never summarized. */
function captured<K extends string>(
  of: { dtype: string; shape: readonly number[] },
  ...parts: readonly (readonly [value: K, summary: K])[]
): fc.Arbitrary<{ [key in K]: unknown }> {
  const isOne = of.shape.every((extent) => extent === 1)
  const either = fc.record({
    values: fc.tuple(...parts.map(() => maybeArray(of))),
    summaries: fc.option(summary),
  })
  return either.map(({ values, summaries }) => {
    const fields = {} as { [key in K]: unknown }
    parts.forEach(([value, summary], i) => {
      const isSummary = summaries !== null && !isOne && values[i] !== null
      fields[value] = isSummary ? null : values[i]
      fields[summary] = isSummary ? summaries : null
    })
    return fields
  })
}

/** A payload of `type` for an event at `position` (from 2 on, so that there is something to refer to). */
export function payload(type: EventType, position: number): fc.Arbitrary<Payload> {
  const ref = fc
    .tuple(fc.integer({ min: 1, max: position - 1 }), fc.constantFrom(0, 0, 0, 1, 2))
    .map(([at, slot]) => refOf(at, slot))
  const maybeRef = fc.option(ref)
  const refs = fc.array(ref, { maxLength: 5 })
  const elapsedMs = fc.double({ min: 0, max: 1e9, noNaN: true })
  const withForm = <T extends object>(rest: (of: { dtype: string; shape: number[] }) => fc.Arbitrary<T>) =>
    form.chain((of) => rest(of).map((fields) => ({ ...fields, ...of })))
  const arbitraries: { readonly [T in EventType]: fc.Arbitrary<unknown> } = {
    // Those of packing 2 begin other runs: in the middle of this one they would change how it is packed.
    RunStarted: fc.record({
      name: text,
      seed: fc.maxSafeInteger(),
      config: record,
      capture: plain,
      kernel: text,
      engine: text,
      node: text,
      v8: text,
      platform: text,
      host: text,
      pid: fc.nat(),
      startedAt: text,
      parent: fc.option(fc.record({ run: fc.nat(), step: fc.nat() })),
    }),
    StepStarted: fc.record({ elapsedMs }),
    LeafCreated: withForm((of) =>
      fc.record({
        role: fc.constantFrom('variable', 'parameter', 'constant'),
        requiresGrad: fc.boolean(),
        name: fc.option(text),
        source: maybeRef,
        content: captured(of, ['value', 'summary']),
      }),
    ).map(({ content, ...rest }) => ({ ...rest, ...content })),
    FunctionCalled: fc.record({
      function: text,
      attributes: record,
      inputs: refs,
      scope: text,
      linked: fc.boolean(),
      outputs: fc.array(
        withForm((of) => fc.record({ value: maybeArray(of) })),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    BackwardStarted: fc
      .record({
        seeded: fc.array(fc.tuple(ref, maybeRef), { maxLength: 5 }),
        targets: fc.option(refs),
        createGraph: fc.boolean(),
        retainGrad: fc.boolean(),
      })
      .map(({ seeded, ...rest }) => ({
        roots: seeded.map(([root]) => root),
        gradients: seeded.map(([, gradient]) => gradient),
        ...rest,
      })),
    GradientComputed: withForm((of) =>
      fc.record({
        pass: fc.integer({ min: 1, max: position - 1 }),
        variable: ref,
        gradient: maybeRef,
        held: fc.constantFrom('nothing', 'contribution', 'accumulated'),
        content: captured(of, ['contribution', 'contributionSummary'], ['accumulated', 'accumulatedSummary']),
      }),
    ).map(({ content, ...rest }) => ({ ...rest, ...content })),
    GradientCleared: fc.record({ variable: ref }),
    GradientAssigned: fc.record({ variable: ref, gradient: ref }),
    GradientReplaced: fc.record({ pass: ref, variable: ref, gradient: ref }),
    BackwardAborted: fc.record({ pass: ref }),
    ValueAssigned: withForm((of) =>
      fc.record({ variable: ref, source: maybeRef, content: captured(of, ['value', 'summary']) }),
    ).map(({ content, ...rest }) => ({ ...rest, ...content })),
    VariableNamed: fc.record({ variable: ref, name: fc.option(text) }),
    VariableUnchained: fc.record({ variable: ref }),
    RequiresGradSet: fc.record({ variable: ref, requiresGrad: fc.boolean() }),
    MetricLogged: fc.record({ name: text, value: awkwardNumber, variable: maybeRef }),
    CheckpointTaken: fc
      .array(fc.tuple(ref, form.chain(array)), { maxLength: 4 })
      .map((held) => ({ variables: held.map(([at]) => at), values: held.map(([, value]) => value) })),
    NoteAdded: fc.record({ text }),
    EpochStarted: fc.record({
      epoch: fc.nat(),
      batch: fc.nat(),
      batches: fc.nat(),
      batchSize: fc.nat(),
      data: fc.option(fc.nat()),
      dataset: fc.option(text),
      part: fc.option(text),
    }),
    RunFinished: fc.record({
      status: fc.constantFrom('finished', 'failed', 'interrupted'),
      error: fc.option(text),
      elapsedMs,
    }),
  }
  return arbitraries[type].map((fields) => ({ type, ...(fields as object) }) as Payload)
}

/** Events 2, 3, … of a run, of any types. */
export const payloads: fc.Arbitrary<Payload[]> = fc
  .array(fc.constantFrom(...EVENT_TYPES), { minLength: 1, maxLength: 12 })
  .chain((types) => fc.tuple(...types.map((type, i) => payload(type, i + 2))))
