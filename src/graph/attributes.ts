/**
 * What a call is told besides its inputs.
 */

/** Plain data: what an attribute of a call can be, so that the tape can keep it. */
export type AttributeValue =
  | null
  | boolean
  | number
  | string
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue }
/** What a call was told besides its inputs (an axis, an exponent): plain data, kept on the tape. */
export type Attributes = { readonly [key: string]: AttributeValue | undefined }
