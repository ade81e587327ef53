/**
 * One object of each class that graphs are made of, alive for ever. While none is alive, a full garbage collection drops
 * V8's hidden class of such objects, and with it all code that was compiled for it: between two graphs a program would
 * become slow again and again. Knows nothing of what the objects are for.
 */
const samples: object[] = []

/** Keeps objects alive that their class's file made for this, each the first of its class. */
export function keepSamples(...made: readonly object[]): void {
  samples.push(...made)
}

/** A call, as far as another one of its class can be made of it. */
interface Call {
  readonly attributes: object
  links: object | null | undefined
}

/** Keeps another call of the class of `call`, made as a tape makes it, from attributes, and linked to nothing. */
export function keepSampleOf(call: Call): void {
  const callClass = call.constructor as new (attributes?: object) => Call
  const prototype = callClass.prototype as Call
  prototype.links = null
  try {
    const sample = Object.hasOwn(call, 'attributes') ? new callClass(call.attributes) : new callClass()
    sample.links = null
    samples.push(sample)
  } catch {
    // A class that cannot be made again has no sample; whoever records its calls is told why.
  }
}
