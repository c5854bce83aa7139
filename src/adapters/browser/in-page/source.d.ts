/** The library that is evaluated in a page's isolated world, as text; `protocol.ts` has its interface. */
export const LIBRARY_SOURCE: string;
