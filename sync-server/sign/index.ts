export { acceptRole, type AcceptedRole, type AcceptRoleOptions } from "./accept-role.ts";
export { targetsOf, type SignedTarget, type SignedTargets } from "./compose.ts";
export { initKeys, type DevelopmentRole, type InitKeysOptions, type InitKeysResult } from "./init-keys.ts";
export { openKeyFolder, type KeyFolder, type KeyFolderOptions } from "./key-folder.ts";
export { PUBLISHER_PREFIX, type Lifetimes } from "./lifetimes.ts";
export { signDelegatedRole, type DelegatedRole } from "./sign-delegated-role.ts";
export type { SignerFiles } from "./signer-files.ts";
export { openSigner, type Draft, type RoleState, type Signed, type SignedState, type Signer, type SignerOptions } from "./signer.ts";
export type { SigningKey } from "./signing-key.ts";
