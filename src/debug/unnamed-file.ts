/** A file for what a process has no room for in memory. Nobody else can open it, and it goes with the process. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export class UnnamedFile {
  readonly fd: number
  private readonly folder: string

  /** Throws what the file system says. */
  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-'))
    try {
      this.fd = fs.openSync(path.join(this.folder, 'pages'), 'wx+', 0o600)
    } finally {
      try {
        // Where the system allows, its name is gone at once: whatever happens to the process, nothing is left.
        fs.rmSync(this.folder, { recursive: true })
      } catch {
        // Windows removes no open file; close() does.
      }
    }
  }

  close(): void {
    fs.closeSync(this.fd)
    fs.rmSync(this.folder, { force: true, recursive: true })
  }
}
