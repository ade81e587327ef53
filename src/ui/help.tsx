/** Which keys do what. */
import { commands, isHelpOpen } from './commands.js'
import { Dialog } from './dialog.js'

export function Help() {
  const close = () => {
    isHelpOpen.value = false
  }
  return (
    <Dialog label="Keys" onClose={close}>
      <h2>Keys</h2>
      <dl class="keys">
        <dt>
          <kbd>Ctrl K</kbd> or <kbd>⌘ K</kbd>
        </dt>
        <dd>every page, run and command by name</dd>
        {commands()
          .filter(({ keys }) => keys !== undefined)
          .map(({ name, keys }) => [
            <dt key={`${name} key`}>
              <kbd>{keys}</kbd>
            </dt>,
            <dd key={name}>{name}</dd>,
          ])}
      </dl>
      <button type="button" onClick={close}>
        Close
      </button>
    </Dialog>
  )
}
