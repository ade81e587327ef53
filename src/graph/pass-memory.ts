/**
 * Which large arrays a pass made and nobody but the pass has: their memory is given back as soon as no gradient of the pass needs it,
 * and that of a leaf's gradient when it is cleared before anybody saw it.
 *
 * What is exact about it: an array counts only when a function of gradtape's own made it inside its `backward`, or the pass itself by
 * adding; such functions keep nothing. Each place where the pass holds a gradient counts for the memory of its array, which views
 * share. Whatever a program's code gets to see (a hook, a function of its own, `.grad`, a target) counts no more, and neither does
 * anything while calls are recorded or become a graph. So memory of which the count falls to nothing is nobody's.
 *
 * Small arrays never count. So that a graph of single numbers pays next to nothing, the pass asks `isBusy` before it tells of anything.
 */
import type { TypedArray } from '../array/dtype.js'
import { giveBack, noteBirths } from '../array/spare-memory.js'
import type { Func } from './func.js'
import { keepsNothing } from './registry.js'
import type { Variable } from './variable.js'

export class PassMemory {
  /** Whether anything is noted. */
  isOpen = false
  /** Made since the last call was done; the first `counted` of them have a count. */
  private readonly births: TypedArray[] = []
  private counted = 0
  /** How many gradients of the pass lie in a memory. */
  private readonly holders = new Map<TypedArray, number>()
  /** Whether there is something in `births` or `holders`. */
  private isEmpty = true
  private before: TypedArray[] | null = null

  /** Whether a large array may count: while not, nothing needs to be told. */
  get isBusy(): boolean {
    return this.births.length > 0 || !this.isEmpty
  }

  open(wanted: boolean): void {
    this.isOpen = wanted
    this.before = noteBirths(wanted ? this.births : null)
  }

  /** Counts nothing any more; what was made stays with whoever has it. */
  close(): void {
    this.forgetAll()
    noteBirths(this.before)
    this.before = null
    this.isOpen = false
  }

  /** No more in this pass: it came to where arrays have other owners. */
  stop(): void {
    if (!this.isOpen) return
    this.forgetAll()
    noteBirths(null)
    this.isOpen = false
  }

  /** Before the backward of a call gets its gradient. */
  shows(func: Func, gradient: Variable): void {
    if (!keepsNothing(func)) this.forget(gradient)
  }

  /** After the backward of a call: what it made is the pass's, when the function is ours. */
  made(func: Func): void {
    if (keepsNothing(func)) this.count()
    else this.leave(0)
  }

  /** How many were made since the last call was done: for `leave`. */
  get madeSoFar(): number {
    return this.births.length
  }

  /** What the program's own code made since is the program's. */
  leave(madeBefore: number): void {
    this.births.length = madeBefore
    this.counted = Math.min(this.counted, madeBefore)
  }

  /** A place of the pass has `gradient` now, and not `before` any more. */
  replaced(before: Variable | null, gradient: Variable): void {
    this.count() // the pass itself may have added or cast
    this.change(gradient, 1)
    if (before !== null) this.change(before, -1)
  }

  /** A call is done: its place holds its gradient no more, and what it made and no place holds is nobody's. */
  done(gradient: Variable | null): void {
    this.count()
    const { births, holders } = this
    for (const memory of births) if (holders.get(memory) === 0) this.release(memory)
    births.length = 0
    this.counted = 0
    if (gradient !== null) this.change(gradient, -1)
  }

  /** From here on others have it. */
  forget(gradient: Variable): void {
    this.count() // else what was just made would count from now on
    const memory = this.memoryOf(gradient)
    if (memory !== null) this.holders.delete(memory)
  }

  /** Leaves the memory of a gradient to a leaf; whether nobody else has it. */
  handOver(gradient: Variable): boolean {
    this.count()
    const memory = this.memoryOf(gradient)
    if (memory === null) return false
    const count = this.holders.get(memory)
    this.holders.delete(memory)
    return count !== undefined && count <= 1
  }

  private count(): void {
    const { births } = this
    for (; this.counted < births.length; this.counted++) {
      this.holders.set(births[this.counted]!, 0)
      this.isEmpty = false
    }
  }

  private change(gradient: Variable, by: number): void {
    const memory = this.memoryOf(gradient)
    const before = memory === null ? undefined : this.holders.get(memory)
    if (memory === null || before === undefined) return
    if (before + by > 0) this.holders.set(memory, before + by)
    else this.release(memory)
  }

  /** The memory of a gradient; null where nothing counts, or no longer: what stands for an example has an array elsewhere. */
  private memoryOf({ loadedData }: Variable): TypedArray | null {
    if (loadedData === null) this.stop()
    return this.isEmpty ? null : loadedData!.buffer
  }

  private release(memory: TypedArray): void {
    this.holders.delete(memory)
    giveBack(memory)
  }

  private forgetAll(): void {
    this.births.length = 0
    this.counted = 0
    if (this.isEmpty) return
    this.holders.clear()
    this.isEmpty = true
  }
}
