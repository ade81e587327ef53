/** What many events have in common, as texts: they repeat, so each is stored once. */

/** What a leaf is besides its value, as text. */
export function leafForm(leaf: {
  role: string
  requiresGrad: boolean
  name: string | null
  dtype: string
  shape: readonly number[]
}): string {
  return JSON.stringify([leaf.role, leaf.requiresGrad, leaf.name, leaf.dtype, leaf.shape])
}

/** What calls of one kind have in common, as text. */
export function callSignature(
  name: string,
  scope: string,
  linked: boolean,
  outputs: readonly { readonly dtype: string; readonly shape: readonly number[] }[],
): string {
  return JSON.stringify([name, scope, linked, outputs.map((output) => [output.dtype, output.shape])])
}

export function arrayForm(dtype: string, shape: readonly number[]): string {
  return JSON.stringify([dtype, shape])
}
