/** What the file system itself calls a file: two paths, or one path at two times, may or may not be the same one. */
import fs from 'node:fs'

/** Equal for the same file, however it is called; null when there is none. */
export function fileIdentity(path: string): string | null {
  const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`
}
