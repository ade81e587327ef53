/** The version of this gradtape, from its package. */
import fs from 'node:fs'

export const ENGINE_VERSION = (
  JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version
