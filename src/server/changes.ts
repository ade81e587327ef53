/** Notices that others wrote to the tapes: one look at a number of SQLite's, some times a second, whatever the size of the tape. */

import { Views } from '../queries/views.js'
import { fileIdentity } from '../store/format/file-identity.js'

const EVERY_MS = 250

export class Changes {
  private readonly files: readonly string[]
  private readonly views: (Views | null)[]
  private readonly seen: (string | null)[]
  private readonly timer: NodeJS.Timeout
  private readonly listeners = new Set<(tapes: readonly number[]) => void>()

  constructor(files: readonly string[]) {
    this.files = files
    this.views = files.map(() => null)
    this.seen = files.map((_, i) => this.look(i))
    this.timer = setInterval(() => this.poll(), EVERY_MS)
    this.timer.unref()
  }

  /** Tells of the numbers of tapes that changed, from 1. Returns what ends that. */
  listen(listener: (tapes: readonly number[]) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  close(): void {
    clearInterval(this.timer)
    for (const views of this.views) views?.close()
    this.views.fill(null)
  }

  private poll(): void {
    const changed: number[] = []
    for (let i = 0; i < this.files.length; i++) {
      const now = this.look(i)
      if (now !== this.seen[i]) changed.push(i + 1)
      this.seen[i] = now
    }
    if (changed.length > 0) for (const listener of this.listeners) listener(changed)
  }

  /** Something that differs when the tape does; null while there is none that can be read. */
  private look(i: number): string | null {
    const file = this.files[i]!
    const identity = fileIdentity(file)
    try {
      if (identity === null || !(this.seen?.[i] ?? identity).startsWith(identity)) {
        this.views[i]?.close()
        this.views[i] = null
      }
      if (identity === null) return null
      const views = this.views[i] ?? new Views(file)
      this.views[i] = views
      const version = views.first<{ version: number }>(
        'SELECT data_version AS version FROM pragma_data_version',
      )
      return `${identity} ${version?.version}`
    } catch {
      return null // the reading side says why when it is asked
    }
  }
}
