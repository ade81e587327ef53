/** The inspector's server, asked over HTTP as a browser asks it, and as an attacker does. */
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTape } from '../../src/index.js'
import type { CurvesAnswer, MetricsAnswer, RunsAnswer, SqlAnswer } from '../../src/server/api.js'
import { Readers } from '../../src/server/readers.js'
import { gradtape, temporaryFolder } from '../cli/gradtape.js'
import { StartedInspector } from './inspector.js'
import { BAD_STEP, HOSTILE, writeRuns } from './runs-on-tape.js'

const folder = temporaryFolder()
const file = path.join(folder, 'runs.tape')
let inspector: StartedInspector

beforeAll(async () => {
  await writeRuns(file)
  inspector = await StartedInspector.of(file)
})
afterAll(() => inspector.end())

describe('the gate', () => {
  test('gives the page to who has the key, as a cookie that scripts cannot read, and takes it out of the address', async () => {
    const first = await inspector.send(`/?token=${inspector.token}`, { headers: { cookie: undefined } })
    expect([first.status, first.headers.location]).toEqual([302, '/'])
    expect(first.headers['set-cookie']).toEqual([`${inspector.cookie}; HttpOnly; SameSite=Strict; Path=/`])
    const page = await inspector.send('/')
    expect(page.status).toBe(200)
    expect(page.body).toContain('<div id="app">')
  })

  test('loads nothing from elsewhere and runs nothing that stands in the page', async () => {
    const { headers, body } = await inspector.send('/')
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self'")
    expect(policy).not.toContain('unsafe')
    expect(policy).toContain("frame-ancestors 'none'")
    expect(body).not.toMatch(/<script(?![^>]* src=)/)
    expect(body).not.toMatch(/https?:\/\//)
    const script = /src="(\/assets\/[^"]+-[\w-]{8}\.js)"/.exec(body)?.[1] ?? ''
    expect((await inspector.send(script)).headers['cache-control']).toContain('immutable')
  })

  test.each([
    ['no key', '/api/runs', { cookie: undefined }, 401],
    ['no key, for the page', '/', { cookie: undefined }, 401],
    ['no key, for a script', '/assets/x.js', { cookie: undefined }, 401],
    ['a wrong key', '/?token=wrong', { cookie: undefined }, 403],
    ['a wrong cookie', '/api/runs', { cookie: 'gradtape-1=wrong' }, 401],
    ['another name for this machine', '/api/runs', { host: 'evil.example' }, 421],
    ['another port', '/api/runs', { host: '127.0.0.1:1' }, 421],
    ['another origin', '/api/runs', { origin: 'https://evil.example' }, 403],
    ['a page of nowhere', '/api/runs', { origin: 'null' }, 403],
    ['another site', '/api/runs', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 403],
  ])('refuses %s', async (_what, where, headers, status) => {
    const reply = await inspector.send(where, { headers })
    expect(reply.status).toBe(status)
    expect(reply.body).not.toContain('"runs"')
    expect(reply.headers['set-cookie']).toBeUndefined()
  })

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'refuses %s of what is only read',
    async (method) => {
      const reply = await inspector.send('/api/runs', {
        method,
        headers: { 'content-type': 'application/json' },
      })
      expect(reply.status).toBe(405)
    },
  )

  test.each([
    '/../package.json',
    '/assets/../../server/serve.js',
    '/assets/%2e%2e/%2e%2e/server/serve.js',
    '/assets/..%2f..%2fserver/serve.js',
    '/assets/..\\..\\server\\serve.js',
    '//evil.example/',
    '/%00',
    '/.stamp',
    '/api/__proto__',
    '/api/constructor',
    '/api/toString',
    '/api/../api/nothing',
  ])('knows no %s', async (where) => {
    const { status, body } = await inspector.send(where)
    expect([400, 404]).toContain(status)
    expect(body).not.toContain('createServer')
  })

  test('answers what is not understood with words, and goes on', async () => {
    for (const where of [
      '/api/curves?run=9.9&metric=loss',
      '/api/curves?run=1.99&metric=loss',
      '/api/curves?run=__proto__&metric=loss',
      '/api/curves?run=1.1&metric=loss&px=-1',
      '/api/curves?run=1.1&metric=loss&ema=2',
      '/api/graph?run=1.1&step=999',
      '/api/call?run=1.1&position=0',
      '/api/tensor?run=1.1&variable=nothing',
      '/api/events',
    ]) {
      const { status, body } = await inspector.send(where)
      const { error } = JSON.parse(body) as { error: { code: string; message: string } }
      expect([400, 404], where).toContain(status)
      expect(error.code, where).not.toBe('INTERNAL')
    }
    expect((await inspector.get<RunsAnswer>('/api/runs')).runs).toHaveLength(3)
  })
})

