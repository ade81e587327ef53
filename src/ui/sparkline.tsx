/** A curve the size of a word. */

const WIDTH = 90
const HEIGHT = 20

export function Sparkline({ values, label }: { values: readonly (number | null)[]; label: string }) {
  const finite = values.filter((value) => value !== null)
  if (finite.length === 0) return null
  const [low, high] = [Math.min(...finite), Math.max(...finite)]
  const x = (i: number) => (values.length === 1 ? WIDTH / 2 : (i * (WIDTH - 4)) / (values.length - 1) + 2)
  const y = (value: number) => HEIGHT - 3 - (high === low ? 0.5 : (value - low) / (high - low)) * (HEIGHT - 6)
  let path = ''
  let isDown = false
  values.forEach((value, i) => {
    if (value !== null) path += `${isDown ? 'L' : 'M'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`
    isDown = value !== null
  })
  return (
    <svg class="spark" width={WIDTH} height={HEIGHT} role="img" aria-label={label}>
      <path d={path} />
      {values.map((value, i) =>
        value === null ? <circle key={i} class="bad" cx={x(i)} cy={3} r={2} /> : null,
      )}
    </svg>
  )
}
