/** A report as one HTML page that holds all that it needs: it opens without a network and is read without a script. */
import type { Finding } from '../detectors/finding.js'
import { plainToText } from '../events/plain.js'
import { markup, text } from './markup.js'
import { numberText } from './number-text.js'
import { curveSvg, curveWords, flowSvg } from './report-drawing.js'
import type { ReportStep, RunReport } from './run-report.js'

const LIST_MAX = 100
const FINDINGS_MAX = 50

/** The page, as a text. */
export function reportHtml(report: RunReport): string {
  const { overview } = report
  const { run } = overview
  const title = `${run.name}, run ${run.id}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="gradtape ${markup(report.engine)}">
<title>${text(title, 200)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${text(title, 200)}</h1>
<p>${answer(report)}</p>
</header>
<main>
${section('Run', facts(report))}
${section('What went wrong', findings(report))}
${report.curves.length === 0 ? '' : section('Curves', curves(report))}
${report.flow.length === 0 ? '' : section('Gradients', flow(report))}
${report.step === null ? '' : section(`Step ${report.step.step}`, stepPart(report.step))}
${section('Configuration', configuration(report))}
${section('Parameters and functions', parts(report))}
${report.notes.length === 0 ? '' : section('Notes', notes(report))}
${section('Proof', proof(report))}
</main>
<footer><p>Made ${markup(report.madeAt)} by gradtape ${markup(report.engine)} from <code>${text(report.tape, 400)}</code>.</p></footer>
</body>
</html>
`
}

function section(title: string, content: string): string {
  return `<section><h2>${text(title, 200)}</h2>\n${content}\n</section>`
}

/** The first line: how it went, in one sentence. */
function answer({ findings, overview, chain, proof }: RunReport): string {
  const { status, steps } = overview.run
  const first = findings.findings.find(({ level }) => level !== 'note')
  const parts = [
    `${status}, ${count(steps, 'step')}`,
    first === undefined ? 'nothing found' : text(first.text, 400),
    ...(chain === null ? [] : [chain.intact ? 'intact' : '<strong class="no">not intact</strong>']),
    ...(proof === null ? [] : [verdictWords(proof)]),
  ]
  return parts.join(' · ')
}

function facts({ overview }: RunReport): string {
  const { run, checkpoints } = overview
  const rows: [string, string][] = [
    ['status', run.error === null ? run.status : `${run.status}: ${run.error}`],
    ['started', `${run.startedAt} on ${run.host}, process ${run.pid}`],
    ['duration', run.elapsedMs === null ? 'no end is recorded' : `${numberText(run.elapsedMs / 1000)} s`],
    ['steps', String(run.steps)],
    ['events', String(run.events)],
    ['seed', String(run.seed)],
    ['capture', typeof run.capture === 'string' ? run.capture : plainToText(run.capture, 'capture')],
    ['kernel', run.kernel],
    ['versions', `gradtape ${run.engine}, Node ${run.node}, V8 ${run.v8}, ${run.platform}`],
    [
      'checkpoints',
      checkpoints.count === 0 ? 'none' : `${checkpoints.count}, the last in step ${checkpoints.lastStep}`,
    ],
  ]
  if (run.parent !== null)
    rows.push([
      'fork of',
      `run ${run.parent.run} at step ${run.parent.step}${run.parent.changes === undefined ? '' : `, changed: ${run.parent.changes.join(', ') || 'nothing'}`}`,
    ])
  return pairs(rows)
}

function findings({ findings: { findings: found, looked, skipped } }: RunReport): string {
  const shown = found.slice(0, FINDINGS_MAX)
  const left = found.length - shown.length
  return `${
    found.length === 0
      ? '<p>Nothing was found.</p>'
      : `<ol class="findings">${shown.map(findingItem).join('\n')}</ol>`
  }${left > 0 ? `<p>And ${left} more: gradtape why.</p>` : ''}
<p class="small">Looked at ${text(looked, 400)}; ${
    skipped.length === 0
      ? 'nothing was left out'
      : `not looked at: ${skipped
          .slice(0, LIST_MAX)
          .map(({ what, why }) => `${text(what, 300)}: ${text(why, 600)}`)
          .join('; ')}`
  }.</p>`
}

function findingItem({ text: words, level, kind, evidence, site, before }: Finding): string {
  const lines = [
    ...evidence.map((line) => text(line, 600)),
    ...(site === null ? [] : [`made at ${text(`${site.file}:${site.line}:${site.column}`, 400)}`]),
    ...(before.length === 0
      ? []
      : [
          `before: ${before
            .slice(-10)
            .map(({ step, value }) => `${numberText(value)} (step ${step})`)
            .join(', ')}`,
        ]),
  ]
  return `<li><p><strong>${text(words, 1_000)}</strong> <span class="kind">${level}, ${text(kind, 60)}</span></p>${
    lines.length === 0 ? '' : `<ul>${lines.map((line) => `<li>${line}</li>`).join('')}</ul>`
  }</li>`
}

