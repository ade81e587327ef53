// What was measured, as a table, as JSON, and against a run of before. Knows nothing of how it was measured.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { median, moreIsBetter, OURS, type Sample, type Unit } from './workload.js'

const BASELINES = fileURLToPath(new URL('../../../scripts/bench/baselines/', import.meta.url))
/** Smaller changes are not called faster or slower: rounds of one program differ by as much. */
const NOISE = 0.1

export interface Result {
  work: string
  who: string
  measure: string
  unit: Unit
  /** The median over the rounds. */
  value: number
  rounds: number[]
}

export interface Report {
  when: string
  /** `load`: processes that wanted to run, in the last five minutes; one of them was the benchmark. */
  machine: { cpu: string; cores: number; load: number; node: string; platform: string }
  quick: boolean
  results: Result[]
}

/** Collects the samples of all rounds. */
export class Results {
  private readonly found = new Map<string, Result>()

  add(work: string, samples: readonly Sample[]): void {
    for (const { who, measure, unit, value } of samples) {
      const key = keyOf({ work, who, measure })
      const result = this.found.get(key) ?? { work, who, measure, unit, value, rounds: [] }
      result.rounds.push(value)
      result.value = median(result.rounds)
      this.found.set(key, result)
    }
  }

  report(quick: boolean): Report {
    const processors = cpus()
    return {
      when: new Date().toISOString(),
      machine: {
        cpu: processors[0]?.model ?? 'unknown',
        cores: processors.length,
        load: loadavg()[1] ?? 0,
        node: process.versions.node,
        platform: `${platform()}-${arch()}`,
      },
      quick,
      results: [...this.found.values()],
    }
  }
}

/** Ours, and each peer's number with how many times ours it is, as a Markdown table. */
export function resultTable({ results }: Report): string {
  const peers = [...new Set(results.map(({ who }) => who))].filter((who) => who !== OURS)
  const rows = [...new Set(results.map(({ work, measure }) => JSON.stringify([work, measure])))].map(
    (key) => {
      const [work, measure] = JSON.parse(key) as [string, string]
      const at = (who: string) =>
        results.find((r) => r.work === work && r.measure === measure && r.who === who)
      const ours = at(OURS)
      return [
        work,
        measure,
        ours === undefined ? '' : withUnit(ours),
        ...peers.map((who) => {
          const peer = at(who)
          if (peer === undefined) return ''
          return ours === undefined
            ? withUnit(peer)
            : `${shown(peer.value)} (${factor(peer.value / ours.value)})`
        }),
      ]
    },
  )
  return table(['work', 'measure', OURS, ...peers.map((who) => `${who} (× ${OURS})`)], rows)
}

/** Before and after, for what both measured. */
export function comparisonTable(before: Report, after: Report): string {
  const known = new Map(before.results.map((result) => [keyOf(result), result]))
  const rows = after.results.flatMap((result) => {
    const old = known.get(keyOf(result))
    if (old === undefined) return []
    const ratio = result.value / old.value
    const gain = moreIsBetter(result.unit) ? ratio : 1 / ratio
    const word = gain > 1 + NOISE ? 'better' : gain < 1 / (1 + NOISE) ? 'worse' : ''
    return [[result.work, result.who, result.measure, withUnit(old), withUnit(result), factor(ratio), word]]
  })
  return table(['work', 'who', 'measure', 'before', 'after', 'after / before', ''], rows, 3)
}

export function saveBaseline(name: string, report: Report): string {
  mkdirSync(BASELINES, { recursive: true })
  const path = baselinePath(name)
  writeJson(path, report)
  return path
}

/** Null when there is none of that name. */
export function readBaseline(name: string): Report | null {
  const path = baselinePath(name)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Report) : null
}

export function baselineNames(): string[] {
  if (!existsSync(BASELINES)) return []
  return readdirSync(BASELINES).flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -5)] : []))
}

export function writeJson(path: string, report: Report): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(report, null, 1)}\n`)
}

function baselinePath(name: string): string {
  if (!/^[\w.-]+$/.test(name))
    throw new Error(`expected a baseline's name of letters, digits, . _ -, got "${name}"`)
  return join(BASELINES, `${name}.json`)
}

function keyOf({ work, who, measure }: Pick<Result, 'work' | 'who' | 'measure'>): string {
  return JSON.stringify([work, who, measure])
}

function withUnit({ value, unit }: { value: number; unit: Unit }): string {
  return `${shown(value)} ${unit}`
}

function shown(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { maximumFractionDigits: digits })
}

function factor(ratio: number): string {
  return `${ratio >= 100 ? ratio.toFixed(0) : ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2)} ×`
}

/** The first columns hold words, the others numbers. Columns as wide as they need, so that the Markdown reads well unrendered too. */
function table(titles: readonly string[], rows: readonly (readonly string[])[], words = 2): string {
  const widths = titles.map((title, i) =>
    Math.max(title.length, 3, ...rows.map((row) => row[i]?.length ?? 0)),
  )
  const lineOf = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i < words ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i < words ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [lineOf(titles), rule, ...rows.map(lineOf)].join('\n')
}
