/** Modules: what they find, how it is named, state dicts, scopes on a tape, and the parameter that nobody knows. */
import { describe, expect, test } from 'vitest'
import type { TapeEvent } from '../../src/events/event.js'
import '../../src/functions/methods.js'
import { zeros } from '../../src/array/make-array.js'
import { square } from '../../src/functions/arithmetic.js'
import { linear } from '../../src/functions/products.js'
import { sum } from '../../src/functions/reductions.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import { noGrad } from '../../src/graph/mode.js'
import { type Operand, Variable } from '../../src/graph/variable.js'
import { Dropout } from '../../src/nn/dropout.js'
import { Linear } from '../../src/nn/linear.js'
import { Module } from '../../src/nn/module.js'
import { BatchNorm } from '../../src/nn/normalization.js'
import { LSTM } from '../../src/nn/recurrent.js'
import { MLP, Sequential } from '../../src/nn/sequential.js'
import { summary } from '../../src/nn/summary.js'
import { SGD } from '../../src/optim/sgd.js'
import { newTapePath, openForTest, recordedTape } from '../tape/temporary-tape.js'

class Net extends Module {
  readonly fc1 = new Linear(2, 3)
  readonly block = new Sequential(new Linear(3, 3), square, new Linear(3, 1))
  readonly scale = parameter(2)

  override forward(x: Operand): Variable {
    return this.block.forward(this.fc1.forward(x)).mul(this.scale)
  }
}

const NET_PATHS = [
  'fc1.weight',
  'fc1.bias',
  'block.layers.0.weight',
  'block.layers.0.bias',
  'block.layers.2.weight',
  'block.layers.2.bias',
  'scale',
]

describe('what a module finds', () => {
  test('parameters by their dotted path, in the order of the fields; the path becomes the name', () => {
    const net = new Net()
    const named = net.namedParameters()
    expect([...named.keys()]).toEqual(NET_PATHS)
    expect(net.parameters().map(({ name }) => name)).toEqual(NET_PATHS)
    expect(named.get('fc1.weight')).toBe(net.fc1.weight)
    expect([...net.namedModules().keys()]).toEqual(['fc1', 'block', 'block.layers.0', 'block.layers.2'])
  })

  test('parameters in arrays, Sets, Maps and plain objects', () => {
    class Odd extends Module {
      readonly list = [parameter(1), [parameter(2)]]
      readonly map = new Map<unknown, Variable>([
        ['a', parameter(3)],
        [7, parameter(4)],
      ])
      readonly set = new Set([parameter(5)])
      readonly object = { deep: { w: parameter(6) }, text: 'x', none: null }
      readonly cyclic: { self?: unknown; w: Variable } = { w: parameter(7) }
      readonly root: Module = this

      constructor() {
        super()
        this.cyclic.self = this.cyclic
      }

      override forward(x: Operand): Variable {
        return this.object.deep.w.mul(x)
      }
    }
    const named = [...new Odd().namedParameters()].map(([path, { data }]) => [path, data.item()])
    expect(named).toEqual([
      ['list.0', 1],
      ['list.1.0', 2],
      ['map.a', 3],
      ['map.7', 4],
      ['set.0', 5],
      ['object.deep.w', 6],
      ['cyclic.w', 7],
    ])
  })

  test('not what is no parameter: inputs it keeps, results, constants', () => {
    class Keeper extends Module {
      readonly w = parameter([1])
      input: unknown
      output: unknown

      override forward(x: Variable): Variable {
        this.input = x
        this.output = x.mul(this.w)
        return this.output as Variable
      }
    }
    const keeper = new Keeper()
    keeper.forward(new Variable([2]))
    expect([...keeper.namedParameters().keys()]).toEqual(['w'])
    expect(Object.keys(keeper.stateDict())).toEqual(['w'])
  })

  test('a parameter that is shared once, under the first path', () => {
    class Tied extends Module {
      readonly a = new Linear(2, 2)
      readonly b = this.a
      readonly w = this.a.weight

      override forward(x: Operand): Variable {
        return this.b.forward(this.a.forward(x))
      }
    }
    expect([...new Tied().namedParameters().keys()]).toEqual(['a.weight', 'a.bias'])
  })

  test('two things under one path are refused', () => {
    class Clash extends Module {
      readonly a = new Map([['b.c', parameter(1)]])
      readonly 'a.b' = { c: parameter(2) }

      override forward(x: Operand): Operand {
        return x
      }
    }
    expect(() => new Clash().parameters()).toThrow(
      'BAD_ARGUMENT: a module expected one thing for each path, got two for "a.b.c"',
    )
  })

  test('a name that the user gave stays; a layer asked alone is renamed when it is found in a model', () => {
    const layer = new Linear(1, 1)
    layer.parameters()
    expect(layer.weight.name).toBe('weight')
    class Outer extends Module {
      readonly fc = layer
      readonly own = parameter(1, { name: 'mine' })

      override forward(x: Operand): Variable {
        return this.fc.forward(x)
      }
    }
    const outer = new Outer()
    outer.parameters()
    expect([layer.weight.name, outer.own.name]).toEqual(['fc.weight', 'mine'])
    layer.parameters()
    expect(layer.weight.name).toBe('fc.weight')
    expect([...layer.namedParameters().keys()]).toEqual(['weight', 'bias'])
  })
})

