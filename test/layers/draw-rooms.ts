/** The rooms as a picture, from the table that the imports are held to: an arrow for what a room builds on. */
import type { PlainGraph } from '../../src/drawing/dot.js'
import { toSvg } from '../../src/drawing/svg.js'
import { MAY_IMPORT, OPEN_ROOMS } from './check-layers.js'

/** Rooms and the arrows that do not follow from others; what may import anything stands on the rooms that nobody else imports. */
export function roomGraph(): PlainGraph {
  // What is open to every room would be an arrow to each.
  const rooms = Object.keys(MAY_IMPORT).filter((room) => !OPEN_ROOMS.has(room))
  const below = new Map<string, Set<string>>()
  for (const room of rooms) {
    const allowed = MAY_IMPORT[room]
    const names = allowed === 'anything' ? rooms.slice(0, rooms.indexOf(room)) : (allowed ?? [])
    below.set(room, new Set(names))
  }
  const id = (room: string) => `room_${room.replace(/\W/g, '_')}`
  const edges = rooms.flatMap((room) => {
    const mine = [...(below.get(room) ?? [])]
    const direct = mine.filter((one) => !mine.some((other) => other !== one && below.get(other)?.has(one)))
    return direct.map((one) => ({ from: id(one), to: id(room) }))
  })
  return { nodes: rooms.map((room) => ({ id: id(room), kind: 'call' as const, lines: [room] })), edges }
}

export function roomsSvg(): Promise<string> {
  return toSvg(roomGraph(), 'draw fewer rooms')
}
