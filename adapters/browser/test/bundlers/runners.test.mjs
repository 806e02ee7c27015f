// The client in the tests of those who use it.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { echoServer, project, run } from "./project.mjs";

const server = echoServer();
const require = createRequire(import.meta.url);
const bin = (name, file) => join(dirname(require.resolve(`${name}/package.json`)), file);

// Waits for the server's answer, in text and in binary, over each way to connect.
const body = `
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"], ["websocket", "polling"]])
    test("answers come over " + transports, async () => {
      const socket = io(process.env.ADDRESS, { transports, forceNew: true });
      expect(await socket.emitWithAck("echo", "hello")).toBe("hello");
      const bytes = await socket.emitWithAck("echo", new Uint8Array([1, 2, 255]));
      expect([...new Uint8Array(bytes)]).toEqual([1, 2, 255]);
      socket.disconnect();
    });
`;

const env = () => ({ ...process.env, ADDRESS: server.address, NODE_ENV: "test", NODE_OPTIONS: "" });

test("Jest finds the client and the package ws", async (t) => {
  const text = `const { io } = require("sockeye-client");${body}`;
  const files = { "a.test.js": text, "jest.config.json": "{}" };
  const cwd = await project(t, files, { ws: true });
  await run("node", [bin("jest", "bin/jest.js"), "--ci", "--no-cache"], { cwd, env: env() });
});

const forVitest = (environment) => `// @vitest-environment ${environment}
  import { io } from "sockeye-client";
  import { expect, test } from "vitest";${body}`;

for (const environment of ["node", "jsdom", "happy-dom"])
  test(`Vitest with ${environment} does`, async (t) => {
    const files = { "a.test.mjs": forVitest(environment) };
    const cwd = await project(t, files, { ws: true, vitest: true });
    await run("node", [bin("vitest", "vitest.mjs"), "run"], { cwd, env: env() });
  });

test("Vitest with happy-dom does without ws, by its own WebSocket", async (t) => {
  const cwd = await project(t, { "a.test.mjs": forVitest("happy-dom") }, { vitest: true });
  await run("node", [bin("vitest", "vitest.mjs"), "run"], { cwd, env: env() });
});
