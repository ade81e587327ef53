// The shell of `gradtape sql`: statements over several lines, completion, commands; and on a terminal, where history lasts.
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type ShellSettings, SqlShell } from '../../src/cli/sql-shell.js'
import { openTape } from '../../src/index.js'
import { viewDocs } from '../../src/queries/schema.js'
import { Views } from '../../src/queries/views.js'
import { newTapePath } from '../tape/temporary-tape.js'

function tapeFile(): string {
  const file = newTapePath()
  const tape = openTape(file)
  const run = tape.startRun('shell')
  run.log({ loss: 0.5 })
  run.end('finished', null)
  tape.close()
  return file
}

function shellOn(file: string): { shell: SqlShell; asked: [string, ShellSettings][] } {
  const views = new Views(file)
  const docs = viewDocs(views)
  views.close()
  const asked: [string, ShellSettings][] = []
  const shell = new SqlShell(docs, { format: 'table', limit: undefined }, async (sql, settings) => {
    asked.push([sql, { ...settings }])
  })
  return { shell, asked }
}

describe('lines', () => {
  test('become a statement at a semicolon, and are printed as was said last', async () => {
    const { shell, asked } = shellOn(tapeFile())
    for (const line of ['', 'SELECT 1,', "  ';' AS x", '  ; ', '.format line', '.limit 3', 'SELECT 2;'])
      expect(await shell.take(line)).toBe(true)
    for (const line of ['-- not yet', "SELECT 'a;", "b' -- c;", '; -- end', 'SELECT 3; /* d */'])
      expect(await shell.take(line)).toBe(true)
    expect(asked).toEqual([
      ["SELECT 1,\n  ';' AS x\n  ; ", { format: 'table', limit: undefined }],
      ['SELECT 2;', { format: 'line', limit: 3 }],
      ["SELECT 'a;\nb' -- c;\n; -- end", { format: 'line', limit: 3 }],
      ['SELECT 3; /* d */', { format: 'line', limit: 3 }],
    ])
    await shell.take('SELECT')
    expect(shell.isInStatement).toBe(true)
    shell.drop()
    expect(shell.isInStatement).toBe(false)
    expect(await shell.take('.quit')).toBe(false)
  })

  test.each([
    ['.formt csv', /there is no command \.formt; did you mean \.format\?/],
    ['.format x', /\.format expected table, line, csv/],
    ['.format parquet', /\.format expected table, line, csv/],
    ['.limit 0', /\.limit expected a number of rows from 1, got 0/],
    ['.views nothing', /there is no view nothing/],
  ])('%s is told what is expected', async (line, words) => {
    const { shell } = shellOn(tapeFile())
    await expect(shell.take(line)).rejects.toThrow(words)
    expect(await shell.take('.views metric')).toBe(true)
  })
})

test('words are completed from what the statement names', async () => {
  const { shell } = shellOn(tapeFile())
  const of = (line: string) => shell.complete(line)
  expect(of('SELECT * FROM met')).toEqual([['metric'], 'met'])
  expect(of('select non_fin')[0]).toEqual([])
  expect(of('SELECT name FROM metric WHERE non_fin')).toEqual([['non_finite'], 'non_fin'])
  expect(of('SELECT m.val')[0].length).toBeGreaterThan(1)
  expect(of('SELECT 1 FROM metric m WHERE m.val')).toEqual([['m.value'], 'm.val'])
  expect(of('SELECT 1 FROM metric AS q JOIN run r WHERE q.non')).toEqual([['q.non_finite'], 'q.non'])
  expect(of('.for')).toEqual([['.format'], '.for'])
  expect(of('.format nd')).toEqual([['ndjson'], 'nd'])
  expect(of('SELECT tensor_n')[0]).toContain('tensor_norm(')
  await shell.take('SELECT *')
  await shell.take('FROM gradient')
  expect(of('WHERE nan_c')).toEqual([['nan_count'], 'nan_c'])
})

test('what is no plain word in a file is not offered to the terminal', () => {
  const column = { name: 'a', type: 'TEXT', doc: '' }
  const hostile = [
    { name: '\u001b[2Jx', doc: '', columns: [column] },
    { name: 'good', doc: '', columns: [column] },
  ]
  const shell = new SqlShell(hostile as never, { format: 'table', limit: undefined }, async () => {})
  expect(shell.complete('SELECT * FROM ')).toEqual([['good'], ''])
})

/** Types keys into a terminal, each after a text came; it ends after a while whatever happens, and so does the program. */
const TERMINAL = `
import json, os, pty, select, signal, sys, time
keys, program = json.loads(sys.argv[1]), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0: os.execv(program[0], program)
deadline = time.time() + 40
said, at = b'', 0
def more():
    global said
    if not select.select([fd], [], [], 0.2)[0]: return True
    try: piece = os.read(fd, 65536)
    except OSError: return False
    said += piece
    return piece != b''
for wait, key in keys:
    text = wait.encode()
    while text not in said[at:] and time.time() < deadline:
        if not more(): break
    found = said.find(text, at)
    if found < 0:
        print('never came:', wait)
        break
    at = found + len(text)
    os.write(fd, key.encode())
else:
    while time.time() < deadline and more(): pass
done, status = os.waitpid(pid, os.WNOHANG)
end = time.time() + 5
while done == 0 and time.time() < end:
    time.sleep(0.05)
    done, status = os.waitpid(pid, os.WNOHANG)
if done == 0:
    os.kill(pid, signal.SIGKILL)
    done, status = os.waitpid(pid, 0)
print(said.decode('utf8', 'replace'))
print('ended with', os.waitstatus_to_exitcode(status))
`
const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const hasTerminal = spawnSync('python3', ['-c', 'import pty']).status === 0
const ENDLESS = 'WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;'

test.skipIf(!hasTerminal)(
  'on a terminal: Tab, mistakes, Ctrl-C, and a history for the next time',
  () => {
    const file = tapeFile()
    const state = path.dirname(file)
    const talk = (keys: [after: string, type: string][]) =>
      execFileSync('python3', ['-c', TERMINAL, JSON.stringify(keys), process.execPath, CLI, 'sql', file], {
        encoding: 'utf8',
        timeout: 55_000,
        env: { ...process.env, XDG_STATE_HOME: state, TERM: 'xterm' },
      })
    const first = talk([
      ['gradtape> ', 'SELECT name, value FROM metr'],
      ['FROM metr', '\t'],
      ['ic', ';\r'],
      ['0.5', ''],
      ['gradtape> ', 'SELECT nowhere FROM run;\r'],
      ['no such column: nowhere', ''],
      ['gradtape> ', `${ENDLESS}\r\u0003`],
      ['SQL_', ''],
      ['gradtape> ', 'SELECT half'],
      ['half', '\u0003'],
      ['gradtape> ', '.quit\r'],
    ])
    expect(first).not.toContain('never came')
    expect(first).toContain('ended with 0')
    const history = path.join(state, 'gradtape', 'sql-history')
    expect(fs.readFileSync(history, 'utf8').split('\n').slice(0, 2)).toEqual([
      'SELECT name, value FROM metric;',
      'SELECT nowhere FROM run;',
    ])
    expect(fs.statSync(history).mode & 0o077).toBe(0)
    const second = talk([
      ['gradtape> ', '\u001b[A\u001b[A\u001b[A\u001b[A\r'],
      ['0.5', ''],
      ['gradtape> ', '\u0004'],
    ])
    expect(second).not.toContain('never came')
    expect(second).toContain('ended with 0')
  },
  120_000,
)
