/**
 * The names under which classes of functions are recorded: the one given with `registerFunc`, or else the class's own.
 * Knows nothing of what the functions compute.
 */

/** A class, as far as its name goes. */
interface NamedClass {
  readonly name: string
}

const given = new WeakMap<object, string>()

/** From now on calls of `funcClass` are recorded under `name`. */
export function giveName(funcClass: NamedClass, name: string): void {
  given.set(funcClass, name)
}

/** The name under which calls of `func` are recorded, registered or not. */
export function nameOfFunc(func: object): string {
  return nameOfClass(func.constructor)
}

/** The name under which calls of `funcClass` are recorded, registered or not. */
export function nameOfClass(funcClass: NamedClass): string {
  return given.get(funcClass) ?? ownName(funcClass)
}

/** The class's own name with a small first letter: `Square` → `square`. */
export function ownName({ name }: NamedClass): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}
