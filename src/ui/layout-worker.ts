/** Lays graphs out on a thread of its own, so that the page goes on meanwhile. */
import { type LayoutQuestion, layered } from './layered-layout.js'

addEventListener('message', ({ data }: MessageEvent<LayoutQuestion & { id: number }>) => {
  postMessage({ id: data.id, ...layered(data) })
})
