/** The view that is shown, as a file: an SVG that stands by itself, or the same painted as a PNG. */
import { save, saveBlob } from './save.js'

/** A picture of more than this would be slower to make than to look at. */
const ELEMENTS_MAX = 20_000
/** Chromium paints no larger canvas. */
const PIXELS_MAX = 16_384

/** What of the style sheets says how an element looks; a picture has no style sheet. */
const LOOKS =
  'display position box-sizing width height margin padding inset overflow flex gap flex-wrap align-items justify-content grid-template-columns vertical-align list-style font color background-color background-image border border-radius border-collapse opacity text-align text-anchor text-decoration white-space unicode-bidi transform image-rendering fill stroke stroke-width stroke-dasharray'.split(
    ' ',
  )

/** What is no part of a picture: what one presses, and what only a screen reader says, and what is folded. In a table what one presses is a text, too. */
const LEFT_OUT =
  ':is(button, label):not(th *, td *), input, select, textarea, fieldset, form, .hidden, .working, [hidden], script, details:not([open]) > :not(summary)'
/** Characters that a name may have and XML has no form for. */
const NOT_IN_XML = /(?![\t\n\r])\p{Cc}|[\p{Surrogate}\ufffe\uffff]/gu
/** A list that is drawn where it is looked at; a picture has that part of it, and not the empty rest. */
const WINDOW = '.virtual'
/** Room under what is lowest, and right of what is farthest. */
const MARGIN = 16

/** Saves the page that is shown. Throws where it is too large. */
export async function savePicture(name: string, kind: 'svg' | 'png'): Promise<void> {
  const main = document.getElementById('main')
  if (main === null) return
  const { svg, width, height } = drawn(main)
  if (kind === 'svg') {
    save(`${name}.svg`, 'image/svg+xml', svg)
    return
  }
  const image = new Image()
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`
  await image.decode()
  const scale = Math.min(devicePixelRatio, PIXELS_MAX / width, PIXELS_MAX / height)
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(width * scale)
  canvas.height = Math.round(height * scale)
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'))
  if (blob === null) throw new Error(`the browser could not paint ${canvas.width} by ${canvas.height} pixels`)
  saveBlob(`${name}.png`, blob)
}

function drawn(main: HTMLElement): { svg: string; width: number; height: number } {
  const count = main.querySelectorAll('*').length
  if (count > ELEMENTS_MAX)
    throw new Error(`the view has ${count} elements, more than a picture takes; show less of it`)
  const copy = copied(main)
  copy.style.setProperty('height', 'auto')
  copy.style.setProperty('overflow', 'visible')
  const { width, height } = extentOf(copy)
  copy.style.setProperty('width', `${width}px`)
  copy.style.setProperty('background-color', getComputedStyle(document.body).backgroundColor)
  copy.setAttribute('xmlns', 'http://www.w3.org/1999/xhtml')
  const inside = new XMLSerializer().serializeToString(copy).replace(NOT_IN_XML, '\ufffd')
  return {
    svg: `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><foreignObject width="100%" height="100%">${inside}</foreignObject></svg>`,
    width,
    height,
  }
}

/** How much room a copy takes where nothing holds it, with what one would have to scroll to. */
function extentOf(copy: HTMLElement | SVGElement): { width: number; height: number } {
  const place = document.createElement('div')
  Object.assign(place.style, { position: 'fixed', top: '0', left: '0', visibility: 'hidden' })
  place.append(copy)
  document.body.append(place)
  const { left, top } = copy.getBoundingClientRect()
  let [right, bottom] = [left, top]
  const look = (element: Element) => {
    const rect = element.getBoundingClientRect()
    right = Math.max(right, rect.right)
    bottom = Math.max(bottom, rect.bottom)
    if (getComputedStyle(element).overflow !== 'hidden') for (const child of element.children) look(child)
  }
  look(copy)
  place.remove()
  return { width: Math.ceil(right - left + MARGIN), height: Math.ceil(bottom - top + MARGIN) }
}

/** The element with all that is in it, each with its looks written to it; a canvas becomes an image. */
function copied(element: HTMLElement | SVGElement): HTMLElement | SVGElement {
  const copy = emptyCopy(element)
  const style = getComputedStyle(element)
  for (const name of LOOKS) copy.style.setProperty(name, style.getPropertyValue(name))
  if (isScrolled(style)) copy.style.setProperty('overflow', element.matches(WINDOW) ? 'hidden' : 'visible')
  if (element.parentElement?.matches(WINDOW))
    copy.style.setProperty('margin-top', `${-element.parentElement.scrollTop}px`)
  for (const name of ['id', 'class', 'href', 'tabindex']) copy.removeAttribute(name)
  if (element instanceof HTMLCanvasElement) return copy
  for (const child of element.childNodes) {
    if (child instanceof Text) copy.append(child.cloneNode())
    else if ((child instanceof HTMLElement || child instanceof SVGElement) && !child.matches(LEFT_OUT))
      copy.append(copied(child))
  }
  return copy
}

function emptyCopy(element: HTMLElement | SVGElement): HTMLElement | SVGElement {
  if (element instanceof HTMLCanvasElement) return imageOf(element)
  if (element instanceof HTMLButtonElement) return document.createElement('span')
  return element.cloneNode(false) as HTMLElement | SVGElement
}

function isScrolled({ overflowX, overflowY }: CSSStyleDeclaration): boolean {
  return [overflowX, overflowY].some((overflow) => overflow === 'auto' || overflow === 'scroll')
}

function imageOf(canvas: HTMLCanvasElement): HTMLImageElement {
  const image = document.createElement('img')
  if (canvas.width > 0 && canvas.height > 0) image.src = canvas.toDataURL()
  image.alt = ''
  return image
}
