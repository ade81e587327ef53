/** A PostgreSQL server of a test's own. Where none is installed, what needs one is skipped, and says so. */
import { afterAll, beforeAll, describe } from 'vitest'
import { POSTGRES, PostgresServer } from '../../scripts/bench/fleet/postgres-server.js'

export { POSTGRES, PostgresServer }

/** Tests that need a server: one for all of them. */
export function describeWithPostgres(title: string, tests: (server: () => PostgresServer) => void): void {
  const needed = POSTGRES === null ? `${title} (skipped: no PostgreSQL is installed here)` : title
  describe.skipIf(POSTGRES === null)(needed, () => {
    let server: PostgresServer | null = null
    beforeAll(async () => {
      server = await PostgresServer.start({ walMegabytes: 1 })
    })
    afterAll(() => server?.stop())
    tests(() => server!)
  })
}
