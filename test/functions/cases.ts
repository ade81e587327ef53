/** The points at which the contract checks every registered function. */
import { arrayCases } from './array-cases.js'
import type { Cases } from './case.js'
import { elementwiseCases } from './elementwise-cases.js'
import { lossCases } from './loss-cases.js'
import { networkCases } from './network-cases.js'

export const cases: Cases = { ...elementwiseCases, ...arrayCases, ...lossCases, ...networkCases }
