/**
 * The one walk over packed words. It tells a visitor what each record is and where its parts stand, so that nobody else counts
 * words. Refs are as in the words: 0 stands for none.
 */
import { TapeError } from '../errors.js'
import { EVENT_KIND, PACKED_BACKWARD, PACKED_MEASURED_ASSIGNMENT, PACKED_SITED_CALL } from './event.js'
import {
  ASSIGNMENT_WORDS,
  attributesOfCallWord,
  CALL_WORDS,
  CHECKPOINT_ENTRY_WORDS,
  CHECKPOINT_WORDS,
  CLEAR_WORDS,
  FREEZE_WORDS,
  GRADIENT_WORDS,
  inputsOfCallWord,
  isCallWord,
  LEAF_WORDS,
  MEASURED_ASSIGNMENT_WORDS,
  METRIC_WORDS,
  PASS_WORDS,
  SHORT_CALL_WORDS,
  SITED_CALL_WORDS,
  STEP_WORDS,
  signatureOfCallWord,
  TEXT_WORDS,
  VALUE_WORDS,
} from './record-layout.js'

/** `…At` is an index of words; the words of the record under way stay as they are until `visitRecord` returns. */
export interface RecordVisitor {
  leaf(form: number, source: number, valueAt: number): void
  /** Outputs of which nothing is kept may be left out: then `outputs` is 0. */
  call(
    signature: number,
    attributes: number,
    inputsAt: number,
    inputs: number,
    outputsAt: number,
    outputs: number,
  ): void
  /** Told before `call`, of a call whose place in the user's code is known: text number `site`. */
  site(site: number): void
  /** Two values stand at `valuesAt`: the contribution, and what was accumulated. */
  gradient(
    pass: number,
    variable: number,
    gradient: number,
    form: number,
    held: number,
    valuesAt: number,
  ): void
  assignment(variable: number, source: number, form: number, valueAt: number): void
  /** Told before `assignment`, of one that says how far the new value is from the one before; NaN when there is no such number. */
  measured(updateNorm: number): void
  clear(variable: number): void
  /** `requiresGrad` is 0 or 1. */
  freeze(variable: number, requiresGrad: number): void
  /** For each root its given gradient stands at `rootsAt + roots`, in their order. */
  pass(flags: number, rootsAt: number, roots: number, targetsAt: number, targets: number): void
  step(elapsedMs: number): void
  metric(name: number, value: number, variable: number): void
  /** Entries of CHECKPOINT_ENTRY_WORDS stand at `entriesAt`. */
  checkpoint(entriesAt: number, count: number): void
  /** An event of any other kind: its payload is text number `text`. */
  other(kind: number, text: number): void
}

/**
 * Tells `visitor` of the record at `at`; gives where the next one begins.
 *
 * Throws  TAPE_CORRUPT when the words end in the middle of it
 */
