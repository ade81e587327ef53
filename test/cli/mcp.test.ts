// Coding agents ask tapes by the Model Context Protocol: through an independent client, and with what no client would send.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { JsonRpc } from '../../src/cli/json-rpc.js'
import { Tapes } from '../../src/cli/mcp-tools.js'
import {
  gradtape,
  gradtapeJson,
  MAIN,
  temporaryFolder,
  writeModule,
  writeTape,
  writeTapeOfOwnFunction,
} from './gradtape.js'

const folder = temporaryFolder()
const file = path.join(folder, 'runs.tape')
const other = path.join(folder, 'other.tape')
const secret = path.join(folder, 'secret.tape')
let client: Client

beforeAll(async () => {
  await writeTape(file)
  for (const copy of [other, secret]) fs.copyFileSync(file, copy)
  client = new Client({ name: 'test', version: '1' })
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [MAIN, 'mcp', file, other],
      stderr: 'ignore',
    }),
  )
}, 60_000)

afterAll(() => client.close())

async function ask(
  name: string,
  args: Record<string, unknown> = {},
): Promise<{ text: string; isError: boolean }> {
  const { content, isError } = await client.callTool({ name, arguments: args })
  const [first] = content as { type: string; text: string }[]
  expect(first!.type).toBe('text')
  return { text: first!.text, isError: isError === true }
}