function curves(report: RunReport): string {
  const pictures = report.curves.map(
    (curve) =>
      `<h3>${text(curve.name, 200)}</h3>\n<div class="wide" tabindex="0" role="region" aria-label="curve of ${text(curve.name, 200)}">${curveSvg(curve, report.steps)}</div>\n<p class="small">${text(curveWords(curve), 400)}</p>`,
  )
  return `<p class="small">The line goes through means; behind it is all between the smallest and the largest value, so a spike of one step is seen. Marks below a curve are values that are not finite.</p>
${pictures.join('\n')}${report.curvesLeftOut > 0 ? `<p>And ${report.curvesLeftOut} more metrics: gradtape metrics.</p>` : ''}`
}

function flow({ flow: rows, steps, flowLeftOut }: RunReport): string {
  return `<p class="small">The largest Euclidean norm of each variable's gradients in ${count(Math.ceil((steps.last - steps.first + 1) / steps.columns), 'step')} a column, by powers of ten.</p>
<div class="wide" tabindex="0" role="region" aria-label="map of gradients">${flowSvg(rows, steps)}</div>
${table(
  ['variable', 'gradients', 'last norm', 'smallest', 'largest', 'not finite'],
  rows.map(({ name, count: n, last, lowest, highest, nonFinite }) => [
    name,
    String(n),
    numberText(last),
    numberText(lowest),
    numberText(highest),
    String(nonFinite),
  ]),
  'norms of gradients',
)}${flowLeftOut > 0 ? `<p>And ${flowLeftOut} more variables.</p>` : ''}`
}

function stepPart({ step, graph, noGraph, rows }: ReportStep): string {
  const picture =
    graph === null
      ? `<p>No graph: ${text(noGraph ?? '', 600)}</p>`
      : `<div class="wide graph" tabindex="0" role="region" aria-label="graph of step ${step}">${inline(graph, `the computation of the loss of step ${step}`)}</div>`
  const batches =
    rows.length === 0
      ? '<p>No batch of a data set was read in it.</p>'
      : `<h3>Rows of data</h3>${pairs(rows.slice(0, LIST_MAX).map(({ name, count: n, rows: shown }) => [name ?? 'data', `${shown.join(', ')}${n > shown.length ? `, and ${n - shown.length} more` : ''}`]))}`
  return `<h3>Graph</h3>${picture}\n${batches}`
}

/** Graphviz's file as a part of the page: without what a file has before, and with a name. */
function inline(svg: string, label: string): string {
  return svg.slice(svg.indexOf('<svg')).replace('<svg', `<svg role="img" aria-label="${markup(label)}"`)
}

function configuration({ config }: RunReport): string {
  const entries = Object.entries(config)
  if (entries.length === 0) return '<p>The run has none.</p>'
  const rows = entries
    .slice(0, LIST_MAX)
    .map(([key, value]): [string, string] => [
      key,
      typeof value === 'string' ? value : plainToText(value, 'config'),
    ])
  return `${pairs(rows)}${entries.length > LIST_MAX ? `<p>And ${entries.length - LIST_MAX} more.</p>` : ''}`
}

function parts({ overview: { parameters, functions } }: RunReport): string {
  return `${
    parameters.length === 0
      ? '<p>No parameter has a name.</p>'
      : table(
          ['parameter', 'dtype', 'shape'],
          parameters
            .slice(0, LIST_MAX)
            .map(({ name, dtype, shape }) => [name, dtype, `[${shape.join(', ')}]`]),
          'parameters',
        )
  }${parameters.length > LIST_MAX ? `<p>And ${parameters.length - LIST_MAX} more.</p>` : ''}
${
  functions.length === 0
    ? ''
    : table(
        ['function', 'calls'],
        functions.slice(0, LIST_MAX).map(({ name, calls }) => [name, String(calls)]),
        'functions',
      )
}`
}

function notes({ notes: list, notesLeftOut }: RunReport): string {
  return `${table(
    ['step', 'note'],
    list.map(({ step, text: words }) => [String(step), words]),
    'notes',
    'texts',
  )}${notesLeftOut > 0 ? `<p>And ${notesLeftOut} more.</p>` : ''}`
}

