import { Visitor, type ESTree } from "vite";

/** Objects whose every member reaches outside. */
const OUTSIDE = new Set(["performance", "process", "navigator", "localStorage", "indexedDB", "caches", "globalThis", "self", "window"]);

/** Members of objects that are pure otherwise. */
const OUTSIDE_MEMBERS = new Set(["Date.now", "Math.random", "crypto.getRandomValues", "crypto.randomUUID"]);

/** Functions and classes that reach outside when called. */
const OUTSIDE_CALLS = new Set(["fetch", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "Worker", "WebSocket", "XMLHttpRequest", "EventSource", "MessageChannel", "BroadcastChannel"]);

/** Every place of a program that does I/O or reads a clock or random, as it would be written. */
export function impurities(program: ESTree.Program): string[] {
  const found: string[] = [];
  new Visitor({
    MemberExpression({ object, property }) {
      if (object.type !== "Identifier" || property.type !== "Identifier") return;
      const name = `${object.name}.${property.name}`;
      if (OUTSIDE.has(object.name) || OUTSIDE_MEMBERS.has(name)) found.push(name);
    },
    CallExpression({ callee }) {
      if (callee.type === "Identifier" && OUTSIDE_CALLS.has(callee.name)) found.push(`${callee.name}()`);
      if (callee.type === "Identifier" && callee.name === "Date") found.push("Date()");
    },
    NewExpression({ callee, arguments: given }) {
      if (callee.type !== "Identifier") return;
      if (OUTSIDE_CALLS.has(callee.name)) found.push(`new ${callee.name}()`);
      if (callee.name === "Date" && given.length === 0) found.push("new Date()");
    },
  }).visit(program);
  return found;
}