describe('an agent', { timeout: 60_000 }, () => {
  test('is told the tools, each read-only and with a schema that takes nothing else', async () => {
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual([
      'runs',
      'why',
      'diff',
      'show',
      'gradient',
      'schema',
      'sql',
      'query',
    ])
    for (const { description, inputSchema, annotations } of tools) {
      expect(description!.length).toBeGreaterThan(30)
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false })
      expect(annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false })
    }
    expect(client.getServerVersion()).toMatchObject({ name: 'gradtape' })
    expect(client.getInstructions()).toContain('why')
  })

  test('is answered what the commands answer, several questions at once', async () => {
    const before = fs.readFileSync(file)
    const [runs, why, diff, show, gradient, sql, query, list, schema] = await Promise.all([
      ask('runs'),
      ask('why', { tape: 'runs.tape', run: 'train' }),
      ask('diff', { tape: file, run: '1', other_tape: other, other_run: '2' }),
      ask('show', { tape: file, run: 'train', step: 2, limit: 3 }),
      ask('gradient', { tape: file, run: 'train', of: 'loss', wrt: ['fc1.bias'], step: 2 }),
      ask('sql', {
        tape: file,
        sql: 'SELECT :a AS a, :b AS b, count(*) AS n FROM run',
        parameters: { a: '30', b: null },
      }),
      ask('query', { tape: file, name: 'gradient-norms', run: 'train', limit: 2 }),
      ask('query'),
      ask('schema', { tape: file }),
    ])
    for (const { isError } of [runs, why, diff, show, gradient, sql, query, list, schema])
      expect(isError).toBe(false)
    expect(JSON.parse(runs.text)).toMatchObject({
      tapes: [{ tape: file, runs: [{ id: 1 }, { id: 2 }] }, { tape: other }],
    })
    expect(JSON.parse(why.text)).toMatchObject({ run: { id: 2, name: 'train' } })
    expect(JSON.parse(why.text)).toMatchObject({
      skipped: (await gradtapeJson('why', `${file}:train`)).skipped as object,
    })
    expect(JSON.parse(diff.text)).toHaveProperty('text')
    expect((JSON.parse(show.text) as { events: unknown[] }).events).toHaveLength(3)
    expect(JSON.parse(gradient.text)).toMatchObject({
      gradients: [{ name: 'fc1.bias', recorded: { equal: true } }],
    })
    expect(JSON.parse(sql.text)).toEqual([{ a: '30', b: null, n: 2 }])
    expect(query.text).toContain('fc1.weight')
    expect(query.text).toMatch(/cut after 2 rows/)
    expect((JSON.parse(list.text) as { questions: unknown[] }).questions.length).toBeGreaterThan(10)
    expect(schema.text).toContain('gradient')
    expect(fs.readFileSync(file).equals(before)).toBe(true)
  })

  test('reads its mistakes in the answer', async () => {
    const mistakes: [string, Record<string, unknown>, RegExp][] = [
      ['show', { tape: file, run: 'nobody' }, /^RUN_NOT_FOUND: .*"chain" \(1\)/],
      [
        'show',
        { tape: file, stepp: 3 },
        /^BAD_ARGUMENT: show has no argument "stepp"; did you mean "step"\?/,
      ],
      ['show', { tape: file, step: '3' }, /^BAD_ARGUMENT: show expected "step" to be a whole number/],
      ['why', { tape: file, only: 'all' }, /^BAD_ARGUMENT: why expected "only" to be a list of texts/],
      ['sql', { tape: file }, /^BAD_ARGUMENT: sql expected "sql"/],
      ['sql', { tape: file, sql: 'SELECT * FROM no_such_view' }, /^SQL_FAILED/],
      ['sql', { tape: file, sql: 'DELETE FROM _metric' }, /^SQL_FAILED/],
      ['sql', { tape: file, sql: `ATTACH '${secret}' AS x` }, /^SQL_FAILED/],
      ['sql', { tape: file, sql: 'SELECT 1; SELECT 2' }, /^SQL_FAILED/],
      ['sql', { tape: file, sql: '-' }, /^SQL_FAILED/],
      ['query', { tape: file, name: '--list' }, /^BAD_ARGUMENT: the cookbook has no query "--list"/],
      [
        'sql',
        { tape: file, sql: 'SELECT hex(zeroblob(3000000)) AS long' },
        /^BAD_ARGUMENT: the answer is longer/,
      ],
    ]
    await Promise.all(
      mistakes.map(async ([name, args, words]) => {
        const { text, isError } = await ask(name, args)
        expect(text).toMatch(words)
        expect(isError).toBe(true)
      }),
    )
  })

  test('reads no other file than the tapes that were named', async () => {
    for (const tape of [
      secret,
      'secret.tape',
      '../runs.tape',
      `${folder}/./runs.tape`,
      '/etc/passwd',
      '',
      'runs.tape:1',
      `--import=${secret}`,
    ]) {
      const { text, isError } = await ask('runs', { tape })
      expect(text).toMatch(/^BAD_ARGUMENT: expected "tape" to be one of/)
      expect(isError).toBe(true)
    }
    // With two tapes nobody guesses which is meant.
    expect((await ask('why')).text).toMatch(/^BAD_ARGUMENT: expected "tape"/)
    // Nothing that is said becomes an option: an import would run code.
    const planted = path.join(folder, 'planted.mjs')
    const mark = path.join(folder, 'executed')
    fs.writeFileSync(planted, `import fs from 'node:fs'; fs.writeFileSync(${JSON.stringify(mark)}, '')`)
    const flag = `--import=${planted}`
    for (const [name, args] of [
      ['show', { run: flag, variable: flag }],
      ['why', { run: flag, metric: flag, only: [flag] }],
      ['diff', { run: flag, other_run: flag }],
      ['gradient', { of: flag, wrt: [flag] }],
      ['sql', { sql: flag }],
      ['query', { name: flag, run: flag, parameters: { a: flag } }],
    ] as const)
      expect((await ask(name, { tape: file, ...args })).isError).toBe(true)
    expect(fs.existsSync(mark)).toBe(false)
    const beside = `${file}:2`
    fs.copyFileSync(secret, beside)
    expect(() => new Tapes([file]).side(undefined, '2')).toThrow(/^BAD_ARGUMENT.*another file/)
    fs.rmSync(beside)
  })

  test('stops a question that it does not want answered any more, and goes on', async () => {
    const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n'
    const from = performance.now()
    const abort = new AbortController()
    const asked = client.callTool({ name: 'sql', arguments: { tape: file, sql: endless } }, undefined, {
      signal: abort.signal,
    })
    setTimeout(() => abort.abort('enough'), 300)
    await expect(asked).rejects.toThrow(/enough/)
    expect((await ask('sql', { tape: file, sql: 'SELECT 1 AS one' })).text).toContain('"one": 1')
    expect(performance.now() - from).toBeLessThan(9_000)
  })

  test('is told of a tape that lacks its log, behind an answer that is whole', async () => {
    const before = fs.readFileSync(other)
    fs.writeFileSync(other, Buffer.from(before).fill(2, 18, 20)) // in WAL mode, by the head of the file
    const { text, isError } = await ask('runs')
    fs.writeFileSync(other, before)
    const [answer = '', note] = text.split(/\n(?=note: )/)
    expect(JSON.parse(answer)).toMatchObject({ tapes: [{ tape: file }, { tape: other }] })
    expect([isError, note]).toEqual([
      false,
      expect.stringMatching(/other\.tape is in WAL mode .* newest events/),
    ])
  })

  test('hears of an unknown tool and an unknown method by their codes', async () => {
    await expect(client.callTool({ name: 'delete' })).rejects.toMatchObject({ code: -32602 })
    await expect(client.callTool({ name: '__proto__' })).rejects.toMatchObject({ code: -32602 })
    await expect(client.listResources()).rejects.toThrow()
  })
})

