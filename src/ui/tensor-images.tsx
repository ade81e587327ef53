/** An array as images: one for each of its first axes, the last two as rows and columns. */
import { useEffect, useRef } from 'preact/hooks'
import type { TensorImages } from '../server/api.js'
import { change } from './route.js'
import { colour, theme } from './theme.js'
import { count, number } from './words.js'

/** The least height and width of an image on the page. */
const LEAST_PX = 72

/** Of what has no rows and columns, such as a vector, only the question what they are. */
export function Images({ images, as }: { images: TensorImages | null; as: string }) {
  return (
    <figure class="images">
      <div class="tools">
        <h2>Images</h2>
        {images !== null && <Turning {...images} />}
        <label>
          each of{' '}
          <input
            size={10}
            value={as}
            placeholder={images === null ? '8x8' : `${images.height}x${images.width}`}
            onChange={(event) => change({ as: event.currentTarget.value.trim() || null, image: null })}
          />
        </label>
      </div>
      {images !== null && <Shown images={images} />}
    </figure>
  )
}

function Turning({ offset, most, of }: TensorImages) {
  return (
    <>
      <button
        type="button"
        aria-label="Images before"
        disabled={offset === 0}
        onClick={() => change({ image: Math.max(0, offset - most) })}
      >
        Before
      </button>
      <button
        type="button"
        aria-label="Images after"
        disabled={offset + most >= of}
        onClick={() => change({ image: offset + most })}
      >
        After
      </button>
    </>
  )
}

function Shown({ images }: { images: TensorImages }) {
  const { offset, height, width, of, channels, pictures, rows, columns } = images
  return (
    <>
      <ul>
        {pictures.map((pixels, i) => (
          <li key={offset + i}>
            <Image
              label={`image ${offset + i} of ${of}, ${height} by ${width}`}
              {...{ pixels, height: rows, width: columns, channels }}
            />
            <small class="quiet">{offset + i}</small>
          </li>
        ))}
      </ul>
      <figcaption>
        {`${of === 1 ? 'one image' : `${count(offset)} to ${count(offset + pictures.length - 1)} of ${count(of)} images`}, ${height} by ${width}${channels === 3 ? ', in three colours' : ''}; ${inksText(images)}`}
        {rows < height || columns < width ? `; drawn as means on ${rows} by ${columns}` : ''}
      </figcaption>
    </>
  )
}

function inksText({ from, to, channels }: TensorImages): string {
  if (from === null || to === null) return 'nothing is finite: all is red'
  const [least, most] = channels === 3 ? ['dark', 'bright'] : ['black', 'white']
  const inks = from === to ? `${number(from)} is grey` : `${number(from)} is ${least}, ${number(to)} ${most}`
  return `${inks}, red what is not finite`
}

function Image(props: { label: string; pixels: string; height: number; width: number; channels: number }) {
  const { label, pixels, height, width, channels } = props
  const canvas = useRef<HTMLCanvasElement>(null)
  const shade = theme()
  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (context === null || context === undefined) return
    const image = context.createImageData(width, height)
    const bytes = atob(pixels)
    const bad = [1, 3, 5].map((at) => Number.parseInt(colour('bad').slice(at, at + 2), 16))
    for (let i = 0; i < width * height; i++) {
      const inks = Array.from({ length: channels }, (_, c) => bytes.charCodeAt(i * channels + c))
      // The last of 256 inks stands for what is not finite; 254 is white.
      const shown = inks.includes(255)
        ? bad
        : [0, 1, 2].map((c) => Math.round(((inks[c] ?? inks[0]!) * 255) / 254))
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = shown[c]!
      image.data[4 * i + 3] = 255
    }
    context.putImageData(image, 0, 0)
  }, [pixels, height, width, channels, shade])
  const scale = Math.max(1, Math.round(LEAST_PX / Math.max(height, width)))
  return (
    <canvas
      ref={canvas}
      width={width}
      height={height}
      role="img"
      aria-label={label}
      style={{ width: `${width * scale}px`, height: `${height * scale}px` }}
    />
  )
}
