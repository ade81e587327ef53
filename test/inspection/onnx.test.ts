/** The ONNX model of a step, computed by a runtime that is not ours: it gives what the run recorded. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import * as ort from 'onnxruntime-web/wasm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as g from '../../src/index.js'
import { inspectedRun } from '../../src/inspection/inspected-run.js'
import { type OnnxExport, type OnnxOptions, type OnnxPort, onnxOf } from '../../src/inspection/onnx-graph.js'
import { ONNX_RULES } from '../../src/inspection/onnx-rules.js'
import { gradtape } from '../cli/gradtape.js'
import { numbersFrom } from '../seeded-numbers.js'

ort.env.wasm.numThreads = 1
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-onnx-'))
const file = path.join(folder, 'models.tape')

const random = numbersFrom(7)
const array = (...shape: number[]) =>
  g.ndarray(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() * 2 - 1),
    { shape },
  )
const whole = (values: number[], ...shape: number[]) =>
  g.ndarray(values, { dtype: 'int32', shape: shape.length === 0 ? [values.length] : shape })

/** Each function that has a rule, called in one step of a run: name of the output → what it is. */
function everyFunction(): Record<string, g.Variable> {
  const x = g.parameter(array(2, 3), { name: 'x' })
  const y = g.constant(array(2, 3))
  const image = g.constant(array(2, 2, 5, 6))
  const gamma = g.constant(array(4))
  const two = [g.constant(array(4)), g.constant(array(4))] as const
  const positive = g.add(g.abs(x), 0.5)
  const labels = whole([2, 0])
  const ids = whole([1, -1, 0, 1], 2, 2)
  const maps = g.constant(array(2, 4, 3, 3))
  const q = g.constant(array(2, 4, 3))
  const made: Record<string, g.Variable> = {}
  const elementwise = [
    g.exp,
    g.abs,
    g.neg,
    g.sin,
    g.cos,
    g.tan,
    g.sinh,
    g.cosh,
    g.arcsin,
    g.arccos,
    g.arctan,
    g.tanh,
  ]
  for (const f of elementwise) made[f.name] = f(x)
  const gates = [
    g.sigmoid,
    g.relu,
    g.softplus,
    g.erf,
    g.floor,
    g.ceil,
    g.round,
    g.trunc,
    g.selu,
    g.hardSigmoid,
    g.hardSwish,
    g.sign,
    g.square,
    g.exp2,
    g.expm1,
    g.silu,
    g.mish,
    g.gelu,
    g.elu,
    g.hardtanh,
  ]
  for (const f of gates) made[f.name] = f(x)
  for (const f of [g.log, g.sqrt, g.log1p]) made[f.name] = f(positive)
  for (const f of [g.add, g.sub, g.mul, g.div, g.maximum, g.minimum]) made[f.name] = f(x, y)
  for (const f of [g.equal, g.notEqual, g.less, g.lessEqual, g.greater, g.greaterEqual])
    made[f.name] = f(g.floor(x), g.floor(y))
  made.logicalAnd = g.logicalAnd(made.less!, made.greater!)
  made.logicalOr = g.logicalOr(made.less!, made.greater!)
  made.logicalNot = g.logicalNot(made.less!)
  made.where = g.where(made.less!, x, y)
  made.pow = g.pow(positive, 2.5)
  made.powOfTwo = g.pow(positive, y)
  made.leakyRelu = g.leakyRelu(x, { slope: 0.2 })
  made.clip = g.clip(x, { min: -0.25 })
  for (const f of [g.sum, g.mean, g.max, g.min, g.prod, g.logSumExp, g.var, g.std, g.norm]) {
    made[f.name] = f(x)
    made[`${f.name}Axis`] = f(x, { axis: -1, keepdims: true })
  }
  made.argmax = g.argmax(x, { axis: 1 })
  made.argmin = g.argmin(x)
  made.reshape = g.reshape(x, [3, 2])
  made.expandDims = g.expandDims(x, 1)
  made.squeeze = g.squeeze(made.expandDims)
  made.transpose = g.transpose(x)
  made.transposeAxes = g.transpose(image, [0, 2, -1, 1])
  made.broadcastTo = g.broadcastTo(x, [4, 2, 3])
  made.sumTo = g.sumTo(image, [2, 1, 6])
  made.flip = g.flip(image, [1, 3])
  made.slice = g.slice(image, [null, [1, null], [null, null, -2], [-5, -1]])
  made.split = g.split(image, [1, 4], { axis: 3 })[1]!
  made.concat = g.concat([x, y], { axis: -1 })
  made.stack = g.stack([x, y], { axis: -1 })
  made.pad = g.pad(
    x,
    [
      [1, 0],
      [0, 2],
    ],
    { value: 0.5 },
  )
  made.take = g.take(x, ids, { axis: 1 })
  made.embedding = g.embedding(x, whole([1, 0, 1]))
  made.gather = g.gather(x, whole([2, 0], 2, 1), { axis: 1 })
  made.oneHot = g.oneHot(labels, { classes: 4 })
  made.cast = g.cast(g.mul(x, 3), 'int32')
  made.matmul = g.matmul(x, y, { transposeB: true })
  made.linear = g.linear(x, g.constant(array(3, 2)), g.constant(array(2)))
  made.einsum = g.einsum('ij,kj->ik', x, y)
  made.softmax = g.softmax(x, { axis: 0 })
  made.logSoftmax = g.logSoftmax(x)
  made.softmaxCrossEntropy = g.softmaxCrossEntropy(x, labels)
  made.softmaxCrossEntropyShares = g.softmaxCrossEntropy(x, g.softmax(y))
  made.crossEntropy = g.crossEntropy(x, whole([2, -100]), { weight: [1, 2, 3] })
  made.meanSquaredError = g.meanSquaredError(x, y)
  made.conv2d = g.conv2d(image, g.constant(array(3, 2, 2, 3)), g.constant(array(3)), {
    stride: [2, 1],
    padding: 1,
  })
  made.convTranspose2d = g.convTranspose2d(image, g.constant(array(2, 3, 2, 3)), undefined, {
    stride: 2,
    padding: 1,
    extra: 1,
  })
  made.maxPool2d = g.maxPool2d(image, { kernel: [2, 3], stride: 2, padding: 1 })
  made.maxPool3d = g.maxPool3d(g.expandDims(image, 2), {
    kernel: [1, 2, 3],
    padding: [0, 1, 0],
    ceilMode: true,
  })
  made.adaptiveMaxPool2d = g.adaptiveMaxPool2d(image, [2, 4])
  made.interpolate = g.interpolate(image, { scale: 2, mode: 'bilinear' })
  made.diff = g.diff(image, { axis: 2 })
  made.diag = g.diag(x)
  made.cross = g.cross(x, y)
  made.averagePool2d = g.averagePool2d(image, { kernel: 2, padding: [1, 0] })
  made.adaptiveAveragePool2d = g.adaptiveAveragePool2d(image, [2, 3])
  made.layerNorm = g.layerNorm(q, g.constant(array(3)), g.constant(array(3)))
  made.rmsNorm = g.rmsNorm(q, g.constant(array(3)))
  made.groupNorm = g.groupNorm(maps, gamma, two[0], { groups: 2 })
  made.batchNorm = g.batchNorm(maps, gamma, two[0])
  made.batchNormGiven = g.batchNorm(maps, gamma, two[0], {
    runningMean: two[1],
    runningVariance: g.abs(two[0]),
  })
  made.dropout = g.dropout(g.concat([x, x, x]), { p: 0.4 })
  made.scaledDotProductAttention = g.scaledDotProductAttention(q, g.constant(array(2, 4, 3)), q, {
    causal: true,
  })
  made.attentionMasked = g.scaledDotProductAttention(q, q, q, { mask: whole([1, 1, 0, 1]) })
  made.attentionDropped = g.scaledDotProductAttention(q, q, q, { dropout: 0.3 })
  made.cumsum = g.cumsum(x, { axis: 1 })
  return made
}

