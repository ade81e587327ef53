/**
 * One object of each class that graphs are made of, alive for ever. While none is alive, a full garbage collection drops
 * V8's hidden class of such objects, and with it all code that was compiled for it: between two graphs a program would
 * become slow again and again. Knows nothing of what the objects are for.
 */
import { CallLinks, MoreLinks } from './call-links.js'
import type { Attributes, Func } from './func.js'
import { Extras, Variable } from './variable.js'

const variable = new Variable(null, false, 'variable')
const links = new CallLinks(null)
const samples: object[] = [variable, links, new MoreLinks(), new Extras()]

// Refs are small integers until a call of several outputs is recorded. A field that held something else from the start
// stays as it is then; else every object would get a box for its number.
variable.ref = null as never
links.ref = null as never

/** Keeps a Func as the first of its class, made as a tape makes it, from attributes, and linked to nothing. */
export function keepSample(func: Func): void {
  const funcClass = func.constructor as new (attributes?: Attributes) => Func
  const prototype = funcClass.prototype as Func
  prototype.links = null
  try {
    const sample = Object.hasOwn(func, 'attributes') ? new funcClass(func.attributes) : new funcClass()
    sample.links = null
    samples.push(sample)
  } catch {
    // A class that cannot be made again has no sample; whoever records its calls hears why.
  }
}
