/** Pyramids over all points: exact at every zoom, extended live, kept beside the tape and never believed when they do not fit it. */
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mul, openTape, parameter, Variable } from '../../src/index.js'
import { Course } from '../../src/queries/course.js'
import { courseFile, keepCourses, readCourseFile } from '../../src/queries/course-file.js'
import { RunCourses } from '../../src/queries/run-courses.js'
import { Views } from '../../src/queries/views.js'
import { temporaryFolder } from '../cli/gradtape.js'
import { writeRuns } from '../server/runs-on-tape.js'

const number = fc.oneof(
  fc.double({ noNaN: true, min: -1e300, max: 1e300 }),
  fc.constantFrom(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    0,
    -0,
    Number.MAX_VALUE,
    -Number.MAX_VALUE,
  ),
)

function courseOf(values: readonly number[]): Course {
  const course = new Course()
  values.forEach((value, i) => {
    course.add(i, i + 1, value)
  })
  return course
}

test('a stretch is what a walk over its points gives, wherever it begins and ends', () => {
  fc.assert(
    fc.property(fc.array(number, { maxLength: 700 }), fc.nat(), fc.nat(), (values, a, b) => {
      const [from, to] = [a % (values.length + 1), b % (values.length + 1)].sort((x, y) => x - y) as [
        number,
        number,
      ]
      const found = courseOf(values).stretch(from, to)
      const finite = values.slice(from, to).filter(Number.isFinite)
      expect(found.count).toBe(finite.length)
      expect(found.nonFinite).toBe(to - from - finite.length)
      if (finite.length === 0) return
      expect(found.min === Math.min(...finite) && found.max === Math.max(...finite)).toBe(true)
      const mean = finite.reduce((sum, value) => sum + value / finite.length, 0)
      const scale = Math.max(...finite.map(Math.abs))
      expect(Math.abs(found.mean / 2 - mean / 2)).toBeLessThanOrEqual(scale * 1e-9 + Number.MIN_VALUE)
    }),
  )
})

test('a course that is asked while it grows says the same as one that is asked at the end', () => {
  fc.assert(
    fc.property(fc.array(number, { maxLength: 700 }), fc.integer({ min: 1, max: 90 }), (values, every) => {
      const asked = new Course()
      for (const [i, value] of values.entries()) {
        asked.add(i, i + 1, value)
        if (i % every === 0) asked.stretch(i >>> 1, i + 1)
      }
      const once = courseOf(values)
      for (const from of [0, 1, 16, 256, values.length >>> 1])
        expect(asked.stretch(from, values.length)).toEqual(once.stretch(from, values.length))
    }),
  )
})

test('counts that are all one number stay so, beside the course they belong to, until another comes', () => {
  const norm = new Course()
  const zeros = new Course(norm)
  const add = (step: number, count: number) => {
    norm.add(step, 2 * step, step / 3)
    zeros.add(step, 2 * step, count)
  }
  for (let step = 1; step <= 500; step++) add(step, 4)
  expect([zeros.constant, norm.constant]).toEqual([4, null])
  expect(zeros.stretch(7, 400)).toEqual({ min: 4, max: 4, mean: 4, count: 393, nonFinite: 0 })
  expect(zeros.stretch(9, 9).count).toBe(0)
  expect([zeros.placeOf(300), zeros.steps[299], zeros.positions[299], zeros.values[299]]).toEqual([
    299, 300, 600, 4,
  ])
  add(501, 6)
  expect(zeros.constant).toBeNull()
  expect(zeros.stretch(0, 501)).toMatchObject({ min: 4, max: 6, count: 501 })
  const bad = new Course()
  for (let step = 1; step <= 40; step++) bad.add(step, step, Number.NaN)
  expect([bad.constant, bad.stretch(3, 40)]).toEqual([null, { ...new Course().stretch(0, 0), nonFinite: 37 }])
})

test('a spike of one point among 300,000 is in every stretch that holds it', () => {
  const values = new Array<number>(300_000).fill(1)
  values[123_456] = 99
  values[200_001] = Number.NaN
  const course = courseOf(values)
  for (let width = 300_000; width >= 1; width = Math.floor(width / 3)) {
    const from = Math.max(0, 123_456 - Math.floor(width / 2))
    expect(course.stretch(from, from + width).max, String(width)).toBe(99)
  }
  expect(course.stretch(0, 300_000)).toMatchObject({ min: 1, count: 299_999, nonFinite: 1 })
})