describe('a module', () => {
  test('forgets all gradients at once', () => {
    const net = new Net()
    sum(net.forward([[1, 2]])).backward()
    expect(net.parameters().every(({ grad }) => grad !== null)).toBe(true)
    net.clearGrads()
    expect(net.parameters().every(({ grad }) => grad === null)).toBe(true)
  })

  test('takes all inside along into training and out of it', () => {
    const net = new Sequential(new Dropout(0.5), new Sequential(new BatchNorm(2)))
    const flags = () => [net, ...net.namedModules().values()].map(({ training }) => training)
    expect(flags()).toEqual([true, true, true, true])
    expect(net.eval()).toBe(net)
    expect(flags()).toEqual([false, false, false, false])
    net.train()
    expect(flags()).toEqual([true, true, true, true])
  })

  test('whose class has no forward says so', () => {
    const Empty = class Empty extends (Module as unknown as new () => { forward(x: unknown): unknown }) {}
    expect(() => new Empty().forward(1)).toThrow(
      'NOT_IMPLEMENTED: Empty expected a method forward(x), got none',
    )
  })

  test('whose forward calls super.forward, or is a field, works as written', () => {
    class Twice extends Linear {
      override forward(x: Operand): Variable {
        return super.forward(x).mul(2)
      }
    }
    class Arrow extends Module {
      readonly inner = new Linear(2, 2)
      override forward = (x: Operand): Variable => this.inner.forward(x)
    }
    const twice = new Twice(2, 2)
    expect(twice.forward([1, 0]).data.toArray()).toEqual(
      linear([1, 0], twice.weight, twice.bias!).mul(2).data.toArray(),
    )
    const arrow = new Arrow()
    expect(arrow.parameters().length).toBe(2)
    expect(arrow.forward([1, 0]).shape).toEqual([2])
  })

  test('whose forward throws leaves the next call its right scope', () => {
    const net = new Net()
    expect(() => net.forward([[1, 2, 3]])).toThrow('SHAPE_MISMATCH')
    const scopes = new Set(scopesOf((x) => net.forward(x)))
    expect(scopes).toEqual(new Set(['fc1', 'block.layers.0', 'block', 'block.layers.2', '']))
  })
})

/** The scopes of the calls that fn makes, in order. */
function scopesOf(fn: (x: Variable, run: { scope<T>(name: string, fn: () => T): T }) => unknown): string[] {
  const tape = openForTest(newTapePath())
  const run = tape.startRun('scopes')
  const scopes: string[] = []
  run.events$.subscribe((event: TapeEvent) => {
    if (event.type === 'FunctionCalled') scopes.push(event.scope)
  })
  fn(constant([[1, 2]]), run)
  tape.close()
  return scopes
}

