export type { SignedTarget, SignedTargets } from "./compose.ts";
export { initKeys, type DevelopmentRole, type InitKeysOptions, type InitKeysResult } from "./key-files.ts";
export type { Lifetimes } from "./lifetimes.ts";
export type { SignerFiles } from "./signer-files.ts";
export { openSigner, type Draft, type RoleState, type Signed, type SignedState, type Signer, type SignerOptions } from "./signer.ts";