beforeAll(async () => {
  g.seedRandom(3)
  const tape = g.openTape(file)
  const functions = tape.startRun('functions')
  functions.step()
  for (const [name, variable] of Object.entries(everyFunction())) variable.name = `out ${name}`
  await functions.finish()

  const mlp = tape.startRun('mlp')
  const net = new g.MLP([4, 6, 3])
  const adam = new g.Adam(net.parameters(), { lr: 0.05 })
  const rows = new g.TensorDataset(array(6, 4), whole([0, 1, 2, 0, 1, 2])).named('rows')
  for (const [x, t] of new g.DataLoader(rows, { batchSize: 3 })) {
    mlp.step()
    const logits = net.forward(x)
    logits.name = 'logits'
    const loss = g.softmaxCrossEntropy(logits, t)
    net.clearGrads()
    loss.backward()
    adam.step()
    mlp.log({ loss })
  }
  await mlp.finish()

  const cnn = tape.startRun('cnn')
  const convolutions = new g.Sequential(
    new g.Conv2d(1, 4, 3, { padding: 1 }),
    new g.BatchNorm(4),
    (x: g.Variable) => g.maxPool2d(g.relu(x), { kernel: 2 }),
    (x: g.Variable) => g.mean(x, { axis: [2, 3] }),
    new g.Linear(4, 2),
  )
  for (const isTraining of [true, false]) {
    cnn.step()
    const x = g.constant(array(2, 1, 6, 6))
    if (isTraining) cnn.log({ loss: g.meanSquaredError(convolutions.forward(x), array(2, 2)) })
    else {
      convolutions.eval()
      const scores = g.noGrad(() => convolutions.forward(x))
      scores.name = 'scores'
    }
  }
  await cnn.finish()

  const odd = tape.startRun('odd')
  const given = g.constant(array(3))
  given.name = 'given\0 here'
  const wave = g.sigmoid(given)
  wave.name = 'wave'
  // Both are float32 in the model: the cast is of no operator.
  const narrow = g.cast(wave, 'float32')
  narrow.name = 'given\0 there'
  odd.log({ both: g.sum(g.add(wave, narrow)) })
  await odd.finish()

  const gpt = tape.startRun('gpt')
  const table = new g.Embedding(11, 8)
  const block = new g.TransformerEncoderLayer(8, 2, { dropout: 0.1, causal: true, normFirst: true })
  const head = new g.Linear(8, 11)
  gpt.step()
  const ids = g.constant(whole([3, 1, 4, 1, 5, 9, 2, 6], 2, 4))
  ids.name = 'ids'
  const logits = head.forward(block.forward(table.forward(ids)))
  logits.name = 'logits'
  gpt.log({ loss: g.crossEntropy(logits, whole([1, 4, 1, 5, 9, 2, 6, 5], 2, 4)) })
  await gpt.finish()
  tape.close()
})

