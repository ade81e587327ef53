// Prints the SQL of the views as src/store/format/views gives it: all of them, or those that are named. For a new migration.
import { VIEWS } from '../dist/store/format/views/views.js'

const names = process.argv.slice(2)
for (const name of names.length === 0 ? Object.keys(VIEWS) : names) {
  if (!Object.hasOwn(VIEWS, name)) {
    console.error(`there is no view ${name}; there are ${Object.keys(VIEWS).join(', ')}`)
    process.exit(2)
  }
  console.log(`${VIEWS[name]};\n`)
}
