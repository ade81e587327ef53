/** The command palette: every page, run and action by its name. */
import { useState } from 'preact/hooks'
import { type Command, commands, isPaletteOpen } from './commands.js'
import { Dialog } from './dialog.js'

const SHOWN = 40

export function Palette() {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const found = matching(text)
  const active = Math.min(at, found.length - 1)
  const close = () => {
    isPaletteOpen.value = false
  }
  const act = (command: Command | undefined) => {
    close()
    command?.run()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setAt(Math.min(found.length - 1, active + 1))
    else if (event.key === 'ArrowUp') setAt(Math.max(0, active - 1))
    else if (event.key === 'Enter') act(found[active])
    else return
    event.preventDefault()
  }
  return (
    <Dialog label="Commands" onClose={close}>
      <input
        class="palette-input"
        type="text"
        role="combobox"
        aria-label="Command"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found.length > 0 ? `palette-${active}` : undefined}
        placeholder="Page, run or command"
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value)
          setAt(0)
        }}
        onKeyDown={onKeyDown}
      />
      <ul id="palette-list" role="listbox" aria-label="Commands" class="palette-list">
        {found.map((command, i) => (
          <li
            key={command.name}
            id={`palette-${i}`}
            role="option"
            aria-selected={i === active}
            onClick={() => act(command)}
            onKeyDown={onKeyDown}
          >
            <span>{command.name}</span>
            {command.keys !== undefined && <kbd>{command.keys}</kbd>}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="quiet">Nothing is called that.</p>}
    </Dialog>
  )
}

/** Commands whose names have all words that were typed, those that begin with them first. */
function matching(text: string): Command[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const rank = (name: string) => (words.some((word) => name.startsWith(word)) ? 0 : 1)
  return commands()
    .map((command) => ({ command, name: command.name.toLowerCase() }))
    .filter(({ name }) => words.every((word) => name.includes(word)))
    .sort((a, b) => rank(a.name) - rank(b.name))
    .slice(0, SHOWN)
    .map(({ command }) => command)
}