let tape: g.Tape
beforeAll(() => {
  tape = g.openTape(file, { readonly: true })
})
afterAll(() => {
  tape.close()
  fs.rmSync(folder, { recursive: true, force: true })
})

const exported = (run: string, options: OnnxOptions = {}): Promise<OnnxExport> =>
  onnxOf(inspectedRun(tape, run), options)

const valueAt = (run: string, step: number, { position, slot }: OnnxPort): g.NDArray =>
  tape.run(run).variable(slot * 2 ** 40 + position, { step }).data

/** What another runtime computes from what the run's step was given, beside what the run recorded. */
async function computed(
  run: string,
  model: OnnxExport,
): Promise<[name: string, got: number[], recorded: number[]][]> {
  const session = await ort.InferenceSession.create(model.bytes)
  expect(session.inputNames).toEqual(model.inputs.map(({ name }) => name))
  const feeds = Object.fromEntries(
    model.inputs.map((port) => {
      const { data } = valueAt(run, model.step, port)
      const values = port.dtype === 'float32' ? Float32Array.from(data) : data
      return [port.name, new ort.Tensor(port.dtype, values as Float32Array, port.shape)]
    }),
  )
  const results = await session.run(feeds)
  return model.outputs.map((port) => {
    const { dims, data } = results[port.name]!
    expect([...dims], port.name).toEqual([...port.shape])
    return [
      port.name,
      Array.from(data as Float32Array, Number),
      Array.from(valueAt(run, model.step, port).data),
    ]
  })
}

function expectEqual(found: readonly [name: string, got: number[], recorded: number[]][]): void {
  for (const [name, got, recorded] of found) {
    const far = got.findIndex(
      (value, i) => !(Math.abs(value - recorded[i]!) <= 1e-5 * Math.max(1, Math.abs(recorded[i]!))),
    )
    expect([name, got[far], recorded[far]]).toEqual([name, undefined, undefined])
  }
}

