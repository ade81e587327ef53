/**
 * Has the C library keep the memory that large arrays give back, for the arrays that come after them. Knows no array.
 *
 * glibc returns freed memory to the system when more than 128 KiB of it lie at the end of the heap, and takes allocations above
 * 128 KiB from the system one by one. A loop that makes and drops an array of 80 KB a call, as every training loop does, so gets
 * fresh pages each time, and each page is a fault and a zeroing of the kernel's: 10 faults and 30 µs a call, where the
 * arithmetic takes 4. Both limits are dynamic: they rise to the size of the largest allocation of up to 32 MiB that came from the
 * system and went back. So one such is made and dropped. Nothing is written to it, so it takes no memory, and the next
 * garbage collection frees it. Elsewhere it does nothing. Native code raises the second limit further, to 256 MiB (`addon.cpp`): one
 * collection may free more than 62 MiB.
 */
const MOST = 31 * 1024 * 1024

let done = false

/** To be called before memory for large arrays is asked for; only the first call does something. */
export function keepPages(): void {
  if (done) return
  done = true
  new ArrayBuffer(MOST)
}
