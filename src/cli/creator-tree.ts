/** The chain of creators behind a variable as an indented tree, read from the top: the variable, what made it, from what. */

import { TapeError } from '../errors.js'
import type { Variable } from '../graph/variable.js'
import { type Describer, positionText } from '../inspection/describer.js'
import { numberText } from '../inspection/number-text.js'
import { paint } from './paint.js'
import { shapeText } from './words.js'

/**
 * One line a variable. One that is used twice is followed once and then said to stand above; below `depthMax` calls
 * the rest is not shown, and the line says so.
 */
export function creatorTree(root: Variable, say: Describer, depthMax: number): string {
  const lines: string[] = []
  const shown = new Set<Variable>()
  const waiting: { variable: Variable; depth: number; lead: string; below: string }[] = [
    { variable: root, depth: 0, lead: '', below: '' },
  ]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { variable, depth, lead, below } = next
    const { creator } = variable
    const again = shown.has(variable)
    shown.add(variable)
    const cut = creator !== null && !again && depth >= depthMax
    lines.push(
      `${lead}${nodeText(variable, say)}${again && creator !== null ? paint('dim', '  (see above)') : ''}${cut ? paint('dim', '  … (--depth shows more)') : ''}`,
    )
    if (creator === null || again || cut) continue
    const inputs = [...creator.inputs]
    for (const [i, input] of [...inputs.entries()].reverse()) {
      const last = i === inputs.length - 1
      waiting.push({
        variable: input,
        depth: depth + 1,
        lead: `${below}${last ? '└─ ' : '├─ '}`,
        below: `${below}${last ? '   ' : '│  '}`,
      })
    }
  }
  return lines.join('\n')
}

function nodeText(variable: Variable, say: Describer): string {
  const { creator, ref } = variable
  const { dtype, shape } = say.form(ref)
  const name = variable.name ?? say.label(ref)
  const size = shape.reduce((product, extent) => product * extent, 1)
  const form = size === 1 ? scalarText(variable, shape) : `${dtype} ${shapeText(shape)}`
  if (creator === null)
    return `${name}  ${variable.role === 'variable' && size !== 1 ? '' : `${variable.role} `}${form}`.trimEnd()
  const slot = creator.outputs.length > 1 ? ` output ${variable.slot}` : ''
  const at = name === positionText(ref) ? '' : paint('dim', `  ${positionText(ref)}`)
  return `${name} = ${creator.name}(${creator.inputs.map((input) => input.name ?? say.label(input.ref)).join(', ')})${slot}  ${form}${at}`
}

function scalarText(variable: Variable, shape: readonly number[]): string {
  let number: string
  try {
    number = numberText(variable.item())
  } catch (error) {
    if (!(error instanceof TapeError) || error.code !== 'VALUE_NOT_CAPTURED') throw error
    number = 'not captured'
  }
  return shape.length === 0 ? number : `${'['.repeat(shape.length)}${number}${']'.repeat(shape.length)}`
}