describe('the answers', () => {
  test('list the runs with their configs, whatever they are called', async () => {
    const { tapes, runs } = await inspector.get<RunsAnswer>('/api/runs')
    expect(tapes).toMatchObject([{ tape: 1, file: 'runs.tape', error: null, isLive: false }])
    expect(runs.map(({ key, name, status }) => [key, name, status])).toEqual([
      ['1.1', 'good', 'finished'],
      ['1.2', 'bad', 'failed'],
      ['1.3', HOSTILE[0], 'finished'],
    ])
    expect(runs[0]?.config).toEqual({ lr: 0.05, 'optimizer.name': 'SGD' })
    expect(runs[1]?.firstNonFiniteStep).toBe(BAD_STEP)
    expect(Object.values(runs[2]?.config ?? {})).toContain(HOSTILE[3])
  })

  test('give a curve as the tape has it, with what is not finite beside it', async () => {
    const { lines, first, last } = await inspector.get<CurvesAnswer>(
      '/api/curves?run=1.1&run=1.2&metric=loss&px=500',
    )
    expect([first, last]).toEqual([1, 60])
    const tape = openTape(file, { readonly: true })
    const logged: number[] = []
    for (const event of tape.run('good').events())
      if (event.type === 'MetricLogged' && event.name === 'loss') logged.push(event.value)
    tape.close()
    expect(lines[0]).toMatchObject({ run: '1.1', isRaw: true, points: 60 })
    expect(lines[0]?.mean).toEqual(logged)
    expect(lines[1]?.nonFinite.findIndex((count) => count > 0)).toBe(BAD_STEP - 1)
    expect(lines[1]?.mean[BAD_STEP - 1]).toBeNull()
  })

  test('find a metric whatever it is called', async () => {
    const { metrics } = await inspector.get<MetricsAnswer>('/api/metrics?run=1.3')
    expect(metrics.map(({ name }) => name)).toEqual([
      HOSTILE[1],
      HOSTILE[2],
      HOSTILE[0],
      HOSTILE[3].slice(0, 10_000),
    ])
    const { lines } = await inspector.get<CurvesAnswer>('/api/curves?run=1.3&metric=__proto__')
    expect(lines.map(({ mean }) => mean)).toEqual([[2]])
  })

  test('run a statement that reads, in a process of its own, and no other', async () => {
    const ask = async (sql: string, headers: Record<string, string> = {}) =>
      inspector.send('/api/sql', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ tape: 1, sql }),
      })
    const { columns, rows } = JSON.parse((await ask('SELECT id, name FROM run')).body) as SqlAnswer
    expect(columns).toEqual(['id', 'name'])
    expect(rows).toHaveLength(3)
    for (const sql of ['DELETE FROM _run', "ATTACH '/etc/passwd' AS x", '', 'SELECT nothing FROM run'])
      expect((await ask(sql)).status, sql).toBe(400)
    expect((await ask('SELECT 1', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await ask('SELECT 1', { origin: 'http://evil.example' })).status).toBe(403)
  })

  test('end with who asked: a statement without an end is stopped when its page is closed, and when the command ends', async () => {
    const endless = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n'
    const own = await StartedInspector.of(file)
    const ask = (signal?: AbortSignal) =>
      fetch(`http://127.0.0.1:${own.port}/api/sql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', cookie: own.cookie },
        body: JSON.stringify({ tape: 1, sql: endless }),
        ...(signal === undefined ? {} : { signal }),
      }).then(
        ({ status }) => status,
        () => 'gone',
      )
    // Four at once are allowed, so the fifth round is answered only if the others ended.
    for (let round = 0; round < 5; round++) {
      const closed = new AbortController()
      const asked = ask(closed.signal)
      await new Promise((resolve) => setTimeout(resolve, 300))
      closed.abort()
      expect(await asked, String(round)).toBe('gone')
    }
    const last = ask()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const from = performance.now()
    expect(await own.end()).toBe(0)
    expect(performance.now() - from).toBeLessThan(5_000)
    expect(await last).toBe('gone')
  })

  test('do not change the tape, nor leave anything beside it that was not there', async () => {
    expect(fs.readdirSync(folder).filter((name) => !/-(wal|shm)$/.test(name))).toEqual(['runs.tape'])
    expect((await gradtape('verify', file)).status).toBe(0)
  })

  test('come to a hundred clients at once', async () => {
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        inspector.send(i % 2 === 0 ? '/api/runs' : `/api/curves?run=1.1&metric=loss&px=${i + 1}`),
      ),
    )
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]))
  })
})

describe('beside a writer', () => {
  test('what is logged is told within a second, and seen', async () => {
    const live = path.join(folder, 'live.tape')
    const tape = openTape(live)
    const run = tape.startRun('live')
    run.step()
    run.log({ loss: 1 })
    await run.flush()
    const beside = await StartedInspector.of(live)
    try {
      const told = listen(beside)
      await told.opened
      expect((await beside.get<RunsAnswer>('/api/runs')).runs[0]?.status).toBe('recording')
      run.step()
      run.log({ loss: 2 })
      await run.flush()
      const from = performance.now()
      await told.changed
      expect(performance.now() - from).toBeLessThan(1_000)
      const { lines } = await beside.get<CurvesAnswer>('/api/curves?run=1.1&metric=loss')
      expect(lines[0]?.mean).toEqual([1, 2])
      await run.finish()
      tape.close()
      for (const name of fs.readdirSync(folder))
        if (name.startsWith('live.tape')) fs.rmSync(path.join(folder, name))
      const gone = await beside.get<RunsAnswer>('/api/runs')
      expect(gone.runs).toEqual([])
      expect(gone.tapes[0]?.error).toMatch(/^TAPE_NOT_FOUND/)
    } finally {
      expect(await beside.end()).toBe(0)
    }
  })
})

test('pages that are closed in the middle of their questions, again and again, beside a run that is recorded, end nothing', async () => {
  const live = path.join(temporaryFolder(), 'closed.tape')
  const tape = openTape(live)
  const run = tape.startRun('live')
  for (let step = 1; step <= 50; step++) {
    run.step()
    run.log({ loss: step })
  }
  await run.flush()
  const beside = await StartedInspector.of(live)
  try {
    await beside.get('/api/metrics?run=1.1')
    const questions = [
      'runs',
      'graph?run=1.1&step=3',
      'metrics?run=1.1',
      'why?run=1.1',
      'events?run=1.1&from=1',
    ]
    for (let i = 0; i < 250; i++) await leave(beside, `/api/${questions[i % questions.length]}`, (i % 9) / 2)
    for (const question of questions)
      expect((await beside.send(`/api/${question}`)).status, question).toBe(200)
  } finally {
    expect(await beside.end()).toBe(0)
    await run.finish()
    tape.close()
  }
})

test('pages that ask the same share one answer, and one that goes away takes it from no other', async () => {
  const readers = new Readers([file])
  try {
    const ask = (name: string) => readers.ask(name, { run: ['1.2'] })
    const first = ask('metrics')
    // Of different questions a thousand may wait; these are one.
    const same = Array.from({ length: 3_000 }, () => ask('metrics'))
    for (const [i, { answer, cancel }] of same.entries()) {
      if (i % 3 !== 1) continue
      answer.catch(() => {})
      cancel()
    }
    const left = same.filter((_, i) => i % 3 !== 1).map(({ answer }) => answer)
    expect(new Set(await Promise.all([first.answer, ...left])).size).toBe(1)
    const all = ['step', 'time'].map((axis) =>
      Array.from({ length: 4 }, () =>
        readers.ask('curves', { run: ['1.2'], metric: ['loss'], axis: [axis] }),
      ),
    )
    for (const { cancel } of all[0]!) cancel()
    const answers = await Promise.all(all[1]!.map(({ answer }) => answer))
    expect(answers.map((json) => JSON.parse(json).axis)).toEqual(['time', 'time', 'time', 'time'])
  } finally {
    await readers.end()
  }
})

/** Asks, and goes away after so many milliseconds. */
function leave({ port, cookie }: StartedInspector, where: string, afterMs: number): Promise<void> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: where, headers: { cookie } })
    request.on('error', () => {})
    request.on('close', () => resolve())
    setTimeout(() => request.destroy(), afterMs)
  })
}

test('the command refuses what is no tape, and a port that is taken', async () => {
  const text = path.join(folder, 'text.txt')
  fs.writeFileSync(text, 'no tape')
  expect((await gradtape('ui', text)).stderr).toMatch(/NOT_A_TAPE/)
  expect((await gradtape('ui', path.join(folder, 'nothing.tape'))).status).toBe(1)
  const taken = await gradtape('ui', file, '--port', String(inspector.port))
  expect([taken.status, taken.stderr]).toEqual([1, expect.stringContaining('EADDRINUSE')])
})

/** The stream of changes: when it is open, and when the first change is told. */
function listen({ port, cookie }: StartedInspector): { opened: Promise<void>; changed: Promise<void> } {
  let changed = () => {}
  const first = new Promise<void>((resolve) => {
    changed = resolve
  })
  const opened = new Promise<void>((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path: '/api/changes', headers: { cookie } }, (response) => {
        resolve()
        response.setEncoding('utf8').on('data', (text: string) => {
          if (text.includes('event: change')) changed()
        })
        response.on('error', () => {})
      })
      .on('error', reject)
  })
  return { opened, changed: first }
}
