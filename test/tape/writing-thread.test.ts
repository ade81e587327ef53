// A run that is long enough is written by a second thread. Whether it is, when it dies, what another process, a disk or
// a moved file does to it. Real threads; where a thread is killed or a lock is held, real processes too.
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import type { TapeEvent } from '../../src/events/event.js'
import { constant, mul, stack, sum, Variable } from '../../src/index.js'
import { runChild, startChild } from './child-process.js'
import { newTapePath, openForTest, plainConnection } from './temporary-tape.js'

/** In a child: `threads` lists the threads that the library has started. */
const WATCH_THREADS = `
import threadModule from 'node:worker_threads'
import { syncBuiltinESMExports } from 'node:module'
const threads = []
threadModule.Worker = class extends threadModule.Worker { constructor(...args) { super(...args); threads.push(this) } }
syncBuiltinESMExports()
`
const SMALL_BATCHES = { batch: { eventsMax: 64, bytesMax: 2 ** 20, ageMaxMs: 1e6 } }

function checkWhole(file: string, name: string, events?: number): void {
  const tape = openForTest(file, { readonly: true })
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  if (events !== undefined) expect(tape.runs().find((run) => run.name === name)).toMatchObject({ events })
  expect(tape.run(name).replay()).toMatchObject({ verdict: 'bit-exact', divergence: null })
}

