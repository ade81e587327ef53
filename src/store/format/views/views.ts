/**
 * The public views, as they are written: what they say is in the files beside this one, how it is decoded in macros.ts. A migration holds
 * the SQL that these give; a test holds the newest migration to them. `node scripts/print-views.mjs` prints that SQL, for a migration
 * that replaces some.
 */
import { EVENT_VIEWS } from './event-views.js'
import { GRAPH_VIEWS } from './graph-views.js'
import { RUN_VIEWS } from './run-views.js'
import { STORAGE_VIEWS } from './storage-views.js'
import { TRAINING_VIEWS } from './training-views.js'

/** The SQL of each view, as SQLite keeps it. */
export const VIEWS = {
  ...RUN_VIEWS,
  ...GRAPH_VIEWS,
  ...TRAINING_VIEWS,
  ...EVENT_VIEWS,
  ...STORAGE_VIEWS,
} as const
