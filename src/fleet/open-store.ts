/** A store by its address. */
import type { BatchStore } from './batch-store.js'
import { openObjects } from './open-objects.js'
import { PostgresStore } from './postgres-store.js'
import { type StoreAddress, storeAddress } from './store-address.js'

/**
 * Opens the store at an address: see `storeAddress`.
 *
 * Throws  BAD_ARGUMENT for any other; STORE_FAILED when it cannot be reached
 */
export async function openStore(url: string | StoreAddress): Promise<BatchStore> {
  const address = typeof url === 'string' ? storeAddress(url) : url
  return address.kind === 'folder' || address.kind === 'bucket'
    ? openObjects(address.place)
    : PostgresStore.open(address)
}