describe('on a tape', () => {
  test('each call has the path of its module as its scope, inside whatever run.scope says', () => {
    const net = new Net()
    const inner = ['fc1', 'block.layers.0', 'block', 'block.layers.2', '']
    expect(scopesOf((x) => net.forward(x))).toEqual(inner)
    expect(scopesOf((x, run) => run.scope('eval', () => net.forward(x)))).toEqual(
      inner.map((scope) => (scope === '' ? 'eval' : `eval.${scope}`)),
    )
    expect(scopesOf((x) => net.fc1.forward(x))).toEqual(['fc1'])
  })

  test('run.scope inside a forward stands between the module and those it calls', () => {
    let scope: <T>(name: string, fn: () => T) => T = (_, fn) => fn()
    class Staged extends Module {
      readonly part = new Net()

      override forward(x: Variable): Variable {
        return scope('first', () => this.part.fc1.forward(x))
      }
    }
    class Whole extends Module {
      readonly staged = new Staged()

      override forward(x: Variable): Variable {
        return this.staged.forward(x)
      }
    }
    const net = new Whole()
    const scopes = scopesOf((x, run) => {
      scope = (name, fn) => run.scope(name, fn)
      return net.forward(x)
    })
    expect(scopes).toEqual(['staged.first.part.fc1'])
  })

  test('a layer that is added later gets its scope, and one that no search finds the name of its class', () => {
    class Growing extends Module {
      readonly layers = [new Linear(2, 2)]
      readonly #hidden = new Dropout(0.5)

      override forward(x: Variable): Variable {
        return this.#hidden.forward(this.layers.reduce((y, layer) => layer.forward(y), x))
      }
    }
    const net = new Growing()
    expect(scopesOf((x) => net.forward(x))).toEqual(['layers.0', 'dropout'])
    net.layers.push(new Linear(2, 2))
    expect(scopesOf((x) => net.forward(x))).toEqual(['layers.0', 'layers.1', 'dropout'])
    expect(net.layers[1]!.weight.name).toBe('layers.1.weight')
  })

  test('parameters and running statistics are found by name, and a double backward in a scope replays', async () => {
    const net = new Sequential(new Linear(2, 3), new BatchNorm(3))
    const file = await recordedTape((run) => {
      run.step()
      const loss = sum(
        square(
          net.forward([
            [1, 2],
            [3, 5],
          ]),
        ),
      )
      loss.backward({ createGraph: true })
      const penalty = sum(square((net.layers[0] as Linear).weight.grad!))
      net.clearGrads()
      penalty.backward()
    })
    const past = openForTest(file, { readonly: true }).run('test')
    expect(past.replay().verdict).toBe('bit-exact')
    expect(past.variable('layers.0.weight', { step: 1 }).shape).toEqual([2, 3])
    expect(past.variable('layers.1.runningMean', { step: 1 }).shape).toEqual([3])
  })
})

