/**
 * Values of linked calls that were not stored, computed again from their inputs: the forward functions alone, without
 * events, since the graph is there already. One kernel gives one result, so these are the bits that the run had.
 */
import type { NDArray } from '../array/ndarray.js'
import type { CallLinks } from '../graph/call-links.js'
import { unrecorded } from '../graph/mode.js'
import type { Variable } from '../graph/variable.js'

/**
 * The value of `wanted`, whose call is linked, and of all that it takes. `isMissing` says which variables have no value
 * on the tape either. Earlier calls come first, without recursion: a chain may be a million calls long.
 */
export function recomputeForward(wanted: Variable, isMissing: (variable: Variable) => boolean): NDArray {
  return unrecorded(() => {
    const waiting = [wanted]
    for (let variable = wanted; ; variable = waiting.at(-1)!) {
      const links = variable.links!
      const before = waiting.length
      const count = links.inputCount
      for (let slot = 0; slot < count; slot++) {
        const input = links.linkedInput(slot)
        if (input.loadedData === null && input.links !== null && isMissing(input)) waiting.push(input)
      }
      if (waiting.length > before) continue
      const array = compute(links, variable.slot)
      waiting.pop()
      if (waiting.length === 0) return array
      variable.keepLoaded(array)
    }
  })
}

function compute(links: CallLinks, slot: number): NDArray {
  const { func, inputCount } = links
  const made =
    inputCount === 1
      ? func.forward(links.input0!.data)
      : inputCount === 2
        ? func.forward(links.input0!.data, links.input1!.data)
        : func.forward(...Array.from({ length: inputCount }, (_, i) => links.linkedInput(i).data))
  if (!Array.isArray(made)) return made as NDArray
  // Its other outputs come with it.
  for (let i = 0; i < links.outputCount; i++) {
    const output = links.outputAt(i)
    if (i !== slot && output.loadedData === null) output.keepLoaded(made[i]!)
  }
  return made[slot]!
}
