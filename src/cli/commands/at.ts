/** `gradtape at`: the prompt of a run that ended: one walks through it, forwards and backwards, and looks at what variables were. */
import process from 'node:process'
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import type { Moment } from '../../debug/moment.js'
import { TapeError } from '../../errors.js'
import type { Describer } from '../../inspection/describer.js'
import type { PastRun } from '../../tape/past-run.js'
import { EXIT, explained, print, printError, printJson, reportFailure } from '../answer.js'
import { arrayJson, arrayText } from '../array-words.js'
import { eventLine } from '../event-line.js'
import { openRun } from '../open.js'
import { examples, withImports, withJson } from '../options.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { shapeText } from '../words.js'

interface Options {
  run?: string
  import: string[]
  json?: boolean
}

const HELP = `n [FUNCTION]  the next event, or the next call of a function      b [FUNCTION]  the same, backwards
s STEP        the end of a step                                 #POSITION     right after that event
p NAME        the value of a variable now                       g NAME        its gradient now
w NAME        back to where it got its value                    r NAME        on to the first call that reads it
v             the variables that have a name                    rows          the rows of the step's batch
why           what went wrong in the run, and in which step
?             these lines                                       q             leaves`

export function addAt(program: Command): void {
  withImports(withRun(withJson(program.command('at'))))
    .description(
      'walk through a run that ended, forwards and backwards: commands from the keyboard or a pipe',
    )
    .argument(...FILE_AND_RUN)
    .argument(
      '[step]',
      'begin at the end of this step, or right after event #POSITION (default: the end of the run)',
    )
    .addHelpText('after', `\nCommands:\n${HELP.replace(/^/gm, '  ')}\n`)
    .addHelpText(
      'after',
      examples(
        'gradtape at runs.tape 412',
        "printf 'p loss\\nw fc1.weight\\n' | gradtape at runs.tape 412 --json",
      ),
    )
    .action(async (file: string, step: string | undefined, options: Options) => {
      const closing: (() => void)[] = []
      try {
        const { past, say } = await openRun(file, { ...options, long: true }, (close) => closing.push(close))
        await new Prompt(past, say, options.json === true).run(step)
      } catch (error) {
        reportFailure(await explained(error), options.json === true)
      } finally {
        for (const close of closing.reverse()) close()
      }
    })
}

/** What one command answers: for --json, and in words. */
interface Said {
  readonly json: Record<string, unknown>
  readonly text: string
}

class Prompt {
  private readonly past: PastRun
  private readonly say: Describer
  private readonly json: boolean
  private readonly said: Record<string, unknown>[] = []
  private moment!: Moment

  constructor(past: PastRun, say: Describer, json: boolean) {
    this.past = past
    this.say = say
    this.json = json
  }

  async run(start: string | undefined): Promise<void> {
    this.moment =
      start === undefined ? this.past.at({ position: this.past.lastPosition }) : this.placeOf(start)
    this.answer('', this.where())
    const lines = createInterface({ input: process.stdin, terminal: false })
    const asks = process.stdin.isTTY === true && !this.json
    if (asks) process.stderr.write(`${HELP}\n> `)
    for await (const line of lines) {
      const command = line.trim()
      if (command === 'q') break
      if (command !== '') this.perform(command)
      if (asks) process.stderr.write('> ')
    }
    lines.close()
    if (this.json) printJson({ run: { id: this.past.id, name: this.past.name }, answers: this.said })
  }

  private perform(command: string): void {
    try {
      this.answer(command, this.performed(command))
    } catch (error) {
      if (!(error instanceof TapeError)) throw error
      process.exitCode = EXIT.no
      if (this.json) this.said.push({ command, error: { code: error.code, message: error.message } })
      else printError(error.message)
    }
  }

  private performed(command: string): Said {
    const [word = '', ...rest] = command.split(/\s+/)
    const name = rest.join(' ')
    const needed = (): string | number => {
      if (name === '')
        throw new TapeError('BAD_ARGUMENT', `${word} expected the name of a variable or #position`)
      return /^#\d+$/.test(name) ? Number(name.slice(1)) : name
    }
    switch (word) {
      case 'n':
        return this.go(this.moment.next(name === '' ? {} : { function: name }), 'the run ends here')
      case 'b':
        return this.go(this.moment.back(name === '' ? {} : { function: name }), 'the run begins here')
      case 's':
        this.moment = this.placeOf(name)
        return this.where()
      case 'w':
        return this.go(this.moment.lastWrite(needed()), `nothing wrote ${name} before`)
      case 'r':
        return this.go(this.moment.firstRead(needed()), `no call reads ${name} after that`)
      case 'p':
        return this.array(needed(), this.moment.value(needed()))
      case 'g':
        return this.array(needed(), this.moment.grad(needed()))
      case 'v': {
        const variables = this.moment.variables()
        const text = variables.map(
          ({ name: of, position, role, dtype, shape, writtenAt, isFrozen }) =>
            `${of}  ${role} ${dtype} ${shapeText(shape)}  #${position}, written at #${writtenAt}${isFrozen ? ', frozen' : ''}`,
        )
        return { json: { variables }, text: text.join('\n') }
      }
      case 'rows': {
        const { rows } = this.moment
        return {
          json: { rows },
          text:
            rows.length === 0
              ? 'no rows were taken for this step'
              : rows.map((list) => list.join(', ')).join('\n'),
        }
      }
      case 'why': {
        const { findings, looked, skipped } = this.past.why()
        const told = findings.map(({ level, text }) => (level === 'note' ? `note: ${text}` : text))
        return {
          json: { findings, looked, skipped },
          text: [...(told.length === 0 ? ['nothing found'] : told), `looked at ${looked}`].join('\n'),
        }
      }
      case '?':
        return { json: { help: HELP.split('\n') }, text: HELP }
      default:
        if (/^#?\d+$/.test(word)) {
          this.moment = this.placeOf(word)
          return this.where()
        }
        throw new TapeError(
          'BAD_ARGUMENT',
          `expected n, b, s, p, g, w, r, v, rows, why, #position, ? or q, got "${word}"`,
        )
    }
  }

  private go(moment: Moment | null, none: string): Said {
    if (moment === null) return { json: { moment: null }, text: none }
    this.moment = moment
    return this.where()
  }

  private where(): Said {
    const { position, step, event } = this.moment
    const line = eventLine(event, this.say)
    return {
      json: { position, step, type: event.type, text: line },
      text: `step ${step}, #${position}: ${line}`,
    }
  }

  private array(name: string | number, array: ReturnType<Moment['grad']>): Said {
    if (array === null) return { json: { variable: name, value: null }, text: `${name} holds no gradient` }
    return {
      json: { variable: name, ...arrayJson(array, false) },
      text: `${typeof name === 'number' ? `#${name}` : name} ${array.dtype} ${shapeText(array.shape)}\n${arrayText(array, false)}`,
    }
  }

  /** `412` is the end of a step, `#412` an event. */
  private placeOf(text: string): Moment {
    if (/^#\d+$/.test(text)) return this.past.at({ position: Number(text.slice(1)) })
    if (/^\d+$/.test(text)) return this.past.at(Number(text))
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected the number of a step, or #position of an event, got "${text}"`,
    )
  }

  private answer(command: string, { json, text }: Said): void {
    if (this.json) this.said.push(command === '' ? json : { command, ...json })
    else print(text)
  }
}
