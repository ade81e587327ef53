/** Packages that only some stores need, so that whoever has one file installs none of them. */
import { TapeError } from '../errors.js'

/** A package that is not installed with gradtape. Throws STORE_FAILED, with what to install. */
export async function packageOf<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new TapeError(
      'STORE_FAILED',
      `expected the package ${name}, by which gradtape reaches this store, found none; install it: npm install ${name}`,
      { cause: error },
    )
  }
}
