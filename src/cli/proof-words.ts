/** What computing runs again came to, in lines for people. */
import type { Machine, RunProof } from '../debug/recompute.js'
import { paint } from './paint.js'
import { oneLine } from './table.js'
import { countText, indented, plural, siteWords } from './words.js'

/** Shown of a list of drawn steps; --json has all. */
const STEPS_SHOWN = 20

export function proofLines(proof: RunProof): string {
  const { run, verdict, kernel, recordedOn, computedOn, skipped, drawn } = proof
  const head = `run ${run.id}, ${oneLine(run.name)}: ${verdictText(proof)}`
  const lines: string[] = []
  if (proof.divergence !== null) lines.push(...divergenceLines(proof.divergence))
  if (drawn !== null && verdict !== 'not-checked') {
    const shown = drawn.steps.slice(0, STEPS_SHOWN).join(', ')
    lines.push(
      `drawn with seed ${drawn.seed}: ${plural(drawn.steps.length, 'step')} ${shown}${drawn.steps.length > STEPS_SHOWN ? ' …' : ''}`,
    )
  }
  lines.push(
    `${countText(proof.events)} of ${plural(proof.eventsTotal, 'event')} and ${countText(proof.steps)} of ${plural(proof.stepsTotal, 'step')} computed again, ${
      kernel.used === null
        ? `none of them here (kernel ${kernel.recorded})`
        : kernel.used === kernel.recorded
          ? `kernel ${kernel.used}`
          : `kernel ${kernel.used}; the run has ${kernel.recorded}, which is not here`
    }`,
    `recorded on ${machineText(recordedOn)}; computed on ${sameMachine(recordedOn, computedOn) ? 'the same' : machineText(computedOn)}`,
    ...skipped.map(({ what, why }) => `not looked at: ${what}: ${oneLine(why)}`),
  )
  return `${head}\n${indented(lines.join('\n'))}`
}

function verdictText({ verdict, distance }: RunProof): string {
  if (verdict === 'bit-exact') return paint('green', 'bit-exact')
  if (verdict === 'diverged') return paint('red', 'diverged')
  if (verdict === 'not-checked') return paint('yellow', 'not checked')
  if (distance === null) return paint('green', 'within 0 ulp')
  const { ulps, what, position, step } = distance
  return `${paint('green', `within ${ulpText(ulps)} ulp`)} (the most in ${what}, position ${position}, step ${step})`
}

function ulpText(ulps: number): string {
  return ulps < 10 ? String(Number(ulps.toPrecision(2))) : countText(Math.ceil(ulps))
}

function divergenceLines({
  position,
  step,
  what,
  part,
  element,
  expected,
  got,
  site,
}: NonNullable<RunProof['divergence']>): string[] {
  const array = part === null || part === 0 ? '' : `, array ${part}`
  const where = element === null || element.length === 0 ? '' : `, element [${element.join(', ')}]`
  return [
    `first difference at position ${position}, step ${step}: ${what}${array}${where}${site === null ? '' : `  ${siteWords(site)}`}`,
    `recorded  ${oneLine(expected)}`,
    `computed  ${oneLine(got)}`,
  ]
}

function machineText({ platform, node, host }: Machine): string {
  return `${oneLine(platform)}, Node ${oneLine(node)}, host ${oneLine(host)}`
}

function sameMachine(a: Machine, b: Machine): boolean {
  return a.platform === b.platform && a.node === b.node && a.v8 === b.v8 && a.host === b.host
}
