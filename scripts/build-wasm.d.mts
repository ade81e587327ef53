export function buildWasm(root: string): Promise<boolean>
export function compileWasm(root: string): Promise<Uint8Array>
