export { chooseVariant } from "./choose-variant.ts";
export { desiredVersions, type DesiredVersions, type ModelView } from "./desired.ts";
export { createLoader, type LoaderPorts } from "./loader.ts";
export { Manager } from "./manager.ts";
export type { Desired, ManagerPorts } from "./model-manager.ts";
export { ModelKeeper, type ModelKeeperPorts } from "./model-keeper.ts";
export { availabilityPreserving, resourcePreserving, type Action, type Snapshot, type TransitionPolicy } from "./policy.ts";
export type { Selector } from "./refusal.ts";
export type { Handle, Load, Servable, Wanted } from "./servable.ts";
