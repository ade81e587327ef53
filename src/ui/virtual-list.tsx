/** A list of any length of which only what is seen is drawn. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useReducer, useRef } from 'preact/hooks'

interface VirtualListProps {
  label: string
  count: number
  rowHeight: number
  /** The first row to be seen, when it changes. */
  first: number
  onRange: (first: number, last: number) => void
  children: (index: number) => ComponentChildren
}

/** Browsers bear no taller element: rows beyond it are reached by the field for the position. */
const HEIGHT_MAX = 8_000_000

export function VirtualList({ label, count, rowHeight, first, onRange, children }: VirtualListProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const [, redraw] = useReducer((n: number) => n + 1, 0)
  const shown = Math.min(count, Math.floor(HEIGHT_MAX / rowHeight))
  const virtual = useRef<Virtualizer<HTMLDivElement, HTMLDivElement> | null>(null)
  const options = {
    count: shown,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw(0),
  }
  virtual.current ??= new Virtualizer<HTMLDivElement, HTMLDivElement>(options)
  virtual.current.setOptions(options)
  useEffect(() => virtual.current?._didMount(), [])
  useLayoutEffect(() => virtual.current?._willUpdate())
  useEffect(
    () => virtual.current?.scrollToIndex(Math.min(first, shown - 1), { align: 'start' }),
    [first, shown],
  )
  const items = virtual.current.getVirtualItems()
  const [from, to] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0]
  useEffect(() => onRange(from, to), [from, to])
  return (
    <div class="virtual" ref={scroller} tabIndex={0} role="region" aria-label={label}>
      <div style={{ height: `${shown * rowHeight}px` }}>
        {items.map((item) => (
          <div
            key={item.index}
            class="virtual-row"
            style={{ height: `${rowHeight}px`, transform: `translateY(${item.start}px)` }}
          >
            {children(item.index)}
          </div>
        ))}
      </div>
    </div>
  )
}
