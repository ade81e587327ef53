/** A store that is a folder or a bucket, by its address: where tapes are sealed to. */
import path from 'node:path'
import { bucketAddress, isBucketUrl } from './bucket-address.js'
import { BucketPlace } from './bucket-place.js'
import { FolderPlace } from './folder-place.js'
import { ObjectStore } from './object-store.js'

/** Throws BAD_ARGUMENT for an address of a bucket that makes no sense. */
export function openObjects(place: string): ObjectStore {
  return new ObjectStore(isBucketUrl(place) ? new BucketPlace(bucketAddress(place)) : new FolderPlace(place))
}

/** The address by which everybody finds the same place. Throws BAD_ARGUMENT. */
export function placeOf(given: string): string {
  return isBucketUrl(given) ? bucketAddress(given).place : path.resolve(given)
}
