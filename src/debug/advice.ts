/** What helps, by function: one table, never guessed. */

const ADVICE: Readonly<Record<string, readonly string[]>> = {
  log: [
    'logSoftmax or softmaxCrossEntropy instead of log(softmax(…)), or clip what goes into log from below',
  ],
  log1p: ['clip what goes into log1p above −1'],
  div: ['add a small number to the divisor, or clip it from below'],
  sqrt: ['add a small number under the root: the slope of √x at 0 is infinite'],
  norm: [
    'add a small number under the root, as in sqrt(sum(square(x)) + eps): the slope of a norm at 0 has no value',
  ],
  pow: ['clip the base from below: the slope of x^p at 0 is infinite for p below 1'],
  exp: [
    'subtract the largest element before exp, or clip what goes into it (exp of 709 is near the largest float64, of 88 the largest float32)',
  ],
  expm1: ['clip what goes into expm1'],
  sub: ['look at where both operands became infinite: ∞ − ∞ is NaN'],
  mul: ['look at where an operand became infinite: 0 · ∞ is NaN'],
  softmax: ['let every row of a mask leave at least one place that is not −∞'],
  logSoftmax: ['let every row of a mask leave at least one place that is not −∞'],
  scaledDotProductAttention: ['let every row of a mask leave at least one place that is not hidden'],
  square: ['look at why its input grew: a smaller learning rate, or clipGradNorm'],
  linear: ['look at why weights or inputs grew: a smaller learning rate, or clipGradNorm'],
  matmul: ['look at why weights or inputs grew: a smaller learning rate, or clipGradNorm'],
}

export function adviceFor(name: string): readonly string[] {
  return ADVICE[name] ?? []
}
