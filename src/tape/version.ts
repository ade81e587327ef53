/** The version of this gradtape, from its package.json. Written by scripts/embed-files.mjs: do not edit. */
export const ENGINE_VERSION: string = '0.1.0'