function proof({ chain, seals, proof: computed }: RunReport): string {
  const rows: [string, string][] = []
  if (chain === null) rows.push(['chain', 'not walked'])
  else {
    rows.push(
      [
        'chain',
        chain.intact
          ? `intact: ${chain.batches} batches, ${chain.events} events, ${chain.values} values of the whole tape`
          : `not intact: ${chain.problem}`,
      ],
      ['head', chain.head],
    )
  }
  for (const { key, text: words } of seals) rows.push(['seal', `${words}${key === '' ? '' : `; key ${key}`}`])
  if (computed === null) rows.push(['computed again', 'nothing'])
  else {
    rows.push([
      'computed again',
      `${verdictWords(computed)}; ${computed.events} of ${computed.eventsTotal} events, ${computed.steps} of ${computed.stepsTotal} steps, kernel ${computed.kernel.used ?? 'none'}`,
    ])
    if (computed.drawn !== null)
      rows.push([
        'drawn steps',
        `${computed.drawn.steps.slice(0, LIST_MAX).join(', ')} (seed ${computed.drawn.seed})`,
      ])
    const { divergence } = computed
    if (divergence !== null)
      rows.push([
        'first difference',
        `position ${divergence.position}, step ${divergence.step}: ${divergence.what}; recorded ${divergence.expected}, computed ${divergence.got}`,
      ])
    for (const { what, why } of computed.skipped.slice(0, LIST_MAX))
      rows.push(['not looked at', `${what}: ${why}`])
  }
  return pairs(rows)
}

function verdictWords({ verdict, distance, drawn }: NonNullable<RunReport['proof']>): string {
  const of = drawn === null ? '' : ` (${count(drawn.steps.length, 'drawn step')})`
  if (verdict === 'within-ulp') return `within ${numberText(distance?.ulps ?? 0)} ulp${of}`
  return verdict === 'not-checked' ? 'not computed again' : `${verdict}${of}`
}

function pairs(rows: readonly (readonly [string, string])[]): string {
  return `<dl>${rows.map(([key, value]) => `<div><dt>${text(key, 200)}</dt><dd>${text(value)}</dd></div>`).join('\n')}</dl>`
}

function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  caption: string,
  kind: 'numbers' | 'texts' = 'numbers',
): string {
  return `<div class="wide" tabindex="0" role="region" aria-label="${markup(caption)}"><table class="${kind}"><thead><tr>${heads.map((head) => `<th scope="col">${text(head)}</th>`).join('')}</tr></thead>
<tbody>${rows.map((row) => `<tr>${row.map((cell) => `<td>${text(cell, 400)}</td>`).join('')}</tr>`).join('\n')}</tbody></table></div>`
}

function count(n: number, one: string): string {
  return `${n} ${n === 1 ? one : `${one}s`}`
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1c1e21;--dim:#5a6068;--paper:#fff;--rule:#d8dce1;--line:#0b5cad;--band:#9cc4ec;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--dim:#a5acb4;--paper:#15181b;--rule:#363b41;--line:#7fb8f5;--band:#46719c;--bad:#ff8a80}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:800px;margin:0 auto;padding:24px 16px}
h1{font-size:26px;margin:0}h2{font-size:19px;border-bottom:1px solid var(--rule);margin:36px 0 12px}h3{font-size:15px;margin:20px 0 4px}
h1,h2,h3,p,li,td,dd{overflow-wrap:anywhere}
.small{color:var(--dim);font-size:13px}.kind{color:var(--dim);font-size:13px}.no{color:var(--bad)}
dl{margin:0}dl div{display:flex;gap:12px;padding:2px 0}dt{flex:0 0 130px;color:var(--dim);overflow-wrap:anywhere}dd{margin:0;min-width:0}
.wide{overflow-x:auto}table{border-collapse:collapse;margin:10px 0;font-size:13px;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:3px 14px 3px 0;border-bottom:1px solid var(--rule);vertical-align:top}th{color:var(--dim)}td+td,th+th{white-space:nowrap}table.texts td{white-space:normal}
.findings>li{margin:0 0 12px}.findings p{margin:0}.findings ul{margin:2px 0 0;padding-left:20px}
.graph svg{max-width:100%;height:auto}.graph{max-height:640px;overflow:auto;background:#fff;border:1px solid var(--rule)}
.tick{font:11px system-ui,sans-serif;fill:var(--dim)}.grid{stroke:var(--rule);stroke-width:1;fill:none}.line{stroke:var(--line);stroke-width:1.4;fill:none;stroke-linejoin:round}
.band{stroke:var(--band);fill:none}.bad{stroke:var(--bad);stroke-width:1.6;fill:none}
.h0{fill:#440154}.h1{fill:#46327e}.h2{fill:#365c8d}.h3{fill:#277f8e}.h4{fill:#1fa187}.h5{fill:#4ac16d}.h6{fill:#a0da39}.h7{fill:#fde725}.hz{fill:#8a9097}.hx{fill:#d32f2f}
footer{margin-top:36px;color:var(--dim);font-size:13px}
@media print{.wide,.graph{overflow:visible;max-height:none}section{break-inside:avoid-page}}
`