describe('the second thread', () => {
  test('is started by the first full batch and not by a short run, and serves all runs of its tape', async () => {
    const file = newTapePath()
    const { stdout, stderr } = await runChild(
      `${WATCH_THREADS}
       const tape = gradtape.openTape(arg.file)
       const since = performance.now()
       const short = tape.startRun('short')
       for (let i = 0; i < 10; i++) { short.step(); gradtape.square(new gradtape.Variable(i)) }
       await short.finish()
       say(performance.now() - since < 50 ? threads.length : 0) // on a busy machine it may not have been short
       const long = tape.startRun('long')
       for (let i = 0; i < 12_000; i++) long.log({ i })
       say(threads.length)
       const inner = tape.startRun('inner')
       for (let i = 0; i < 12_000; i++) inner.log({ i })
       await inner.finish()
       const strict = tape.startRun('strict', { durability: 'strict' })
       strict.log({ i: 1 })
       await strict.finish()
       for (let i = 0; i < 12_000; i++) long.log({ i })
       await long.finish()
       say(threads.length)
       tape.close()
       const memory = gradtape.openTape(':memory:')
       const run = memory.startRun('memory')
       for (let i = 0; i < 12_000; i++) run.log({ i })
       await run.finish()
       say(threads.length + ' ' + memory.verify().intact)`,
      { file },
    )
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual(['0', '1', '1', '1 true'])
    for (const [name, events] of Object.entries({ short: 32, long: 24_002, inner: 12_002, strict: 3 }))
      checkWhole(file, name, events)
  })

  test.runIf(process.platform === 'linux')(
    'sleeps while the run is short: it hears signals and has not opened the tape; a long run wakes it',
    async () => {
      const file = newTapePath()
      const { stdout, stderr } = await runChild(
        `const fds = () => fs.readdirSync('/proc/self/fd').filter((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd) === fs.realpathSync(arg.file) } catch { return false } }).length
         const hears = () => (BigInt('0x' + /^SigCgt:\\s*(\\w+)$/m.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1]) & 1n) === 1n
         const tape = gradtape.openTape(arg.file)
         const run = tape.startRun('r')
         const w = gradtape.parameter([1, 2, 3], { name: 'w' })
         const since = performance.now()
         let [last, gap, i] = [since, 0, 0]
         const step = () => {
           run.step(); gradtape.square(w); w.data = gradtape.mul(w, 0.999).data
           const now = performance.now(); gap = Math.max(gap, now - last); last = now
           for (const until = now + 1; performance.now() < until; );
         }
         while (!hears() && last - since < 1500) step()
         for (const until = last + 300; last < until; ) step()
         // A machine with much else to do may have made the run stand still, or long.
         say(gap > 50 || last - since > 1500 ? 'busy' : hears() + ' ' + fds())
         for (let k = 0; k < 40_000; k++) run.log({ k })
         run.flush()
         for (const until = performance.now() + 10_000; fds() < 2 && performance.now() < until; ) { run.log({ i: i++ }); if (i % 1000 === 0) run.flush() }
         say(fds())
         await run.finish()
         tape.close()`,
        { file },
      )
      expect(stderr).toBe('')
      const [short, long] = stdout.trim().split('\n')
      expect(['busy', 'true 1']).toContain(short)
      expect(long).toBe('2')
      checkWhole(file, 'r')
    },
  )

  test('carries 100,000 events that verify and replay bit for bit', async () => {
    const file = newTapePath()
    const tape = openForTest(file)
    const run = tape.startRun('long')
    const x = new Variable([0.5, -0.25, 0.125], { name: 'x' })
    while (run.position < 100_000) {
      run.step()
      let y = mul(x, x)
      for (let i = 0; i < 50; i++) y = mul(y, 0.999)
      const loss = sum(mul(y, constant([1, run.currentStep, 3])))
      x.clearGrad()
      loss.backward()
      run.log({ loss })
    }
    const { position } = run
    await run.finish()
    tape.close()
    checkWhole(file, 'long', position + 1)
  })

  test('writes what subscribers hear, event for event', async () => {
    const file = newTapePath()
    const tape = openForTest(file)
    const run = tape.startRun('heard', SMALL_BATCHES)
    const heard: TapeEvent[] = []
    run.events$.subscribe((event) => heard.push(event))
    const w = new Variable(new Float32Array(3000).fill(0.5), { name: 'w' })
    for (let i = 0; i < 200; i++) {
      run.step()
      run.note(`remark ${i}`)
      const loss = sum(mul(w, constant(Float32Array.from({ length: 3000 }, (_, k) => i + k))))
      w.clearGrad()
      loss.backward()
      run.log({ loss })
    }
    await run.finish()
    const plain = (event: TapeEvent) => JSON.stringify(event, (_, value) => value?.data ?? value)
    const written = [...tape.run('heard').events()].slice(1)
    expect(written.length).toBe(heard.length)
    for (const [i, event] of written.entries()) expect(plain(event)).toBe(plain(heard[i]!))
  })

  test('takes calls and arrays that are larger than the shared memory', async () => {
    const file = newTapePath()
    const tape = openForTest(file)
    const run = tape.startRun('large', { batch: { eventsMax: 8192, bytesMax: 2 ** 23, ageMaxMs: 1e6 } })
    // Six calls of 22,000 inputs are more words than a shared batch has, and 12 MB are more bytes.
    const many = Array.from({ length: 22_000 }, (_, i) => new Variable(i % 2))
    const wide = new Variable(new Float32Array(3_000_000).fill(0.25), { name: 'wide' })
    for (let round = 1; round <= 8; round++) {
      const all = sum(stack(many))
      all.name = `all ${round}`
      if (round % 4 === 0) mul(wide, round)
    }
    const { position } = run
    await run.finish()
    tape.close()
    const read = openForTest(file, { readonly: true })
    expect(read.run('large').variable('all 3').item()).toBe(11_000)
    expect(read.run('large').variable('wide').data.data.length).toBe(3_000_000)
    checkWhole(file, 'large', position + 1)
  })

  test('keeps apart the runs of two tapes and of one, and the chain is one', async () => {
    const [one, two] = [openForTest(newTapePath()), openForTest(newTapePath())]
    const a = one.startRun('a', SMALL_BATCHES)
    const x = new Variable([1, 2], { name: 'x' })
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 100; i++) mul(x, i)
      const b = one.startRun(`b${round}`, SMALL_BATCHES)
      for (let i = 0; i < 100; i++) mul(x, i)
      const c = two.startRun(`c${round}`, SMALL_BATCHES)
      for (let i = 0; i < 100; i++) mul(x, i)
      await c.finish()
      for (let i = 0; i < 100; i++) mul(x, i)
      await b.finish()
    }
    await a.finish()
    for (const tape of [one, two]) {
      expect(tape.verify()).toMatchObject({ intact: true, problem: null })
      for (const { id } of tape.runs()) expect(tape.run(id).replay().verdict).toBe('bit-exact')
    }
    expect([one.runs().length, two.runs().length]).toEqual([6, 5])
  })

  test('has let go of the file when the tape is closed', async () => {
    const file = newTapePath()
    const tape = openForTest(file)
    const run = tape.startRun('r', SMALL_BATCHES)
    for (let i = 0; i < 500; i++) run.log({ i })
    // A descriptor may be gone by the time it is looked at: the one of the listing itself always is.
    const target = (fd: string) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`)
      } catch {
        return ''
      }
    }
    const open = () =>
      fs
        .readdirSync('/proc/self/fd')
        .map(target)
        .filter((name) => name.startsWith(file))
    const linux = process.platform === 'linux'
    if (linux) expect(open().length).toBeGreaterThan(1)
    tape.close()
    if (linux) expect(open()).toEqual([])
    expect(fs.readdirSync(path.dirname(file))).toEqual([path.basename(file)])
    const moved = `${file}.moved`
    fs.renameSync(file, moved)
    checkWhole(moved, 'r', 502)
  })

  test('does not write to another file that took the place of the tape', async () => {
    const file = newTapePath()
    const { stdout } = await runChild(
      `const tape = gradtape.openTape(arg.file)
       const run = tape.startRun('r')
       for (let i = 0; i < 300; i++) { run.log({ i }); await new Promise((resolve) => setTimeout(resolve, 2)) } // the thread is up then
       fs.renameSync(arg.file, arg.file + '.moved')
       fs.writeFileSync(arg.file, 'mine')
       const told = new Set()
       for (let i = 0; i < 40_000; i++) try { run.log({ i }) } catch (error) { told.add(error.message) } // it is done all the same
       try { run.flush() } catch (error) { told.add(error.message) }
       for (const message of told) say(message)
       fs.renameSync(arg.file + '.moved', arg.file)
       await run.finish()
       say('finished')`,
      { file },
    )
    expect(stdout).toMatch(/^TAPE_NOT_FOUND: .* is not the file any more .*\nfinished\n$/)
    checkWhole(file, 'r', 40_302)
  })
})

describe('a second thread that dies', () => {
  // After 70,000 remarks the numbering of texts began anew, and the next thread needs the right ones.
  const recordAfter = (remarks: number) => `${WATCH_THREADS}
    const tape = gradtape.openTape(arg.file)
    const run = tape.startRun('r', { batch: { eventsMax: 1000, bytesMax: 2 ** 20, ageMaxMs: 1e6 } })
    const other = tape.startRun('other', { batch: { eventsMax: 100, bytesMax: 2 ** 20, ageMaxMs: 1e6 } })
    const x = new gradtape.Variable([1, 2, 3], { name: 'x' })
    for (let i = 0; i < 500; i++) gradtape.square(x)
    for (let i = 0; i < ${remarks}; i++) run.note('remark ' + i)
    for (let i = 0; i < 300; i++) gradtape.mul(x, i)
    `
  const RECORD_UNTIL_IT_FAILS = `
    let error = null
    try { for (let i = 0; i < 1e6; i++) { gradtape.mul(x, i % 1000); if (i % 10 === 0) run.note('later ' + i) } } catch (caught) { error = caught }
    say(JSON.stringify([error?.code, error?.message]))
    `
  // Each run goes on by its own flush: one that the training thread writes needs no thread.
  const GO_ON = `
    run.flush()
    other.flush()
    for (let i = 0; i < 300; i++) { gradtape.mul(x, i); run.note('last ' + i) }
    const positions = [run.position + 1, other.position + 1]
    await other.finish()
    await run.finish()
    tape.close()
    say(JSON.stringify([threads.length, ...positions]))`

  test.each([
    ['is told to end', 'void threads[0].terminate()', 70_000],
    // Flushed first: one that was not up yet is not missed, because the training thread writes then.
    [
      'ends while this one sleeps',
      'run.flush(); for (let i = 0; i < 300; i++) gradtape.mul(x, i); await threads[0].terminate()',
      2_000,
    ],
  ])(
    'because it %s: the next call says so, flush() goes on with another, and nothing is lost',
    async (_, kill, remarks) => {
      const file = newTapePath()
      const { stdout, stderr, code } = await runChild(
        `${recordAfter(remarks)}; ${kill}; ${RECORD_UNTIL_IT_FAILS}; ${GO_ON}`,
        {
          file,
        },
      )
      expect([stderr, code]).toEqual(['', 0])
      const [[errorCode, message], [threads, events, others]] = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(errorCode).toBe('WRITE_FAILED')
      expect(message).toMatch(/the thread that writes the tape ended on its own; .* call flush\(\)/)
      expect(threads).toBe(2)
      checkWhole(file, 'r', events)
      checkWhole(file, 'other', others)
    },
  )

  test('when the process ends, too: all is on the tape', async () => {
    const end = `run.note('the last'); say(JSON.stringify([run.position + 1, other.position + 1])); void threads[0].terminate()`
    for (const how of ['', '; process.exit(0)', '; await threads[0].terminate(); process.exit(0)']) {
      const file = newTapePath()
      const { code, stderr, stdout } = await runChild(`${recordAfter(2_000)}; ${end}${how}`, { file })
      expect([stderr, code], how).toEqual(['', 0])
      const [events, others] = JSON.parse(stdout)
      checkWhole(file, 'r', events)
      checkWhole(file, 'other', others)
    }
  })
})

describe('when another process keeps the tape locked', () => {
  test('for seconds: recording goes on, then waits, and nothing is lost', async () => {
    const file = newTapePath()
    const child = startChild(
      `const tape = gradtape.openTape(arg.file)
       const run = tape.startRun('r')
       for (let i = 0; i < 40_000; i++) run.log({ i })
       run.flush()
       say('ready')
       const x = new gradtape.Variable([1, 2, 3])
       const until = Date.now() + 2800
       for (let i = 0; Date.now() < until; i++) {
         run.step()
         gradtape.square(x)
         say(String(run.position))
         await new Promise((resolve) => setTimeout(resolve, 10))
       }
       await run.finish()
       say('finished ' + run.position)`,
      { file },
    )
    await child.said('ready')
    const db = plainConnection(file)
    db.exec('BEGIN IMMEDIATE')
    const before = child.stdout.split('\n').length
    await new Promise((resolve) => setTimeout(resolve, 1600))
    const during = child.stdout.split('\n').length
    db.exec('ROLLBACK')
    const { code, stderr, stdout } = await child.ended
    expect([stderr, code]).toEqual(['', 0])
    // Steps of 10 ms, and no more than a batch each 200 ms: the thread has them all, and this one did not wait.
    expect(during - before).toBeGreaterThan(20)
    checkWhole(file, 'r', Number(/finished (\d+)/.exec(stdout)![1]))
  })

  test('most of the time, as a slow disk would: the memory stays flat, the loop waits, and nothing is lost', async () => {
    const file = newTapePath()
    const child = startChild(
      `const tape = gradtape.openTape(arg.file)
       const run = tape.startRun('r')
       const data = new Float64Array(20_000)
       const one = () => { data[0]++; gradtape.square(new gradtape.Variable(data)) }
       for (let i = 0; i < 200; i++) one()
       run.flush()
       say('ready')
       let [most, made] = [0, 0]
       const least = process.memoryUsage().rss
       const until = Date.now() + 2500
       while (Date.now() < until) { one(); made += 2 * data.byteLength; most = Math.max(most, process.memoryUsage().rss) }
       const waitedFrom = Date.now()
       await run.finish()
       say('finished ' + JSON.stringify({ position: run.position, grownBytes: most - least, made }))`,
      { file },
    )
    await child.said('ready')
    const db = plainConnection(file)
    let locks = 0
    let done = false
    void child.ended.then(() => (done = true))
    while (!done) {
      db.exec('BEGIN IMMEDIATE')
      locks++
      await new Promise((resolve) => setTimeout(resolve, 300))
      db.exec('ROLLBACK')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const { code, stderr, stdout } = await child.ended
    expect([stderr, code]).toEqual(['', 0])
    const { position, grownBytes, made } = JSON.parse(/finished (.*)/.exec(stdout)![1]!)
    process.stderr.write(
      `slow disk: ${Math.round(made / 2 ** 20)} MiB recorded, memory grew by ${Math.round(grownBytes / 2 ** 20)} MiB, ${locks} locks\n`,
    )
    // Without waiting it would grow by gigabytes: the loop makes one in a second or two.
    expect(grownBytes).toBeLessThan(128 * 2 ** 20)
    checkWhole(file, 'r', position)
  })
})
