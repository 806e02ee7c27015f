// A server for the tests, and what they ask of its clients.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const SERVER =
  process.env.CONFORMANCE_SERVER ??
  fileURLToPath(new URL("../../../target/release/sockeye-conformance", import.meta.url));

/** Starts a server on a free port. */
export async function start(environment = {}) {
  const env = { ...process.env, PORT: "0", ...environment };
  const server = spawn(SERVER, { env, stdio: ["ignore", "pipe", "inherit"] });
  server.once("error", (error) => {
    throw new Error(`${SERVER} can't be started (${error.message}); build it, or set CONFORMANCE_SERVER`);
  });
  const [line] = await once(server.stdout, "data");
  const url = `http://localhost:${/listening on .*:(\d+)/.exec(line)[1]}`;
  return { url, stop: () => server.kill() };
}

export function next(socket, event) {
  return new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
}

export function ask(socket, event, ...args) {
  return new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer)));
}

/** Binary comes as a Buffer or an ArrayBuffer, by version and transport. */
export function plain(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return { bytes: Buffer.from(value.buffer ?? value, value.byteOffset, value.byteLength).toString("hex") };
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  return value;
}
