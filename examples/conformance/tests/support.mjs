// A server for the tests, and what they ask of its clients.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const built = (name) => fileURLToPath(new URL(`../../../target/release/${name}`, import.meta.url));
const { CONFORMANCE_SERVER, SOCKEYE_BLOCKING_PEER } = process.env;

/** Starts the conformance server on a free port. */
export const start = (environment) =>
  startProgram(CONFORMANCE_SERVER ?? built("sockeye-conformance"), { PORT: "0", ...environment });

/** Starts the example `blocking-peer` of `sockeye-tiny-http` on a free port. */
export const startBlocking = () =>
  startProgram(SOCKEYE_BLOCKING_PEER ?? built("examples/blocking-peer"));

async function startProgram(program, environment) {
  const env = { ...process.env, ...environment };
  const server = spawn(program, { env, stdio: ["ignore", "pipe", "inherit"] });
  server.once("error", (error) => {
    throw new Error(`${program} can't be started: ${error.message}`);
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
