/** How a function computes with single float64 numbers, and the gradient it passes on. */
export interface NumberRule {
  readonly operands: 1 | 2
  /** `b` only for functions of two operands. */
  forward(a: number, b: number): number
  /** The gradient for the operand in `slot`; `gy` that of the output `y`. */
  backward(slot: number, gy: number, a: number, b: number, y: number): number
}
