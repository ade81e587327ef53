/** A store by its address. */
import { fileURLToPath } from 'node:url'
import { TapeError, valueText } from '../errors.js'
import type { BatchStore } from './batch-store.js'
import { FolderStore } from './folder-store.js'

/**
 * Opens the store at a folder's path or a `file:` URL.
 *
 * Throws  BAD_ARGUMENT for any other address
 */
export async function openStore(url: string): Promise<BatchStore> {
  if (typeof url === 'string' && url.trim() !== '') {
    if (url.startsWith('file:')) return new FolderStore(fileURLToPath(url))
    if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(url)) return new FolderStore(url)
  }
  throw new TapeError('BAD_ARGUMENT', `expected a store, a folder or a file: URL, got ${valueText(url)}`)
}
