export function functionsPage(root: string): string
