/** What was read of a tape is kept beside it once nobody waits, and whoever looks next need not read it again. */
import fs from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { courseFile } from '../../src/queries/course-file.js'
import { OpenTape } from '../../src/server/desk.js'
import { temporaryFolder } from '../tape/temporary-tape.js'
import { writeRuns } from './runs-on-tape.js'

test('the side file is written when the thread is asked to, of what took long, and not of a tape that is gone', async () => {
  const file = path.join(temporaryFolder(), 'a.tape')
  await writeRuns(file, { steps: 20 })
  const looked = (worthKeepingMs: number) => {
    const tape = new OpenTape(1, file, worthKeepingMs)
    onTestFinished(() => tape.close())
    return tape
  }
  const short = looked(60_000)
  short.coursesOf(1)
  short.keep()
  expect(fs.existsSync(courseFile(file))).toBe(false)

  const long = looked(0)
  const { metrics } = long.coursesOf(1)
  const gradients = long.gradientsOf(2)
  expect(fs.existsSync(courseFile(file))).toBe(false)
  long.keep()
  const written = fs.statSync(courseFile(file))
  long.keep()
  expect(fs.statSync(courseFile(file)).ino).toBe(written.ino)

  const again = looked(60_000)
  expect([...again.coursesOf(1).metrics.keys()]).toEqual([...metrics.keys()])
  expect(again.gradientsOf(2).map(({ name, norm }) => [name, norm.length])).toEqual(
    gradients.map(({ name, norm }) => [name, norm.length]),
  )

  fs.rmSync(courseFile(file))
  const gone = looked(0)
  gone.coursesOf(1)
  fs.rmSync(file)
  gone.keep()
  expect(fs.existsSync(courseFile(file))).toBe(false)
})
