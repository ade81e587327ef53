/** What `npm run fuzz` runs: a file in scripts/fuzz/targets/ that exports a target under the name `target`. */
import type { Random } from './random.js'

export interface Target {
  /** As in `--target NAME`. */
  readonly name: string
  /** What it checks, in one line. */
  readonly about: string
  /** Draws one case and checks it; throws an Error that says what does not hold. */
  check(random: Random): void | Promise<void>
}
