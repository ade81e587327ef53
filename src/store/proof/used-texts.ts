/** The texts that events name, as a walk over a tape meets them. */
import type { TextTable } from '../format/text-tables.js'

/** Ids of the texts that events name, by table. */
export type UsedTexts = { readonly [table in TextTable]: Set<number> }

export function noTexts(): UsedTexts {
  return {
    _signature: new Set(),
    _leaf_form: new Set(),
    _array_form: new Set(),
    _text: new Set(),
    _site: new Set(),
  }
}
