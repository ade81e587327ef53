/** The tables that hold what is said once for all events that say it; they have a content and an id. */
export const TEXT_TABLES = ['_text', '_signature', '_leaf_form', '_array_form', '_site'] as const
export type TextTable = (typeof TEXT_TABLES)[number]