describe('a parameter that nobody knows', () => {
  class Secret extends Module {
    readonly #w: Variable

    constructor(w = parameter([[1], [2]], { name: 'w' })) {
      super()
      this.#w = w
    }

    override forward(x: Operand): Variable {
      return linear(x, this.#w)
    }
  }

  test('is an error at the first forward, which names it', () => {
    expect(() => new Secret().forward([[1, 2]])).toThrow(
      'PARAMETER_UNKNOWN: Secret.forward used a parameter "w" of shape [2, 1] (in linear) that neither a module nor an optimizer knows',
    )
  })

  test('is none when an optimizer has it, or when another model does', () => {
    const w = parameter([[1], [2]])
    new SGD([w], { lr: 0.1 })
    expect(new Secret(w).forward([[1, 2]]).item()).toBe(5)
    const other = new Linear(2, 1)
    other.parameters()
    expect(new Secret(other.weight).forward([[1, 2]]).size).toBe(1)
  })

  test('is none when it comes in from outside', () => {
    const x = parameter([[1, 2]])
    expect(new Linear(2, 1).forward(square(x)).size).toBe(1)
    expect(new Linear(2, 1).forward(x).size).toBe(1)
  })

  test('is found in a recurrence too, and after a first forward without gradients', () => {
    class Hidden extends Module {
      readonly lstm = new LSTM(2, 2)
      readonly #w = parameter(1)

      override forward(x: Operand): { outputs: Variable[] } {
        return { outputs: [this.lstm.forward(x).outputs.mul(this.#w)] }
      }
    }
    const model = new Hidden()
    noGrad(() => model.forward(zeros([1, 2, 2])))
    expect(() => model.forward(zeros([1, 2, 2]))).toThrow('PARAMETER_UNKNOWN')
  })
})

describe('a state dict', () => {
  test('carries a model over, running statistics included', () => {
    const make = () => new Sequential(new Linear(2, 3), new BatchNorm(3))
    const [a, b] = [make(), make()]
    a.forward([
      [1, 2],
      [3, 5],
    ])
    b.loadStateDict(a.stateDict())
    expect(Object.keys(b.stateDict())).toEqual([
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
      'layers.1.bias',
      'layers.1.runningMean',
      'layers.1.runningVariance',
    ])
    a.eval()
    b.eval()
    expect(b.forward([[1, 1]]).data.toArray()).toEqual(a.forward([[1, 1]]).data.toArray())
  })

  test('that does not fit is refused with all that is wrong at once, and nothing is loaded', () => {
    const model = new MLP([2, 3, 1])
    const before = model.stateDict()
    const { 'layers.0.bias': _, ...rest } = before
    const bad = {
      ...rest,
      'layers.0.weight': zeros([3, 2]),
      'layers.1.weight': zeros([3, 1], 'float32'),
      'layers.1.bias': [0] as never,
      extra: zeros([1]),
    }
    let message = ''
    try {
      model.loadStateDict(bad)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toBe(
      'STATE_MISMATCH: the state does not fit MLP; nothing was loaded; missing: layers.0.bias; not in the model: extra; ' +
        'layers.0.weight expected shape [2, 3], got [3, 2]; ' +
        "layers.1.weight expected float64, got float32 (convert it with .astype('float64')); " +
        'layers.1.bias expected an NDArray, got object',
    )
    expect(model.stateDict()).toEqual(before)
  })
})

describe('summary', () => {
  test('is a table of layers, output shapes and parameters', () => {
    const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new Dropout(), new MLP([8, 2]))
    const table = summary(model, zeros([5, 4]))
    expect(table.parameters).toBe(40 + 16 + 18)
    expect(String(table)).toBe(
      [
        'layer              kind        output  parameters',
        '─────────────────────────────────────────────────',
        'layers.0           Linear      [5, 8]          40',
        'layers.1           BatchNorm   [5, 8]          16',
        'layers.2           Dropout     [5, 8]           0',
        'layers.3.layers.0  Linear      [5, 2]          18',
        'layers.3           MLP         [5, 2]           0',
        '(model)            Sequential  [5, 2]           0',
        '─────────────────────────────────────────────────',
        '74 parameters',
      ].join('\n'),
    )
  })

  test('leaves the model and the run as they were', async () => {
    const model = new Sequential(new BatchNorm(2), new Dropout())
    model.namedModules().get('layers.1')!.training = false
    const events: string[] = []
    await recordedTape((run) => {
      run.events$.subscribe(({ type }) => events.push(type))
      summary(model, zeros([1, 2]))
    })
    expect(events).toEqual(['RunFinished'])
    expect([...model.namedModules().values()].map(({ training }) => training)).toEqual([true, false])
    expect((model.layers[0] as BatchNorm).runningVariance.data.toArray()).toEqual([1, 1])
  })
})
