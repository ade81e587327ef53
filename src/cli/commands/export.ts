/** `gradtape export`: a tape, or a part of it, as files that other programs read. */
import fs from 'node:fs'
import path from 'node:path'
import { type Command, Option } from 'commander'
import { TapeError } from '../../errors.js'
import { tensorboardEvents, tensorboardFileName, traceEvents } from '../../inspection/export-run.js'
import { exportViews } from '../../inspection/export-views.js'
import { wholeFile, writing } from '../../inspection/whole-file.js'
import { runNumber } from '../../queries/cookbook/cookbook.js'
import type { Views } from '../../queries/views.js'
import { type Answer, answer, type Later } from '../answer.js'
import { toJson } from '../json.js'
import { openRun, openViews, variableKey } from '../open.js'
import { examples, wholeNumber, withImports, withJson } from '../options.js'
import { checkOutput } from '../output.js'
import { Progress } from '../progress.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { oneLine } from '../table.js'
import { countText, plural } from '../words.js'

const FORMATS = ['parquet', 'csv', 'npz', 'safetensors', 'tensorboard', 'trace', 'onnx'] as const
type Format = (typeof FORMATS)[number]

interface Options {
  to: Format
  output: string
  run?: string
  views?: string
  step?: number
  gradients?: boolean
  outputs?: string
  inputs?: string
  import: string[]
  json?: boolean
}

export function addExport(program: Command): void {
  withImports(withRun(withJson(program.command('export'))))
    .description('write a tape as files that other programs read')
    .argument(...FILE_AND_RUN)
    .addOption(new Option('--to <format>', 'what to write').choices(FORMATS).makeOptionMandatory())
    .requiredOption(
      '-o, --output <path>',
      'the folder (parquet, csv, tensorboard) or file (npz, safetensors, trace, onnx)',
    )
    .option('--views <names>', 'parquet, csv: only these views, with commas between')
    .option(
      '--step <step>',
      'npz, safetensors, onnx: the parameters that this step computed with (default: the last)',
      wholeNumber(1),
    )
    .option('--gradients', 'npz, safetensors: the gradients of the step too, as grad/NAME')
    .option(
      '--outputs <names>',
      'onnx: what the model computes, names or positions (default: what was logged)',
    )
    .option(
      '--inputs <names>',
      'onnx: what the model is given (default: batches, and arrays that training does not change)',
    )
    .addHelpText(
      'after',
      `
parquet      one file a view, for DuckDB, polars, pandas, Spark; all runs, or one with --run
csv          the same as CSV, for programs: every text as it is, also what a spreadsheet takes for a formula; bytes in hex
npz          the parameters of a step, for numpy.load
safetensors  the same for the safetensors library
tensorboard  the metrics of a run as an event file; TensorBoard keeps float32
trace        steps, metrics, notes and checkpoints on a time line, for ui.perfetto.dev
onnx         the forward graph of a step with its parameters, for Netron and onnxruntime; float64 becomes float32

Bytes of arrays are in leaf, value and chunk; other views name them by value_id. variable and edge are left out unless they are named:
their rows stand in leaf, output, call_input and call_output.
${examples(
  'gradtape export runs.tape --to parquet -o runs',
  'gradtape export runs.tape --to parquet --views gradient,metric -o runs',
  'gradtape export runs.tape --to npz --run mlp --step 412 --gradients -o step-412.npz',
  'gradtape export runs.tape --to tensorboard -o logs/mlp',
  'gradtape export runs.tape --to trace -o trace.json',
  'gradtape export runs.tape --to onnx --step 412 --outputs logits -o digits.onnx',
)}`,
    )
    .action((file: string, options: Options) => answer(options, (later) => exported(file, options, later)))
}

async function exported(file: string, options: Options, later: Later): Promise<Answer> {
  checkOutput(options.output, file)
  const isOfStep = options.to === 'npz' || options.to === 'safetensors'
  const isOfViews = options.to === 'parquet' || options.to === 'csv'
  refuseUnless(isOfViews, options.views, '--views', 'parquet and csv')
  const isModel = options.to === 'onnx'
  refuseUnless(isOfStep || isModel, options.step, '--step', 'npz, safetensors and onnx')
  refuseUnless(isModel, options.outputs, '--outputs', 'onnx')
  refuseUnless(isModel, options.inputs, '--inputs', 'onnx')
  refuseUnless(isOfStep, options.gradients, '--gradients', 'npz and safetensors')
  if (isOfStep) return valuesOfStep(file, options, later)
  if (isModel) return model(file, options, later)
  const views = openViews(file, later)
  if (isOfViews) return ofViews(views, options)
  const run = runNumber(views, options.run ?? null)
  return options.to === 'tensorboard'
    ? tensorboard(views, run, options.output)
    : trace(views, run, options.output)
}

function refuseUnless(holds: boolean, value: unknown, option: string, formats: string): void {
  if (!holds && value !== undefined)
    throw new TapeError(
      'BAD_ARGUMENT',
      `${option} is for ${formats}; leave it out, or choose one of these with --to`,
    )
}

