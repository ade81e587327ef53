/** Graph of a step: scopes and stretches of calls are boxes until they are opened. */
import { useEffect, useState } from 'preact/hooks'
import type { GraphAnswer, GraphBox } from '../../server/api.js'
import { useAnswer } from '../ask.js'
import { forkCommand } from '../fork-command.js'
import type { LayoutAnswer } from '../layered-layout.js'
import { change, linkTo, numberParameter, parameter, route } from '../route.js'
import { currentRun } from '../runs.js'
import { save } from '../save.js'
import { count, number, short } from '../words.js'

const [BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y] = [150, 40, 26, 34]

export function GraphPage() {
  const run = currentRun.value
  const step = Math.min(numberParameter('step') ?? run?.steps ?? 0, run?.steps ?? 0)
  const open = route.value.parameters.getAll('open')
  const { data, error, isWaiting } = useAnswer('graph', run === null ? null : { run: run.key, step, open }, {
    isLive: false,
  })
  const [search, setSearch] = useState('')
  const call = numberParameter('call')
  const found = data === null || search === '' ? [] : data.boxes.filter((box) => matches(box, search))
  return (
    <>
      <h1>{`Graph of step ${count(step)}`}</h1>
      <div class="tools">
        <label>
          Find{' '}
          <input
            type="search"
            value={search}
            placeholder="function, scope or name"
            onInput={(event) => setSearch(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && found[0] !== undefined) change({ call: found[0].position })
            }}
          />
        </label>
        {search !== '' && <span role="status">{`${found.length} found`}</span>}
        <button type="button" onClick={() => change({ open: null })} disabled={open.length === 0}>
          Close all
        </button>
        {data !== null && (
          <span class="quiet">
            {`${count(data.calls)} calls, ${count(data.boxes.length)} boxes, positions ${count(data.firstPosition)} to ${count(data.lastPosition)}`}
            {data.leftOut === null ? '' : `; not shown: ${data.leftOut}`}
          </span>
        )}
        {data !== null && (
          <button type="button" onClick={saveSvg}>
            Save as SVG
          </button>
        )}
      </div>
      {error !== null && <p role="alert">{error}</p>}
      {data === null && isWaiting && <p role="status">reading…</p>}
      <div class="beside">
        {data !== null && data.boxes.length === 0 && <p>This step made no calls.</p>}
        {data !== null && data.boxes.length > 0 && (
          <Drawing data={data} found={found} open={open} call={call} />
        )}
        {run !== null && call !== null && <CallPanel run={run.key} position={call} />}
      </div>
      {run !== null && step > 0 && (
        <p class="quiet">
          Fork from here: <code>{forkCommand(run.key, step, call)}</code>
        </p>
      )}
    </>
  )
}

function matches({ title, detail, id }: GraphBox, search: string): boolean {
  return `${title} ${detail} ${id}`.toLowerCase().includes(search.toLowerCase())
}

let worker: Worker | null = null
let lastId = 0

/** Where the boxes stand; null until it is known. */
function useLayout(data: GraphAnswer): LayoutAnswer | null {
  const [placed, setPlaced] = useState<{ of: GraphAnswer; layout: LayoutAnswer } | null>(null)
  useEffect(() => {
    worker ??= new Worker(new URL('../layout-worker.ts', import.meta.url), { type: 'module' })
    const id = ++lastId
    const edges = new Int32Array(data.edges.flatMap(({ from, to }) => [from, to]))
    const take = ({ data: answer }: MessageEvent<LayoutAnswer & { id: number }>) => {
      if (answer.id === id) setPlaced({ of: data, layout: answer })
    }
    worker.addEventListener('message', take)
    worker.postMessage({ id, nodes: data.boxes.length, edges })
    return () => worker?.removeEventListener('message', take)
  }, [data])
  return placed?.of === data ? placed.layout : null
}

function Drawing({
  data,
  found,
  open,
  call,
}: {
  data: GraphAnswer
  found: readonly GraphBox[]
  open: readonly string[]
  call: number | null
}) {
  const layout = useLayout(data)
  if (layout === null) return <p role="status">drawing…</p>
  const least = layout.x.reduce((low, x) => Math.min(low, x), 0)
  const most = layout.x.reduce((high, x) => Math.max(high, x), 0)
  const depth = layout.layer.reduce((high, at) => Math.max(high, at), 0)
  const left = (i: number) => (layout.x[i]! - least) * (BOX_WIDTH + GAP_X) + 10
  const top = (i: number) => layout.layer[i]! * (BOX_HEIGHT + GAP_Y) + 10
  const width = (most - least + 1) * (BOX_WIDTH + GAP_X) + 20
  const height = (depth + 1) * (BOX_HEIGHT + GAP_Y) + 10
  const isFound = new Set(found.map(({ id }) => id))
  const act = (box: GraphBox) => {
    if (box.isGroup) change({ open: [...open, box.id] })
    else change({ call: box.position })
  }
  return (
    <div class="graph">
      {data.open.length > 0 && (
        <p class="open">
          open:{' '}
          {data.open.map((id) => (
            <button
              key={id}
              type="button"
              onClick={() => change({ open: open.filter((each) => each !== id) })}
            >
              {short(id.slice(2), 30)} ✕
            </button>
          ))}
        </p>
      )}
      <div class="scroll graph-scroll">
        <svg id="graph-drawing" width={width} height={height} role="group" aria-label="Graph">
          <defs>
            <marker
              id="tip"
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="7"
              markerHeight="7"
              orient="auto"
            >
              <path class="tip" d="M0 0 8 4 0 8z" />
            </marker>
          </defs>
          {data.edges.map(({ from, to, count: reads, text }) => (
            <path
              key={`${from} ${to}`}
              class={`edge${data.boxes[from]!.isNonFinite ? ' bad' : ''}`}
              d={curveBetween(left(from) + BOX_WIDTH / 2, top(from), left(to) + BOX_WIDTH / 2, top(to))}
              marker-end="url(#tip)"
            >
              <title>{`${reads > 1 ? `${reads} × ` : ''}${text}`}</title>
            </path>
          ))}
          {data.boxes.map((box, i) => (
            <g
              key={box.id}
              role="button"
              tabindex={0}
              class={`box ${box.kind}${box.isNonFinite ? ' bad' : ''}${isFound.has(box.id) ? ' found' : ''}${box.position === call && !box.isGroup ? ' chosen' : ''}`}
              transform={`translate(${left(i)} ${top(i)})`}
              onClick={() => act(box)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' && event.key !== ' ') return
                event.preventDefault()
                act(box)
              }}
            >
              <rect
                width={BOX_WIDTH}
                height={BOX_HEIGHT}
                rx={box.kind === 'leaf' || box.kind === 'gradient' ? 20 : 5}
              />
              <text x={BOX_WIDTH / 2} y={17}>
                {titleOf(box)}
              </text>
              <text class="detail" x={BOX_WIDTH / 2} y={32}>
                {short(box.detail, 23)}
              </text>
            </g>
          ))}
        </svg>
      </div>
    </div>
  )
}

