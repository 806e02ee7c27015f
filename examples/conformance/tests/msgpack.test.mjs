// The published client with the published msgpack parser, and the bundle of our own that has one
// built in, against the conformance server.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { ask, next, plain, start } from "./support.mjs";

const require = createRequire(import.meta.url);
// The bundle expects that of a page.
globalThis.WebSocket ??= require("ws");
const CLIENTS = {
  "socket.io-client": [require("client-4.8"), { parser: require("socket.io-msgpack-parser") }],
  "the bundle": [require("../../../adapters/browser/dist/socket.io.msgpack.min.js"), {}],
};
const TRANSPORTS = [["polling", "websocket"], ["websocket"], ["polling"]];
const WITHIN = { timeout: 20_000 };

let server;
before(async () => {
  server = await start({ PARSER: "msgpack" });
});
after(() => server.stop());

const CASES = Object.keys(CLIENTS).flatMap((name) => TRANSPORTS.map((transports) => [name, transports]));

for (const [name, transports] of CASES) {
  describe(`msgpack of ${name} over ${transports.join(" then ")}`, () => {
    const [io, parser] = CLIENTS[name];
    const open = async (t, path = "", options = {}) => {
      const socket = io(server.url + path, { transports, forceNew: true, ...parser, ...options });
      t.after(() => socket.close());
      const auth = next(socket, "auth");
      await next(socket, "connect");
      await auth;
      return socket;
    };

    test("values of all kinds come back as they were", WITHIN, async (t) => {
      const socket = await open(t);
      const numbers = [0, 127, 128, -32, -33, 65536, -65537, 2 ** 40, -(2 ** 40), 0.5];
      const values = ["é€😀".repeat(100), numbers, { deep: [null, true, { x: {} }] }];
      const binary = { a: [Buffer.alloc(300, 7), { b: Buffer.from([1]) }] };
      const back = next(socket, "message-back");
      socket.emit("message", ...values, binary);
      assert.deepEqual(plain((await back).slice(0, 4)), plain([...values, binary]));
    });

    test("acknowledgements go both ways", WITHIN, async (t) => {
      const socket = await open(t);
      assert.deepEqual(await ask(socket, "message-with-ack", 1, "two"), [1, "two"]);
      socket.on("question", (what, ack) => ack("because", what));
      const answered = next(socket, "answer");
      socket.emit("ask", "why");
      assert.deepEqual((await answered)[0], ["because", "why"]);
    });

    test("namespaces are joined, and refused with data", WITHIN, async (t) => {
      const admin = await open(t, "/admin", { auth: { token: "secret" } });
      assert.equal((await ask(admin, "info"))[0].nsp, "/admin");
      const refused = io(`${server.url}/admin`, { transports, forceNew: true, ...parser });
      t.after(() => refused.close());
      const [error] = await next(refused, "connect_error");
      assert.deepEqual([error.message, error.data], ["not authorized", { code: "E_AUTH" }]);
    });
  });
}