function ofViews(views: Views, { to, output, run, views: names }: Options): Answer {
  const progress = new Progress('export:', null, { unit: 'rows' })
  const files = exportViews(views, output, {
    format: to === 'csv' ? 'csv' : 'parquet',
    run: run === undefined ? undefined : runNumber(views, run),
    views: names?.split(',').map((name) => name.trim()),
    onProgress: (_, rows) => progress.at(rows),
  })
  progress.end()
  return {
    json: () => ({ format: to, files }),
    text: () => files.map(({ file, rows }) => `wrote ${file}: ${plural(rows, 'row')}`).join('\n'),
  }
}

async function valuesOfStep(file: string, options: Options, later: Later): Promise<Answer> {
  const { to, output } = options
  if (!output.endsWith(`.${to}`))
    throw new TapeError('BAD_ARGUMENT', `--output expected a name that ends in .${to}, got ${output}`)
  const { past, views } = await openRun(file, options, later)
  const { saveState } = await import('../../nn/state-file.js')
  const step = options.step ?? past.stepCount
  if (step < 1) throw new TapeError('STEP_NOT_FOUND', 'the run has no step')
  const rows = views.all<{ position: number; name: string | null }>(
    'SELECT position, name FROM parameter WHERE run_id = ? AND step <= ? ORDER BY position',
    past.id,
    step,
  )
  const entries = rows.flatMap(({ position, name }) => {
    const variable = past.variable(position, { step })
    const key =
      name !== null && rows.filter((one) => one.name === name).length === 1
        ? name
        : `${name ?? ''}#${position}`
    const own = [[key, variable.data] as const]
    return options.gradients === true && variable.grad !== null
      ? [...own, [`grad/${key}`, variable.grad.data] as const]
      : own
  })
  if (entries.length === 0)
    throw new TapeError('VARIABLE_NOT_FOUND', `the run had no parameters by step ${step}`)
  writing(output, () => saveState(output, Object.fromEntries(entries)))
  return {
    json: () => ({
      format: to,
      file: output,
      step,
      arrays: entries.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    }),
    text: () => `wrote ${output}: ${plural(entries.length, 'array')} of step ${step}`,
  }
}

async function model(file: string, options: Options, later: Later): Promise<Answer> {
  const { output, step, outputs, inputs } = options
  if (!output.endsWith('.onnx'))
    throw new TapeError('BAD_ARGUMENT', `--output expected a name that ends in .onnx, got ${output}`)
  const run = await openRun(file, options, later)
  // Not with the command: its rules are not wanted by the other formats.
  const { onnxOf } = await import('../../inspection/onnx-graph.js')
  const made = await onnxOf(run, { step, outputs: variableKeys(outputs), inputs: variableKeys(inputs) })
  wholeFile(output, (unfinished) => writing(output, () => fs.writeFileSync(unfinished, made.bytes)))
  const { bytes, ...rest } = made
  const list = (ports: typeof made.inputs) =>
    ports.map(({ name, dtype, shape }) => `${oneLine(name)} ${dtype}[${shape.join(', ')}]`).join(', ')
  return {
    json: () => ({ format: 'onnx', file: output, byteCount: bytes.length, ...rest }),
    text: () =>
      [
        `wrote ${output}: ${plural(made.callCount, 'call')} of step ${made.step}, ${plural(made.constants.length, 'constant')}, operators of version ${made.opset}`,
        `inputs:  ${made.inputs.length === 0 ? 'none' : list(made.inputs)}`,
        `outputs: ${list(made.outputs)}`,
      ].join('\n'),
  }
}

/** Names and positions with commas between. */
function variableKeys(text: string | undefined): (string | number)[] | undefined {
  return text?.split(',').map((one) => variableKey(one.trim()))
}

function tensorboard(views: Views, run: number, folder: string): Answer {
  const file = path.join(folder, tensorboardFileName(views, run))
  let records = 0
  writeParts(file, (write) => {
    for (const bytes of tensorboardEvents(views, run)) {
      write(bytes)
      records++
    }
  })
  return {
    json: () => ({ format: 'tensorboard', file, scalars: records - 1 }),
    text: () => `wrote ${file}: ${plural(records - 1, 'scalar')}`,
  }
}

function trace(views: Views, run: number, file: string): Answer {
  let events = 0
  writeParts(file, (write) => {
    write('{"displayTimeUnit": "ms", "traceEvents": [')
    for (const event of traceEvents(views, run))
      write(`${events++ === 0 ? '\n' : ',\n'}${toJson(event).replace(/\n\s*/g, ' ')}`)
    write('\n]}\n')
  })
  return {
    json: () => ({ format: 'trace', file, events }),
    text: () => `wrote ${file}: ${countText(events)} events`,
  }
}

/** Throws  WRITE_FAILED */
function writeParts(file: string, fill: (write: (part: string | Uint8Array) => void) => void): void {
  wholeFile(file, (unfinished) => {
    const open = fs.openSync(unfinished, 'w')
    try {
      // Unlike writeSync, it goes on until all of it is written, or says why it cannot.
      fill((part) => fs.writeFileSync(open, part))
    } finally {
      fs.closeSync(open)
    }
  })
}
