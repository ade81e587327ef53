// A training step of each model of the examples: digits by convolutions, a sine by an LSTM, letters by a small GPT. Not recorded;
// the data are random, only the shapes matter. Peers know the models by the same names.
import {
  AdamW,
  add,
  argmax,
  Conv2d,
  constant,
  Embedding,
  gelu,
  LayerNorm,
  Linear,
  LSTM,
  Module,
  MultiHeadAttention,
  maxPool2d,
  meanSquaredError,
  ndarray,
  noGrad,
  relu,
  reshape,
  SGD,
  setDefaultDtype,
  slice,
  softmaxCrossEntropy,
  squeeze,
  type Variable,
} from 'gradtape'
import { nsOf, OURS, randomArray, type Sample, type Workload } from './workload.js'

class ConvNet extends Module {
  conv1 = new Conv2d(1, 8, 3, { padding: 1 })
  conv2 = new Conv2d(8, 16, 3, { padding: 1 })
  fc = new Linear(64, 10)

  override forward(x: Variable): Variable {
    const rows = x.shape[0] ?? 0
    const half = maxPool2d(relu(this.conv1.forward(x)), { kernel: 2 })
    const quarter = maxPool2d(relu(this.conv2.forward(half)), { kernel: 2 })
    return this.fc.forward(reshape(quarter, [rows, 64]))
  }
}

class Forecast extends Module {
  lstm = new LSTM(1, 16)
  fc = new Linear(16, 1)

  override forward(x: Variable): Variable {
    const times = x.shape[1] ?? 0
    const { outputs } = this.lstm.forward(x)
    return this.fc.forward(squeeze(slice(outputs, [null, [times - 1, times]]), 1))
  }
}

const LETTERS = 60
const LENGTH = 16
/** With 3 blocks of width 512 and these, a model has 10.5 million parameters. */
const WORDS = 1000

class Block extends Module {
  norm1: LayerNorm
  attention: MultiHeadAttention
  norm2: LayerNorm
  widen: Linear
  narrow: Linear

  constructor(width: number) {
    super()
    this.norm1 = new LayerNorm(width)
    this.attention = new MultiHeadAttention(width, 4, { causal: true })
    this.norm2 = new LayerNorm(width)
    this.widen = new Linear(width, 4 * width)
    this.narrow = new Linear(4 * width, width)
  }

  override forward(x: Variable): Variable {
    const y = add(x, this.attention.forward(this.norm1.forward(x)))
    return add(y, this.narrow.forward(gelu(this.widen.forward(this.norm2.forward(y)))))
  }
}

class GPT extends Module {
  letter: Embedding
  place: Embedding
  blocks: Block[]
  norm: LayerNorm
  head: Linear
  private readonly places = constant(Int32Array.from({ length: LENGTH }, (_, i) => i))

  private readonly letters: number

  constructor(width: number, blocks = 2, letters = LETTERS) {
    super()
    this.letters = letters
    this.letter = new Embedding(letters, width)
    this.place = new Embedding(LENGTH, width)
    this.blocks = Array.from({ length: blocks }, () => new Block(width))
    this.norm = new LayerNorm(width)
    this.head = new Linear(width, letters, { bias: false })
  }

  override forward(codes: Variable): Variable {
    let x = add(this.letter.forward(codes), this.place.forward(this.places))
    for (const block of this.blocks) x = block.forward(x)
    return reshape(this.head.forward(this.norm.forward(x)), [codes.size, this.letters])
  }
}

const whole = (below: number, size: number, seed: number) =>
  ndarray(
    randomArray(size, seed, 0, below).map((value) => Math.floor(value)),
    { dtype: 'int32' },
  )

interface Trained {
  readonly model: Module & { forward(x: Variable): Variable }
  readonly optimizer: (parameters: ReturnType<Module['parameters']>) => { step(): void }
  readonly loss: (model: Trained['model']) => Variable
}

const TEN_MILLION = 'model gpt of 10 million parameters batch 10 float32'

const MODELS: Record<string, () => Trained> = {
  'model digits-cnn batch 50 float32': () => {
    const x = constant(ndarray(randomArray(50 * 64, 1, 0, 1), { shape: [50, 1, 8, 8], dtype: 'float32' }))
    const t = constant(whole(10, 50, 2))
    return {
      model: new ConvNet(),
      optimizer: (parameters) => new SGD(parameters, { lr: 0.05, momentum: 0.9 }),
      loss: (model) => softmaxCrossEntropy(model.forward(x), t),
    }
  },
  'model lstm-sine 16 batch 20 float32': () => {
    const x = constant(ndarray(randomArray(400, 1), { shape: [20, 20, 1], dtype: 'float32' }))
    const t = constant(ndarray(randomArray(20, 2), { shape: [20, 1], dtype: 'float32' }))
    return {
      model: new Forecast(),
      optimizer: (parameters) => new AdamW(parameters, { lr: 0.01 }),
      loss: (model) => meanSquaredError(model.forward(x), t),
    }
  },
  'model gpt 64 batch 10 float32': () => language(new GPT(64), LETTERS),
  'model gpt 256 batch 10 float32': () => language(new GPT(256), LETTERS),
  [TEN_MILLION]: () => language(new GPT(512, 3, WORDS), WORDS),
}

function language(model: GPT, letters: number): Trained {
  const x = constant(ndarray(whole(letters, 10 * LENGTH, 1), { shape: [10, LENGTH] }))
  const t = constant(whole(letters, 10 * LENGTH, 2))
  return {
    model,
    optimizer: (parameters) => new AdamW(parameters, { lr: 0.001, beta2: 0.99 }),
    loss: (trained) => softmaxCrossEntropy(trained.forward(x), t),
  }
}

/** Each token from all that came before, as the peers do it. */
function generate(model: Trained['model']): void {
  const codes = new Int32Array(LENGTH)
  noGrad(() => {
    for (let place = 0; place < 8; place++) {
      const scores = model.forward(constant(ndarray(codes.slice(), { shape: [1, LENGTH] })))
      codes[place + 1] = argmax(slice(scores, [[place, place + 1]])).item()
    }
  })
}

export const modelWorkloads: Workload[] = Object.entries(MODELS).map(([name, make]) => {
  let work: Work | undefined
  return {
    name,
    run: ({ targetMs }) => {
      work ??= workOf(make)
      const { model, step } = work
      const found: Sample[] = [
        { who: OURS, measure: 'step', unit: 'µs/step', value: nsOf(targetMs, step) / 1_000 },
      ]
      if (name !== TEN_MILLION) return found
      const ns = nsOf(targetMs, () => generate(model))
      return [...found, { who: OURS, measure: '8 tokens generated', unit: 'µs', value: ns / 1_000 }]
    },
  }
})

interface Work {
  readonly model: Trained['model']
  readonly step: () => void
}

/** One step of the model, made with float32 as the default and nothing else changed. */
function workOf(make: () => Trained): Work {
  setDefaultDtype('float32')
  try {
    const { model, optimizer, loss } = make()
    const updates = optimizer(model.parameters())
    const step = () => {
      const value = loss(model)
      model.clearGrads()
      value.backward()
      updates.step()
    }
    return { model, step }
  } finally {
    setDefaultDtype('float64')
  }
}
