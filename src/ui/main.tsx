/** The inspector's page. */
import { render } from 'preact'
import { App } from './app.js'
import './page.css'
import { listenToChanges } from './ask.js'
import { followTheme } from './theme.js'

followTheme()
listenToChanges()
const root = document.getElementById('app')
// What stood there until now was for the eye alone.
root?.replaceChildren()
if (root !== null) render(<App />, root)