test('the side file gives back what the tape has, and is not believed when it was changed or is of another tape', async () => {
  const folder = temporaryFolder()
  const file = path.join(folder, 'a.tape')
  await writeRuns(file, { steps: 45 })
  const views = new Views(file)
  const fresh = new RunCourses(2)
  fresh.extend(views)
  expect(keepCourses(file, views, [fresh])).toBeNull()
  const stored = readCourseFile(file, views).get(2)
  const again = new RunCourses(2)
  again.restore(stored!)
  expect(again.extendGradients(views)).toBe(0)
  expect(again.extendMetrics(views)).toBe(0)
  const shown = (courses: RunCourses) => [
    [...courses.metrics].map(([name, { values, length }]) => [name, [...values.slice(0, length)]]),
    courses.gradients.map(({ name, size, norm, zeros, nonFinite }) => [
      name,
      size,
      [...norm.values.slice(0, norm.length)],
      [...zeros.steps.slice(0, zeros.length)],
      [...zeros.values.slice(0, zeros.length)],
      [...nonFinite.values.slice(0, nonFinite.length)],
    ]),
  ]
  expect(shown(again)).toEqual(shown(fresh))

  const bytes = fs.readFileSync(courseFile(file))
  bytes[bytes.length - 9]! ^= 1
  fs.writeFileSync(courseFile(file), bytes)
  expect(readCourseFile(file, views).size).toBe(0)
  fs.writeFileSync(courseFile(file), 'gtcours5')
  expect(readCourseFile(file, views).size).toBe(0)
  keepCourses(file, views, [fresh])
  const other = path.join(folder, 'b.tape')
  const tape = openTape(other)
  await tape.startRun('other').finish()
  tape.close()
  fs.copyFileSync(courseFile(file), courseFile(other))
  const otherViews = new Views(other)
  expect(readCourseFile(other, otherViews).size).toBe(0)
  views.close()
  otherViews.close()
})

test('the side file keeps what another thread wrote, and no point twice', async () => {
  const file = path.join(temporaryFolder(), 'two.tape')
  const tape = openTape(file)
  const run = tape.startRun('growing')
  const w = parameter([1, 2], { name: 'w' })
  const names = ['loss', 'update 1', 'gradient [1]', '__proto__', 'metric loss']
  const step = async () => {
    run.step()
    w.clearGrad()
    mul(w, w).sum().backward()
    for (const [i, name] of names.entries()) run.log(Object.fromEntries([[name, i]]))
    await run.flush()
  }
  await step()
  const views = new Views(file)
  const [one, other] = [new RunCourses(1), new RunCourses(1)]
  one.extendGradients(views)
  other.extendMetrics(views)
  const finished = tape.startRun('finished')
  finished.step()
  finished.log({ loss: 7 })
  await finished.finish()
  const second = new RunCourses(2)
  second.extend(views)
  keepCourses(file, views, [one, second])
  await step()
  other.extendMetrics(views)
  keepCourses(file, views, [other])
  const stored = readCourseFile(file, views)
  expect([...stored.keys()].sort()).toEqual([1, 2])
  expect(stored.get(1)?.readUntil.gradients).toBeGreaterThan(0)
  expect(stored.get(1)?.readUntil.metrics).toBeGreaterThan(0)
  await step()
  const [again, fresh] = [new RunCourses(1), new RunCourses(1)]
  again.restore(stored.get(1)!)
  again.restore(stored.get(1)!)
  again.extend(views)
  again.updatesBy(views)
  fresh.extend(views)
  fresh.updatesBy(views)
  const columns = ({ metrics, gradients }: RunCourses) =>
    [...metrics, ...gradients.map(({ name, norm }) => [name, norm] as const)].map(
      ([name, { steps, values, length }]) => [
        name,
        [...steps.slice(0, length)],
        [...values.slice(0, length)],
      ],
    )
  expect(columns(again)).toEqual(columns(fresh))
  expect([...again.metrics.keys()]).toEqual(names)
  expect(again.metrics.get('update 1')?.length).toBe(3)
  expect(fs.readdirSync(path.dirname(file)).filter((name) => name.includes('unfinished'))).toEqual([])
  await run.finish()
  views.close()
  tape.close()
})

