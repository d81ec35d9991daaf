/** For a service worker of your own: the runtime beside whatever else it does. */
export { serve, type ServeOptions } from "./serve.ts";
