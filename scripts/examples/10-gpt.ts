// A small GPT that learns to write letter by letter: two blocks of attention, about 110,000 parameters, 10,000 letters.
import {
  AdamW,
  add,
  constant,
  Embedding,
  gelu,
  LayerNorm,
  Linear,
  Module,
  MultiHeadAttention,
  ndarray,
  noGrad,
  normal,
  reshape,
  setDefaultDtype,
  softmaxCrossEntropy,
  take,
  uniform,
  Variable,
} from 'gradtape'
import { count, line } from '../demo/terminal.js'
import { ask, askSql, isTold, record, stateAt } from './recorded.js'
import { SONNETS } from './sonnets.js'

const WIDTH = 64
const HEADS = 4
const BLOCKS = 2
const LENGTH = 16
const BATCH = 10
const STEPS = 300
/** At the start; it falls in a straight line to a tenth. */
const LEARNING_RATE = 0.01
const LETTERS_WRITTEN = 160

setDefaultDtype('float32')
const letters = [...new Set(SONNETS)].sort()
const codes = Int32Array.from(SONNETS, (letter) => letters.indexOf(letter))

class Block extends Module {
  norm1 = new LayerNorm(WIDTH)
  attention = new MultiHeadAttention(WIDTH, HEADS, { causal: true })
  norm2 = new LayerNorm(WIDTH)
  widen = new Linear(WIDTH, 4 * WIDTH)
  narrow = new Linear(4 * WIDTH, WIDTH)

  override forward(x: Variable): Variable {
    const y = add(x, this.attention.forward(this.norm1.forward(x)))
    return add(y, this.narrow.forward(gelu(this.widen.forward(this.norm2.forward(y)))))
  }
}

class GPT extends Module {
  letter = new Embedding(letters.length, WIDTH)
  place = new Embedding(LENGTH, WIDTH)
  blocks = Array.from({ length: BLOCKS }, () => new Block())
  norm = new LayerNorm(WIDTH)
  head = new Linear(WIDTH, letters.length, { bias: false })

  constructor() {
    super()
    // From deviation 1, as embeddings begin elsewhere, the first hundred steps would only bring them down.
    for (const { weight } of [this.letter, this.place]) weight.data = normal(weight.shape, { deviation: 0.2 })
  }

  /** Codes [n, length] → scores of the letter that follows each, [n, length, letters]. */
  override forward(codes: Variable): Variable {
    const places = constant(Int32Array.from({ length: codes.shape[1] ?? 0 }, (_, i) => i))
    let x = add(this.letter.forward(codes), this.place.forward(places))
    for (const block of this.blocks) x = block.forward(x)
    return this.head.forward(this.norm.forward(x))
  }
}

const config = { width: WIDTH, length: LENGTH, batch: BATCH, steps: STEPS }
const file = await record('10-gpt', { seed: 1, config }, (run) => {
  const model = new GPT()
  const parameters = model.parameters()
  const size = parameters.reduce((sum, parameter) => sum + parameter.size, 0)
  line(`${count(size)} parameters, ${count(codes.length)} letters`)
  const optimizer = new AdamW(parameters, { beta2: 0.99 })
  const text = constant(codes, { name: 'text' })
  for (let step = 1; step <= STEPS; step++) {
    run.step()
    optimizer.lr = LEARNING_RATE * Math.min(step / 10, 1 - (0.9 * step) / STEPS)
    const places = drawPlaces()
    const x = take(text, places)
    const t = take(text, add(places, 1))
    const rows = BATCH * LENGTH
    const loss = softmaxCrossEntropy(reshape(model.forward(x), [rows, letters.length]), reshape(t, [rows]))
    model.clearGrads()
    loss.backward()
    optimizer.step()
    run.log({ loss })
    if (isTold(step, 50)) line(`step ${String(step).padStart(3)}  loss ${loss.item().toFixed(3)}`)
  }
})

ask('what would it have written at step 20, and at the end?', file, (past) => {
  for (const step of [20, past.stepCount]) {
    const model = new GPT()
    model.loadStateDict(stateAt(past, model, step))
    line(`step ${step}:`)
    for (const each of written(model, 'Shall I ').split('\n')) line(`  ${each}`)
  }
})

askSql(
  'which parameters had the largest gradients, at first and at last?',
  file,
  `
SELECT variable_name, round(avg(l2_norm) FILTER (WHERE step <= 10), 3) AS first_10_steps,
       round(avg(l2_norm) FILTER (WHERE step > ${STEPS - 10}), 3) AS last_10_steps
FROM gradient WHERE run_id = newest AND (step <= 10 OR step > ${STEPS - 10}) AND variable_name LIKE '%weight'
GROUP BY variable_name ORDER BY first_10_steps DESC LIMIT 6`,
)

/** For each row of a batch the places of some letters that follow each other. */
function drawPlaces(): Variable {
  const starts = uniform([BATCH], { most: codes.length - LENGTH - 1, dtype: 'float64' }).data
  const rows = Array.from(starts, (at) => Array.from({ length: LENGTH }, (_, i) => Math.floor(at) + i))
  return constant(ndarray(rows, { dtype: 'int32' }))
}

/** Draws one letter after the other, at a temperature that prefers the likely ones. */
function written(model: GPT, start: string): string {
  const chosen = Array.from(start, (letter) => letters.indexOf(letter))
  const draws = uniform([LETTERS_WRITTEN], { dtype: 'float64', key: { seed: 7, counter: 0 } }).data
  model.eval()
  noGrad(() => {
    for (const draw of draws) {
      const context = chosen.slice(-LENGTH)
      const scores = model.forward(new Variable(ndarray([context], { dtype: 'int32' })))
      chosen.push(drawn(scores.data.data.slice((context.length - 1) * letters.length), draw))
    }
  })
  return chosen.map((code) => letters[code] ?? '').join('')
}

function drawn(scores: ArrayLike<number>, draw: number, temperature = 0.7): number {
  const most = Math.max(...Array.from(scores))
  const weights = Array.from(scores, (score) => Math.exp((score - most) / temperature))
  let left = draw * weights.reduce((sum, weight) => sum + weight, 0)
  return Math.max(
    0,
    weights.findIndex((weight) => {
      left -= weight
      return left < 0
    }),
  )
}