function titleOf({ isGroup, title }: GraphBox): string {
  return `${isGroup ? '▸ ' : ''}${short(title, 18)}`
}

function curveBetween(x1: number, y1: number, x2: number, y2: number): string {
  const from = y1 + BOX_HEIGHT
  if (y2 > y1) return `M${x1} ${from}C${x1} ${from + GAP_Y * 0.6} ${x2} ${y2 - GAP_Y * 0.6} ${x2} ${y2 - 1}`
  // Back up, which only groups make: around the side.
  const side = Math.max(x1, x2) + BOX_WIDTH * 0.7
  return `M${x1} ${from}C${side} ${from + GAP_Y} ${side} ${y2 - GAP_Y} ${x2} ${y2 - 1}`
}

function CallPanel({ run, position }: { run: string; position: number }) {
  const { data, error } = useAnswer('call', { run, position }, { isLive: false })
  return (
    <aside class="panel" aria-label="Call">
      <button type="button" class="close" aria-label="Close the call" onClick={() => change({ call: null })}>
        ✕
      </button>
      {error !== null && <p role="alert">{error}</p>}
      {data !== null && (
        <>
          <h2>{`#${data.position} ${data.function ?? data.type}`}</h2>
          <dl>
            {data.scope !== null && [<dt key="scope">scope</dt>, <dd key="in">{short(data.scope, 200)}</dd>]}
            {data.site !== null && [
              <dt key="site">called from</dt>,
              <dd key="at">{short(data.site, 300)}</dd>,
            ]}
            {data.attributes !== null && [
              <dt key="attributes">attributes</dt>,
              <dd key="are">{short(data.attributes, 300)}</dd>,
            ]}
            <dt>reads</dt>
            <dd>
              {data.inputs.length === 0
                ? 'nothing'
                : data.inputs.map((input, i) => (
                    <div key={i}>
                      <button
                        type="button"
                        class="plain link"
                        onClick={() => change({ call: input.position })}
                      >
                        <bdi>{short(input.label, 40)}</bdi>
                      </button>{' '}
                      {input.form}
                    </div>
                  ))}
            </dd>
            <dt>makes</dt>
            <dd>
              {data.outputs.length === 0 ? (
                <a href={linkTo('tensor', { variable: `#${data.position}`, step: parameter('step') })}>
                  see its value
                </a>
              ) : (
                data.outputs.map((output) => (
                  <div key={output.slot}>
                    <a href={linkTo('tensor', { variable: `#${output.position}.${output.slot}` })}>
                      <bdi>{short(output.label, 40)}</bdi>
                    </a>{' '}
                    {output.form} {output.value}{' '}
                    {output.l2Norm === null ? '' : `‖·‖ ${number(output.l2Norm)}`}
                  </div>
                ))
              )}
            </dd>
            <dt>gradient</dt>
            <dd>
              {data.gradients.length === 0
                ? 'none recorded in this step'
                : data.gradients.map((gradient, i) => (
                    <div key={i}>
                      {`‖g‖ ${number(gradient.l2Norm)}, zeros ${number(gradient.zeroCount)}, not finite ${number(gradient.nonFiniteCount)}`}
                    </div>
                  ))}
            </dd>
            <dt>read by</dt>
            <dd>
              {data.readers.slice(0, 12).map((reader) => (
                <button
                  key={reader.position}
                  type="button"
                  class="plain link"
                  onClick={() => change({ call: reader.position })}
                >
                  {`#${reader.position} `}
                </button>
              ))}
              {data.readers.length === 0 && 'nothing near'}
            </dd>
          </dl>
          <a href={linkTo('events', { from: data.position })}>in the events</a>
        </>
      )}
    </aside>
  )
}

/** The drawing as a file that stands by itself: the colours of the page are written into it. */
function saveSvg(): void {
  const drawing = document.getElementById('graph-drawing')
  if (drawing === null) return
  const copy = drawing.cloneNode(true) as SVGElement
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  const originals = drawing.querySelectorAll('path, rect, text')
  copy.querySelectorAll('path, rect, text').forEach((element, i) => {
    const style = getComputedStyle(originals[i]!)
    for (const name of ['fill', 'stroke', 'stroke-width', 'font-size', 'font-family', 'text-anchor'])
      element.setAttribute(name, style.getPropertyValue(name))
  })
  save('step.svg', 'image/svg+xml', copy.outerHTML)
}
