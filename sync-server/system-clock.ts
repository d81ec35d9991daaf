export { nodeClock as systemClock } from "../edge/node-clock.ts";
