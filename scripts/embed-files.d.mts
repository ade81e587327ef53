export function embeddedFiles(root: string): [path: string, content: string][]
export function embedFiles(root: string): void
