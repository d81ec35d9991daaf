export type { SignedTarget, SignedTargets } from "./compose.ts";
export { DEVELOPMENT_ROLES, initKeys, type DevelopmentRole, type InitKeysOptions, type InitKeysResult } from "./key-files.ts";
export { LIFETIMES, type Lifetimes } from "./lifetimes.ts";
export type { SignerFiles } from "./signer-files.ts";
export { openSigner, type Draft, type RoleState, type Signed, type SignedState, type Signer, type SignerOptions } from "./signer.ts";
