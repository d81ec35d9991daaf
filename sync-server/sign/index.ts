export { initKeys, type InitKeysResult } from "./keys.ts";
export { openSigner, type Draft, type RoleState, type SignedState, type SignedTarget, type Signer, type SignerOptions } from "./signer.ts";
