/** The editor of the SQL page: a chunk of its own, loaded when that page is. */
import { autocompletion, closeBrackets, completionKeymap } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { SQLite, sql } from '@codemirror/lang-sql'
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { Compartment, EditorState } from '@codemirror/state'
import { EditorView, keymap, lineNumbers } from '@codemirror/view'
import { tags } from '@lezer/highlight'

const STYLE = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--accent)', fontWeight: '600' },
  { tag: tags.string, color: 'var(--good)' },
  { tag: tags.number, color: 'var(--line-1)' },
  { tag: tags.comment, color: 'var(--quiet)', fontStyle: 'italic' },
])

const THEME = EditorView.theme({
  '&': {
    border: '1px solid var(--rule)',
    borderRadius: '4px',
    backgroundColor: 'var(--paper)',
    color: 'var(--ink)',
  },
  '.cm-content': { minHeight: '96px', caretColor: 'var(--ink)', fontFamily: 'ui-monospace, monospace' },
  '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--quiet)', border: '0' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused': { outline: '2px solid var(--accent)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--chosen) !important',
  },
  '.cm-tooltip': { backgroundColor: 'var(--panel)', color: 'var(--ink)', border: '1px solid var(--rule)' },
})

/** The columns of each view, by name. */
export type ViewNames = Record<string, string[]>

export interface Editor {
  set: (text: string) => void
  /** What completion knows from now on; what was typed, and can be undone, stays. */
  know: (views: ViewNames) => void
  focus: () => void
  destroy: () => void
}

export function makeEditor(
  parent: HTMLElement,
  text: string,
  onChange: (text: string) => void,
  onRun: () => void,
): Editor {
  const language = new Compartment()
  const knowing = (schema: ViewNames) => sql({ dialect: SQLite, schema, upperCaseKeywords: true })
  const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? ''
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        keymap.of([
          {
            key: 'Mod-Enter',
            run: () => {
              onRun()
              return true
            },
          },
          ...completionKeymap,
          ...defaultKeymap,
          ...historyKeymap,
        ]),
        EditorView.cspNonce.of(nonce),
        lineNumbers(),
        history(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        language.of(knowing({})),
        syntaxHighlighting(STYLE),
        THEME,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': 'SQL statement' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) onChange(update.state.doc.toString())
        }),
      ],
    }),
  })
  return {
    set: (next) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } }),
    know: (views) => view.dispatch({ effects: language.reconfigure(knowing(views)) }),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  }
}
