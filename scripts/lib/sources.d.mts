export const ROOT: string;
export const DIST: string;
export const STAMP: string;
/** The SHA-256 over everything that the browser's scripts are made of, hexadecimal. */
export function browserDigest(): string;
export function sourceDigest(): string;
export function isFresh(): boolean;