test('functions of the user are known when the user says so', async () => {
  const own = path.join(folder, 'own.tape')
  await writeTapeOfOwnFunction(own)
  const module = path.join(folder, 'twice.mjs')
  writeModule(module, 2, 2)
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'gradient', arguments: {} } }
  const [without, withIt] = await Promise.all([
    answersTo(JSON.stringify(call), 65_536, [own]),
    answersTo(JSON.stringify(call), 65_536, [own, '--import', module]),
  ])
  expect(without.messages).toMatchObject([{ result: { isError: true } }])
  expect(JSON.stringify(without.messages)).toContain('UNREGISTERED_FUNC')
  expect(withIt.messages).toMatchObject([{ result: { isError: false } }])
})

interface Message {
  id?: unknown
  error?: { code: number; message: string }
  result?: unknown
}

/** What the server answers to raw bytes; they come in pieces. */
function answersTo(
  input: string | Buffer,
  piece = 65_536,
  args: readonly string[] = [file],
): Promise<{ messages: Message[]; status: number | null }> {
  const child = spawn(process.execPath, [MAIN, 'mcp', ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const bytes = Buffer.from(input)
  for (let at = 0; at < bytes.length; at += piece) child.stdin.write(bytes.subarray(at, at + piece))
  child.stdin.end()
  return new Promise((resolve) =>
    child.on('close', (status) =>
      resolve({
        status,
        messages: out
          .trim()
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Message),
      }),
    ),
  )
}

const ping = (id: unknown) => `${JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' })}\n`

describe('whoever sends anything else', { timeout: 60_000 }, () => {
  test('has the error of the protocol, and the next message is answered', async () => {
    const bad: [string, number][] = [
      ['{"jsonrpc": "2.0", "id": 1,', -32700],
      ['nonsense', -32700],
      ['\u0000\u0001', -32700],
      ['[]', -32600],
      ['7', -32600],
      ['null', -32600],
      ['{"id": 1, "method": "ping"}', -32600],
      ['{"jsonrpc": "2.0", "id": {}, "method": "ping"}', -32600],
      ['{"jsonrpc": "2.0", "id": 2, "method": 7}', -32600],
      ['{"jsonrpc": "2.0", "id": 3, "method": "ping", "params": [1]}', -32602],
      ['{"jsonrpc": "2.0", "id": 4, "method": "constructor"}', -32601],
      ['{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": 5}}', -32602],
      [`${'['.repeat(100_000)}`, -32700],
      [
        JSON.stringify({ jsonrpc: '2.0', id: 6, method: 'ping', params: { long: 'x'.repeat(5 * 2 ** 20) } }),
        -32600,
      ],
    ]
    const { messages, status } = await answersTo(`${bad.map(([line]) => line).join('\n')}\n\n${ping('last')}`)
    expect(messages.flatMap(({ error }) => (error === undefined ? [] : [error.code]))).toEqual(
      bad.map(([, code]) => code),
    )
    expect(messages.at(-1)).toEqual({ jsonrpc: '2.0', id: 'last', result: {} })
    expect(status).toBe(0)
  })

  test('may send it in any pieces, without a last line end, with letters cut in two', async () => {
    const call = {
      jsonrpc: '2.0',
      id: 'ü',
      method: 'tools/call',
      params: { name: 'runs', arguments: { tape: '🦉' } },
    }
    const { messages } = await answersTo(JSON.stringify(call), 7)
    expect(messages).toMatchObject([{ id: 'ü', result: { isError: true } }])
    expect(JSON.stringify(messages)).toContain('🦉')
  })

  test('in lists, as older versions of the protocol have them', async () => {
    const { messages } = await answersTo(
      `[${ping(1)},${ping(2)},{"jsonrpc":"2.0","method":"notifications/initialized"}]`.replaceAll('\n', ''),
    )
    expect(messages).toEqual([
      [
        { jsonrpc: '2.0', id: 1, result: {} },
        { jsonrpc: '2.0', id: 2, result: {} },
      ],
    ])
  })

  test('gets a version of the protocol that both know, or the newest', async () => {
    const initialize = (id: number, protocolVersion: unknown) =>
      `${JSON.stringify({ jsonrpc: '2.0', id, method: 'initialize', params: { protocolVersion } })}\n`
    const { messages } = await answersTo(
      initialize(1, '2024-11-05') + initialize(2, '1999-01-01') + initialize(3, 7),
    )
    expect(messages.map(({ result }) => (result as { protocolVersion: string }).protocolVersion)).toEqual([
      '2024-11-05',
      '2025-11-25',
      '2025-11-25',
    ])
  })

  test('does not use one id for two requests that are under way, and not more than some at once', async () => {
    const written: Message[] = []
    const open: (() => void)[] = []
    const rpc = new JsonRpc(
      () => new Promise((resolve) => open.push(() => resolve({}))),
      (line) => written.push(JSON.parse(line) as Message),
    )
    rpc.read(ping(1) + ping(1))
    for (let id = 2; id <= 300; id++) rpc.read(ping(id))
    await Promise.resolve()
    rpc.cancel(2)
    for (const go of open) go()
    await rpc.end()
    const codes = new Map<number, number>()
    for (const { error } of written)
      if (error !== undefined) codes.set(error.code, (codes.get(error.code) ?? 0) + 1)
    expect([...codes].sort()).toEqual([
      [-32600, 1],
      [-32603, 300 - 256],
    ])
    // 256 were under way, and nobody wants the answer to one of them.
    expect(written.filter(({ result }) => result !== undefined)).toHaveLength(255)
  })
})

test('whatever bytes come, every whole request is answered once', async () => {
  const garbage = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.json({ maxDepth: 2 }),
    fc.constantFrom('{', '[]', '[[]]', '{"jsonrpc":"2.0"}', '\r', '\u2028'),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(garbage, { maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      async (lines, piece) => {
        const written: unknown[] = []
        const rpc = new JsonRpc(
          async () => ({}),
          (line) => written.push(JSON.parse(line)),
        )
        const clean = lines.map((line) => line.replaceAll('\n', ' '))
        const input = clean.flatMap((line, i) => [line, ping(`id ${i}`).trim()]).join('\n')
        for (let at = 0; at < input.length; at += piece) rpc.read(input.slice(at, at + piece))
        await rpc.end()
        for (const i of lines.keys())
          expect(written.filter((answer) => (answer as Message).id === `id ${i}`)).toHaveLength(1)
      },
    ),
    { numRuns: 200 },
  )
})

test('gradtape mcp refuses a tape that is not there, and prints its tools with --json', async () => {
  expect((await gradtape('mcp', path.join(folder, 'none.tape'))).stderr).toMatch(/^TAPE_NOT_FOUND/)
  const { tools } = await gradtapeJson<{ tools: { name: string }[] }>('mcp', file)
  expect(tools.map(({ name }) => name)).toContain('why')
})
