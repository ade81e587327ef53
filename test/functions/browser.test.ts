import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../../scripts/check-browser.mjs', import.meta.url))

/** The script's word for "no Chromium here". */
const ABSENT = 2

test('every primitive and every function give the same bits in Chromium', ({ skip }) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT], {
    encoding: 'utf8',
    timeout: 150_000,
  })
  if (status === ABSENT) {
    process.stdout.write(`browser: ${stdout}`)
    skip(stdout.trim())
  }
  expect(stderr).toBe('')
  expect(stdout.match(/all \d+ results agree/g)).toHaveLength(8)
  expect(status).toBe(0)
}, 160_000)
