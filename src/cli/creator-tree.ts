/** The tree of creators as lines: a variable, what made it, and below that from what. */

import type { CreatorNode } from '../inspection/creators.js'
import { positionText } from '../inspection/describer.js'
import { numberText } from '../inspection/number-text.js'
import { paint } from './paint.js'
import { shapeText } from './words.js'

/** One line a variable. What stands above already is not followed again, and what is too deep is cut; the line says so. */
export function creatorTreeText(nodes: readonly CreatorNode[]): string {
  /** For each depth what stands before the lines below the node that is open there. */
  const below: string[] = []
  return nodes
    .map((node) => {
      const { depth, isLast } = node
      const before = depth === 0 ? '' : (below[depth - 1] ?? '')
      below[depth] = depth === 0 ? '' : `${before}${isLast ? '   ' : '│  '}`
      const lead = depth === 0 ? '' : `${before}${isLast ? '└─ ' : '├─ '}`
      return `${lead}${nodeText(node)}${endText(node)}`
    })
    .join('\n')
}

function endText({ below }: CreatorNode): string {
  if (below === 'above') return paint('dim', '  (see above)')
  return below === 'cut' ? paint('dim', '  … (--depth shows more)') : ''
}

function nodeText({ label, variable, dtype, shape, value, call }: CreatorNode): string {
  const isOne = shape.every((extent) => extent === 1)
  const form = isOne ? scalarText(value, shape) : `${dtype} ${shapeText(shape)}`
  if (call === null) {
    const role = variable.role === 'variable' && !isOne ? '' : `${variable.role} `
    return `${label}  ${role}${form}`.trimEnd()
  }
  const slot = call.outputs > 1 ? ` output ${variable.slot}` : ''
  const at = label === positionText(variable.ref) ? '' : paint('dim', `  ${positionText(variable.ref)}`)
  return `${label} = ${call.name}(${call.operands.join(', ')})${slot}  ${form}${at}`
}

function scalarText(value: number | null, shape: readonly number[]): string {
  const number = value === null ? 'not captured' : numberText(value)
  return shape.length === 0 ? number : `${'['.repeat(shape.length)}${number}${']'.repeat(shape.length)}`
}
