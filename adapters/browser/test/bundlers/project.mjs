// Projects with the client installed as npm would install it, outside of this repository, so that
// nothing else is found.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const exec = promisify(execFile);
// The server and `ws` are those of the client's own tests.
const require = createRequire(join(root, "package.json"));
const { Server } = require("socket.io");

/** A server that answers, for the tests of a file; they find its address here. */
export const echoServer = () => {
  const self = {};
  const http = createServer();
  new Server(http, { cors: { origin: "*" } }).on("connection", (socket) =>
    socket.on("echo", (value, reply) => reply(value)),
  );
  before(async () => {
    http.listen(0);
    await once(http, "listening");
    self.address = `http://localhost:${http.address().port}`;
  });
  after(() => {
    http.closeAllConnections();
    http.close();
  });
  return self;
};

/** Runs a program, and resolves to what it prints; what it prints on failure is in the error. */
export const run = async (program, args, options) => {
  try {
    return (await exec(program, args, { ...options, timeout: 60_000 })).stdout;
  } catch (error) {
    throw new Error(`${program} ${args.join(" ")}\n${error.stdout}\n${error.stderr}`);
  }
};

/** Makes a project with these files, and with the package `ws` or those of Vitest if asked to. */
export const project = async (t, files, { ws = false, vitest = false } = {}) => {
  const folder = await mkdtemp(join(tmpdir(), "sockeye-project-"));
  t.after(() => rm(folder, { recursive: true }));
  const installed = join(folder, "node_modules/sockeye-client");
  await mkdir(installed, { recursive: true });
  for (const name of ["package.json", "index.d.ts", "events.d.ts", "dist"])
    await cp(join(root, name), join(installed, name), { recursive: true });
  if (ws) await symlink(dirname(require.resolve("ws/package.json")), join(folder, "node_modules/ws"));
  for (const name of vitest ? ["vitest", "jsdom", "happy-dom"] : [])
    await symlink(join(here, "node_modules", name), join(folder, "node_modules", name));
  for (const [name, text] of Object.entries({ "package.json": '{ "private": true }', ...files }))
    await writeFile(join(folder, name), text);
  return folder;
};