export function visitRecord(words: Float64Array, at: number, visitor: RecordVisitor): number {
  const kind = words[at]!
  if (isCallWord(kind)) {
    const inputs = inputsOfCallWord(kind)
    const inputsAt = at + SHORT_CALL_WORDS.inputs
    const end = inputsAt + inputs
    within(words, end)
    visitor.call(signatureOfCallWord(kind), attributesOfCallWord(kind), inputsAt, inputs, end, 0)
    return end
  }
  switch (kind) {
    case EVENT_KIND.FunctionCalled: {
      const inputs = words[at + CALL_WORDS.inputCount]!
      const inputsAt = at + CALL_WORDS.inputs
      const outputs = words[inputsAt + inputs]!
      const outputsAt = inputsAt + inputs + 1
      const end = outputsAt + outputs * VALUE_WORDS.size
      within(words, end)
      const signature = words[at + CALL_WORDS.signature]!
      visitor.call(signature, words[at + CALL_WORDS.attributes]!, inputsAt, inputs, outputsAt, outputs)
      return end
    }
    case PACKED_SITED_CALL: {
      const inputs = words[at + SITED_CALL_WORDS.inputCount]!
      const inputsAt = at + SITED_CALL_WORDS.inputs
      const outputs = words[inputsAt + inputs]!
      const outputsAt = inputsAt + inputs + 1
      const end = outputsAt + outputs * VALUE_WORDS.size
      within(words, end)
      visitor.site(words[at + SITED_CALL_WORDS.site]!)
      const signature = words[at + SITED_CALL_WORDS.signature]!
      visitor.call(signature, words[at + SITED_CALL_WORDS.attributes]!, inputsAt, inputs, outputsAt, outputs)
      return end
    }
    case EVENT_KIND.GradientComputed: {
      const end = at + GRADIENT_WORDS.size
      within(words, end)
      visitor.gradient(
        words[at + GRADIENT_WORDS.pass]!,
        words[at + GRADIENT_WORDS.variable]!,
        words[at + GRADIENT_WORDS.gradient]!,
        words[at + GRADIENT_WORDS.form]!,
        words[at + GRADIENT_WORDS.held]!,
        at + GRADIENT_WORDS.contribution,
      )
      return end
    }
    case EVENT_KIND.LeafCreated: {
      const end = at + LEAF_WORDS.size
      within(words, end)
      visitor.leaf(words[at + LEAF_WORDS.form]!, words[at + LEAF_WORDS.source]!, at + LEAF_WORDS.value)
      return end
    }
    case EVENT_KIND.ValueAssigned: {
      const end = at + ASSIGNMENT_WORDS.size
      within(words, end)
      visitor.assignment(
        words[at + ASSIGNMENT_WORDS.variable]!,
        words[at + ASSIGNMENT_WORDS.source]!,
        words[at + ASSIGNMENT_WORDS.form]!,
        at + ASSIGNMENT_WORDS.value,
      )
      return end
    }
    case PACKED_MEASURED_ASSIGNMENT: {
      const end = at + MEASURED_ASSIGNMENT_WORDS.size
      within(words, end)
      visitor.measured(words[at + MEASURED_ASSIGNMENT_WORDS.updateNorm]!)
      visitor.assignment(
        words[at + MEASURED_ASSIGNMENT_WORDS.variable]!,
        words[at + MEASURED_ASSIGNMENT_WORDS.source]!,
        words[at + MEASURED_ASSIGNMENT_WORDS.form]!,
        at + MEASURED_ASSIGNMENT_WORDS.value,
      )
      return end
    }
    case EVENT_KIND.GradientCleared: {
      const end = at + CLEAR_WORDS.size
      within(words, end)
      visitor.clear(words[at + CLEAR_WORDS.variable]!)
      return end
    }
    case EVENT_KIND.RequiresGradSet: {
      const end = at + FREEZE_WORDS.size
      within(words, end)
      visitor.freeze(words[at + FREEZE_WORDS.variable]!, words[at + FREEZE_WORDS.requiresGrad]!)
      return end
    }
    case PACKED_BACKWARD: {
      const roots = words[at + PASS_WORDS.rootCount]!
      const rootsAt = at + PASS_WORDS.roots
      const targetsAt = rootsAt + 2 * roots + 1
      const targets = words[targetsAt - 1]!
      const end = targetsAt + targets
      within(words, end)
      visitor.pass(words[at + PASS_WORDS.flags]!, rootsAt, roots, targetsAt, targets)
      return end
    }
    case EVENT_KIND.StepStarted: {
      const end = at + STEP_WORDS.size
      within(words, end)
      visitor.step(words[at + STEP_WORDS.elapsedMs]!)
      return end
    }
    case EVENT_KIND.MetricLogged: {
      const end = at + METRIC_WORDS.size
      within(words, end)
      visitor.metric(
        words[at + METRIC_WORDS.name]!,
        words[at + METRIC_WORDS.value]!,
        words[at + METRIC_WORDS.variable]!,
      )
      return end
    }
    case EVENT_KIND.CheckpointTaken: {
      const count = words[at + CHECKPOINT_WORDS.count]!
      const entriesAt = at + CHECKPOINT_WORDS.entries
      const end = entriesAt + count * CHECKPOINT_ENTRY_WORDS.size
      within(words, end)
      visitor.checkpoint(entriesAt, count)
      return end
    }
    default: {
      const end = at + TEXT_WORDS.size
      within(words, end)
      visitor.other(kind, words[at + TEXT_WORDS.text]!)
      return end
    }
  }
}

function within(words: Float64Array, end: number): void {
  // Of words that are not there come counts that are no numbers.
  if (!(end <= words.length)) throw new TapeError('TAPE_CORRUPT', 'packed events end in the middle of one')
}
