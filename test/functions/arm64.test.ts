import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../../scripts/check-arm64.mjs', import.meta.url))

/** The script's word for "no qemu, or no arm64 Node, here". */
const ABSENT = 2

test('every primitive and every function give the same bits on arm64', ({ skip }) => {
  const { status, stdout } = spawnSync(process.execPath, [SCRIPT], { encoding: 'utf8', timeout: 600_000 })
  if (status === ABSENT) {
    process.stdout.write(`arm64: ${stdout}`)
    skip(stdout.trim())
  }
  expect(stdout.match(/, arm64, .*: all \d+ results agree/g)).toHaveLength(3)
  expect(status).toBe(0)
}, 610_000)
