/** Where objects are kept by name, each written once: what a store of batches needs of a folder or of a bucket. */

/** Keys are parts of letters, digits and `_ . - =`, divided by `/`; none begins with a dot but those that readers pass over. */
export interface ObjectPlace {
  /** For messages. */
  readonly url: string
  /** The full name of an object, for messages. */
  named(key: string): string
  /** The names right below, of objects and of what holds more of them; none when there is nothing. */
  names(under: string): Promise<string[]>
  has(key: string): Promise<boolean>
  /** Throws STORE_FAILED when there is none. */
  read(key: string): Promise<Buffer>
  /** Writes an object for good, whole or not at all; false when there is one of that name, which stays. */
  putNew(key: string, bytes: Buffer): Promise<boolean>
}
