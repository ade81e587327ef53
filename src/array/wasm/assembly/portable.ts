/** What the module exports: this file is the compiler's entry. */
export * from './arithmetic'
export * from './functions'
export * from './matmul'
export * from './reduce'
export * from './softmax'
export * from './optimizers'
export * from './summary'
