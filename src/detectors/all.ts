/** All detectors; who imports this can make each of them from plain data. */
import type { Detector } from './detector.js'
import { evaluationMode } from './evaluation.js'
import { deadUnits, explodingGradients, vanishingGradients } from './gradient-sizes.js'
import { lossSpike, plateau } from './loss.js'
import { nonFinite } from './non-finite.js'
import { rowOrder } from './rows.js'
import {
  countedTwice,
  noGradient,
  notCleared,
  noUpdate,
  outsideAssignment,
  settingChanged,
} from './training.js'
import { updateRatio } from './update-ratio.js'

/** Every detector, with its defaults, what explains others first. */
export function allDetectors(options: { readonly metric?: string } = {}): Detector[] {
  return [
    outsideAssignment(),
    settingChanged(options),
    rowOrder(),
    noGradient(),
    noUpdate(),
    notCleared(),
    countedTwice(),
    nonFinite(),
    evaluationMode(),
    explodingGradients(),
    updateRatio(),
    vanishingGradients(),
    deadUnits(),
    lossSpike(options),
    plateau(options),
  ]
}