test('a reading that is ended in the middle is taken up there, and what it had is named', async () => {
  const file = path.join(temporaryFolder(), 'ended.tape')
  const tape = openTape(file)
  const run = tape.startRun('long')
  const leaves = [parameter(1, { name: 'w' }), parameter(2, { name: 'late' })]
  // More rows than are read at a time; the second leaf comes after the first page.
  for (let step = 1; step <= 12_000; step++) {
    run.step()
    const leaf = leaves[step > 11_000 ? 1 : 0]!
    leaf.clearGrad()
    const loss = mul(leaf, step)
    loss.backward()
    run.log({ loss })
  }
  await run.finish()
  tape.close()
  const views = new Views(file)
  const [ended, whole] = [new RunCourses(1), new RunCourses(1)]
  const told: [number, number][] = []
  const stop = (...at: [number, number]) => {
    told.push(at)
    throw new Error('nobody waits')
  }
  expect(() => ended.extendGradients(views, stop)).toThrow('nobody waits')
  expect(() => ended.extendMetrics(views, stop)).toThrow('nobody waits')
  for (const [position, until] of told) expect(position > 0 && position < until).toBe(true)
  const [first] = ended.gradients
  const [read, logged] = [first!.norm.length, ended.metrics.get('loss')!.length]
  expect(ended.gradients.map(({ name }) => name)).toEqual(['w'])
  for (const length of [read, logged]) expect(length > 0 && length < 11_000).toBe(true)
  expect([ended.extendGradients(views), ended.extendMetrics(views)]).toEqual([12_000 - read, 12_000 - logged])
  whole.extend(views)
  const shown = ({ metrics, gradients }: RunCourses) => [
    gradients.map(({ name, norm, zeros }) => [
      name,
      norm.length,
      zeros.length,
      [...norm.values.slice(0, norm.length)],
    ]),
    [...metrics].map(([name, { values, length }]) => [name, [...values.slice(0, length)]]),
  ]
  expect(shown(ended)).toEqual(shown(whole))
  expect(whole.gradients.map(({ name, norm }) => [name, norm.length])).toEqual([
    ['w', 11_000],
    ['late', 1_000],
  ])
  views.close()
})

test('a gradient that several passes add to is the sum so far, as the variable holds it', async () => {
  const file = path.join(temporaryFolder(), 'sums.tape')
  const tape = openTape(file)
  const run = tape.startRun('sums')
  const [w, one] = [parameter([3, 4], { name: 'w' }), parameter(1, { name: 'one' })]
  const held: number[] = []
  const heldOfOne: number[] = []
  for (let step = 1; step <= 2; step++) {
    run.step()
    for (const each of [w, one]) each.clearGrad()
    // The second part takes the first element's gradient back to 0; the third is not finite.
    for (const part of [
      [1, 2],
      [-1, 2],
      [Number.POSITIVE_INFINITY, 1],
    ]) {
      mul(mul(w, new Variable(part)).sum(), one).backward()
      held.push(Math.hypot(...((w.grad?.data.toArray() ?? []) as number[])))
      heldOfOne.push(Math.abs(one.grad?.item() ?? 0))
    }
  }
  await run.finish()
  tape.close()
  const views = new Views(file)
  const courses = new RunCourses(1)
  courses.extend(views)
  const shown = (course: Course | undefined) => [...(course?.values.slice(0, course.length) ?? [])]
  const of = (name: string) => courses.gradients.find((each) => each.name === name)
  const finite = (norms: readonly number[]) =>
    norms.map((norm) => (Number.isFinite(norm) ? norm : Number.NaN))
  expect(shown(of('w')?.norm)).toEqual(finite(held))
  expect(shown(of('one')?.norm)).toEqual(finite(heldOfOne))
  expect(shown(of('w')?.zeros)).toEqual([0, 1, 0, 0, 1, 0])
  expect(shown(of('w')?.nonFinite)).toEqual([0, 0, 1, 0, 0, 1])
  views.close()
})
