/** The quick examples run as their readers run them, and print the numbers of the book. */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const RUNNER = fileURLToPath(new URL('../.build/scripts/examples.js', import.meta.url))
const SOURCES = fileURLToPath(new URL('../scripts/examples/', import.meta.url))

let folder: string

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-examples-test-'))
})

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

interface Ended {
  status: number
  stdout: string
  stderr: string
}

function examples(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [RUNNER, ...args], (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ status, stdout, stderr })
    })
  })
}

/** What one example printed, its tape kept. */
async function printed(name: string): Promise<string> {
  const { status, stdout, stderr } = await examples(name, '--folder', folder)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toContain('Asked of the tape: ')
  return stdout
}

const numbersIn = (text: string) => (text.match(/-?\d+\.\d+(?:e-?\d+)?/g) ?? []).map(Number)

describe('the guided series', () => {
  test('begins with the derivative of (exp(x²))², live and from the file', async () => {
    const text = await printed('square-exp-square')
    expect(text).toContain('y = 1.648721270700128, dy/dx = 3.297442541400256')
    expect(text).toContain('dy/dx = 3.297442541400256; the run replays bit-exact')
  })

  test('computes the sine and its derivative from as many Taylor terms as the accuracy needs', async () => {
    const text = await printed('02')
    expect(text).toContain('sin(π/4) ≈ 0.7071064695751781  cos(π/4) ≈ 0.7071032148228457')
    expect(text).toMatch(/to 0\.0001 +4 +11\n/)
    expect(fs.readFileSync(path.join(folder, 'taylor-0.0001.svg'), 'utf8')).toContain('>pow<')
  })

  test("has Rosenbrock's gradient at (0, 2), and comes near the minimum", async () => {
    const text = await printed('rosenbrock')
    expect(text).toContain('the gradient at (0, 2) is (-2, 400)')
    const [, x0 = 0, x1 = 0] = /step 10000 {2}\((\S+), (\S+)\)/.exec(text)?.map(Number) ?? []
    expect(Math.hypot(x0 - 1, x1 - 1)).toBeLessThan(0.02)
  })

  test("prints Newton's steps as the book does", async () => {
    const text = await printed('4')
    const steps = [...text.matchAll(/^ {3}(\d) (\S+)$/gm)].map(([, i, x]) => [i, x])
    expect(steps).toEqual([
      ['0', '2.0'],
      ['1', '1.4545454545454546'],
      ['2', '1.1510467893775467'],
      ['3', '1.0253259289766978'],
      ['4', '1.0009084519430513'],
      ['5', '1.0000012353089454'],
      ['6', '1.000000000002289'],
      ['7', '1.0'],
      ['8', '1.0'],
      ['9', '1.0'],
    ])
    expect(text).toContain('the run replays bit-exact')
  })

  test('takes six derivatives of tanh and draws the graph of the sixth', async () => {
    const text = await printed('tanh-derivatives')
    for (let order = 1; order <= 7; order++) {
      const line = new RegExp(`order ${order}: (.*)`).exec(text)?.[1] ?? ''
      const [derivative = Number.NaN, exact = 0] = numbersIn(line)
      expect(Math.abs(derivative - exact)).toBeLessThan(1e-10)
    }
    const svg = fs.readFileSync(path.join(folder, 'tanh-6.svg'), 'utf8')
    expect(svg.match(/class="node"/g)?.length).toBeGreaterThan(400)
    expect(svg).toContain('>tanh<')
  })

  test('learns digits, and measures on the tape what nobody measured while it learnt', async () => {
    const text = await printed('digits-mlp')
    const shares = [...text.matchAll(/weights of step +\d+ {2}(\S+) %/g)].map(([, share]) => Number(share))
    expect(shares[0]).toBeLessThan(30)
    expect(shares.at(-1)).toBeGreaterThan(88)
    expect(text).toMatch(/07-digits-mlp .* bit-exact\n/)
  })
})

describe('npm run examples', () => {
  test('ends with a table of what ran', async () => {
    const { status, stdout } = await examples('newton', '01')
    expect(status).toBe(0)
    const table = stdout.slice(stdout.indexOf('Examples  2 of '))
    expect(table).toMatch(/example +seconds +events +MB +replay/)
    expect(table).toMatch(/04-newton +\d+\.\d +\d+ +\d+\.\d +bit-exact/)
    expect(table).toMatch(/01-square-exp-square +\d+\.\d +\d+ +\d+\.\d +bit-exact/)
    expect(table).toContain('the tapes are gone')
  })

  test('says which examples there are', async () => {
    const files = fs.readdirSync(SOURCES).filter((file) => /^\d\d-/.test(file))
    expect(files.length).toBeGreaterThanOrEqual(11)
    const { status, stderr } = await examples('newtown')
    expect(status).toBe(1)
    expect(stderr).toContain('expected an example, got "newtown"')
    for (const file of files) expect(stderr).toContain(file.replace(/\.ts$/, ''))
  })
})