test('each function with a rule gives what was recorded', async () => {
  const names = tape
    .query("SELECT name FROM output WHERE run_id = 1 AND name LIKE 'out %'")
    .map(({ name }) => String(name))
  const called = new Set(
    tape.query('SELECT DISTINCT function FROM call WHERE run_id = 1').map((row) => row.function),
  )
  expect([...ONNX_RULES.keys()].filter((name) => !called.has(name))).toEqual([])
  expectEqual(await computed('functions', await exported('functions', { outputs: names })))
})

describe('models', () => {
  test('an MLP: its parameters as they were in the step, the batch under the name of its data set', async () => {
    const model = await exported('mlp', { step: 2 })
    expect(model.inputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['rows[0]', [3, 4]],
      ['rows[1]', [3]],
    ])
    expect(model.constants.map(({ name }) => name).sort()).toEqual([
      ...['layers.0.bias', 'layers.0.weight', 'layers.1.bias', 'layers.1.weight'],
    ])
    expectEqual(await computed('mlp', model))
    // Without the labels: what is deployed.
    const logits = await exported('mlp', { outputs: ['logits'] })
    expect(logits.inputs.map(({ name }) => name)).toEqual(['rows[0]'])
    expectEqual(await computed('mlp', logits))
  })

  test('a CNN in training and in use, where no call has a gradient', async () => {
    expectEqual(await computed('cnn', await exported('cnn', { step: 1 })))
    const inUse = await exported('cnn', { step: 2, outputs: ['scores'] })
    expect(inUse.inputs).toHaveLength(1)
    expect(inUse.constants.map(({ name }) => name)).toContain('layers.1.runningVariance')
    expectEqual(await computed('cnn', inUse))
  })

  test('a block of a GPT, with the dropout of its step', async () => {
    const model = await exported('gpt')
    expect(model.inputs.map(({ name }) => name)).toEqual(['ids', 'input'])
    expectEqual(await computed('gpt', model))
    expect((await exported('gpt', { inputs: ['ids'], outputs: ['logits'] })).inputs).toHaveLength(1)
    const twice = await exported('gpt', { outputs: ['logits', 'logits'] })
    expect(twice.outputs.map(({ name }) => name)).toEqual(['logits'])
    await expect(exported('gpt', { inputs: ['ids', 'logits'], outputs: ['logits'] })).rejects.toThrow(
      /^BAD_ARGUMENT: expected inputs that the outputs are computed from, got "logits", /,
    )
  })
})

test('a cast to what the model has anyway leaves its input as it is, names keep no NUL, and an output asked for twice is there once', async () => {
  const model = await exported('odd', { outputs: ['wave', 'given\0 there', 'both', 'wave'] })
  expect(model.inputs.map(({ name }) => name)).toEqual(['given\ufffd here'])
  expect(model.outputs.map(({ name }) => name)).toEqual(['wave', 'given\ufffd there', 'both'])
  expectEqual(await computed('odd', model))
})

test('what has no operator is named before anything is written', async () => {
  const other = path.join(folder, 'other.tape')
  const writing = g.openTape(other)
  const run = writing.startRun('other')
  run.step()
  run.log({ loss: g.sum(g.add(g.triu(array(2, 2)), g.inv(array(2, 2)))) })
  await run.finish()
  writing.close()
  const output = path.join(folder, 'other.onnx')
  const said = await gradtape('export', other, '--to', 'onnx', '-o', output)
  expect([said.status, said.stderr]).toEqual([
    1,
    expect.stringMatching(
      /^ONNX_UNSUPPORTED: inv, triu: no operator of ONNX stands for these functions; the first is the call of \w+ at position \d+/,
    ),
  ])
  expect(fs.existsSync(output)).toBe(false)
  const written = await gradtape(
    'export',
    file,
    '--run',
    'gpt',
    '--to',
    'onnx',
    '-o',
    output,
    '--outputs',
    'logits',
    '--json',
  )
  expect(JSON.parse(written.stdout)).toMatchObject({
    format: 'onnx',
    step: 1,
    opset: 17,
    inputs: [{ name: 'ids', dtype: 'int32', shape: [2, 4] }],
  })
  expect(fs.readFileSync(output)).toEqual(Buffer.from((await exported('gpt', { outputs: ['logits'] })).bytes))
})
