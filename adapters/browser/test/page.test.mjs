// The bundles in a real browser, with the published server and with Sockeye.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bundle, connect, inBrowser, PATIENCE } from "./page/browser.mjs";
import { serve, SERVERS } from "./page/servers.mjs";

const TRANSPORTS = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
};
const WITHIN = { timeout: 2 * PATIENCE };
const open = inBrowser();

/** Runs in the page, with `socket` there. */
const ask = (page, event, ...args) =>
  page.evaluate(([event, args]) => socket.timeout(9000).emitWithAck(event, ...args), [event, args]);

for (const name of SERVERS)
  for (const [way, transports] of Object.entries(TRANSPORTS))
    describe(`a page, by ${way}, with ${name}`, { concurrency: 3 }, () => {
      const opened = async (t, options) => {
        const server = await serve(t, name);
        const page = await open(server, options);
        await connect(page, transports);
        return { server, page };
      };

      test("events and acknowledgements go both ways", WITHIN, async (t) => {
        const { page } = await opened(t);
        const { transport, recovered } = await ask(page, "info");
        assert.deepEqual([transport, recovered], [way == "polling" ? way : "websocket", false]);
        const args = ["é€😀", 1.5, null, { deep: [true, {}] }];
        assert.deepEqual(await ask(page, "message-with-ack", args), args);
        const back = await page.evaluate(
          () =>
            new Promise((resolve) => {
              socket.once("message-back", (text, data) => resolve([text, [...new Uint8Array(data)]]));
              socket.emit("message", "text", new Uint8Array([0, 30, 255]));
            }),
        );
        assert.deepEqual(back, ["text", [0, 30, 255]]);
      });

      test("two namespaces share a connection", WITHIN, async (t) => {
        const { page } = await opened(t);
        const said = await page.evaluate(async () => {
          const other = io("/custom");
          const [a, b] = await Promise.all([socket, other].map((s) => s.emitWithAck("info")));
          const shared = other.io == socket.io && other.id != socket.id;
          other.disconnect();
          const { transport } = await socket.emitWithAck("info");
          return { namespaces: [a.nsp, b.nsp], shared, transport };
        });
        assert.deepEqual([said.namespaces, said.shared], [["/", "/custom"], true]);
      });

      test("a megabyte of binary travels both ways, as buffer, Blob and File", WITHIN, async (t) => {
        const { page } = await opened(t);
        const said = await page.evaluate(async () => {
          const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => i % 251);
          const sum = bytes.reduce((sum, byte) => sum + byte, 0) % 65536;
          const kinds = [bytes.buffer, new Blob([bytes]), new File([bytes], "a megabyte")];
          const infos = [];
          for (const kind of kinds) infos.push(await socket.emitWithAck("bin-info", kind));
          const back = await socket.emitWithAck("get-bin", bytes.length);
          const same = new Uint8Array(back).every((byte, i) => byte == bytes[i]);
          return { infos, sum, same, length: back.byteLength };
        });
        const { sum, length } = said;
        assert.deepEqual(said.infos, Array(3).fill({ binary: true, length: 2 ** 20, sum }));
        assert.deepEqual([length, said.same], [2 ** 20, true]);
      });

      test("a page that is loaded again leaves nothing behind", WITHIN, async (t) => {
        const { server, page } = await opened(t);
        const witness = await open(server);
        await connect(witness, ["websocket"]);
        await ask(page, "join", "here");
        await page.reload();
        await connect(page, transports);
        await ask(page, "join", "here");
        const id = await page.evaluate(() => socket.id);
        let here;
        do here = await ask(witness, "sockets", "here");
        while (here.length > 1);
        assert.deepEqual(here, [id]);
      });

      test("a page notices that it is offline, and that it is back", WITHIN, async (t) => {
        const { page } = await opened(t, { mayFail: true });
        await page.context().setOffline(true);
        await page.waitForFunction(() => seen.some(([event]) => event == "disconnect"));
        const reasons = await page.evaluate(() => seen.filter(([event]) => event == "disconnect"));
        // A poll may have failed before the page was told.
        assert.match(String(reasons), /^disconnect,transport (close|error)$/);
        await page.evaluate(() => {
          window.sent = socket.emitWithAck("message-with-ack", "written offline");
        });
        await page.context().setOffline(false);
        assert.equal(await page.evaluate(() => sent), "written offline");
      });

      test("a page that was cut off is brought up to date", WITHIN, async (t) => {
        const { page } = await opened(t);
        await ask(page, "info");
        const before = await page.evaluate(async () => {
          await new Promise((resolve) => {
            socket.once("message-back", resolve);
            socket.emit("message", "an offset comes with the answer");
          });
          socket.emit("later", 20, "missed", "meanwhile");
          socket.io.reconnectionDelay(200);
          await new Promise((resolve) => setTimeout(resolve));
          const { id } = socket;
          socket.io.engine.close();
          return id;
        });
        await page.waitForFunction(() => seen.some(([event]) => event == "missed"));
        const missed = await page.evaluate(() => seen.filter(([event]) => event == "missed"));
        assert.deepEqual(missed.map(([, text]) => text), ["meanwhile"]);
        const after = await page.evaluate(() => [socket.recovered, socket.id]);
        assert.deepEqual(after, [true, before]);
      });

      test("a page outlives its server", WITHIN, async (t) => {
        const { server, page } = await opened(t, { mayFail: true });
        const before = await page.evaluate(() => socket.id);
        await server.stop();
        await page.waitForFunction(() => !socket.connected);
        await page.evaluate(() => {
          window.sent = socket.emitWithAck("message-with-ack", "written meanwhile");
        });
        await server.restart();
        assert.equal(await page.evaluate(() => sent), "written meanwhile");
        const [recovered, id] = await page.evaluate(() => [socket.recovered, socket.id]);
        assert.equal(recovered, false);
        assert.notEqual(id, before);
      });
    });

test("addresses are understood as in a page", WITHIN, async (t) => {
  const server = await serve(t, "socket.io");
  const page = await open(server, { mayFail: true });
  const { host, port } = new URL(server.origin);
  const expected = {
    "": host,
    "/n": host,
    "?a=b": host,
    [`:${port}`]: host,
    [`//a.example:${port}/n`]: `a.example:${port}`,
    [`localhost:${port}`]: `localhost:${port}`,
    [`ws://localhost:${port}`]: `localhost:${port}`,
    [`WS://LOCALHOST:${port}/`]: `LOCALHOST:${port}`,
    [`http://[::1]:${port}/n`]: `[::1]:${port}`,
    "ws://ü.example/ñ?x": "ü.example",
    "https://a.example": "+a.example",
    "wss://a.example:443/n/": "+a.example",
  };
  const found = await page.evaluate((addresses) => {
    const asked = [];
    window.WebSocket = class {
      constructor(url) {
        const [, secure, host] = /^ws(s?):\/\/([^/]*)\/socket\.io\/\?/.exec(url);
        asked.push((secure && "+") + host);
      }
      close() {}
    };
    for (const address of addresses) {
      const { io: manager } = io(address, { transports: ["websocket"], forceNew: true });
      manager._close();
    }
    return asked;
  }, Object.keys(expected));
  assert.deepEqual(found, Object.values(expected));
});

for (const spoiled of ["missing", "throwing"])
  test(`a page whose WebSocket is ${spoiled} connects by polling`, WITHIN, async (t) => {
    const page = await open(await serve(t, "sockeye"));
    await page.evaluate((spoiled) => {
      if (spoiled == "missing") delete window.WebSocket;
      else
        window.WebSocket = class {
          constructor() {
            throw new DOMException("not allowed", "SecurityError");
          }
        };
    }, spoiled);
    const said = await page.evaluate(async () => {
      const socket = io({ transports: ["websocket", "polling"] });
      await socket.emitWithAck("info");
      const alone = io({ transports: ["websocket"], forceNew: true, reconnection: false });
      const error = await new Promise((resolve) => alone.once("connect_error", resolve));
      return [socket.io.engine.transport.name, error.message];
    });
    assert.deepEqual(said, ["polling", "websocket error"]);
  });

describe("the other bundles in a page", { concurrency: 3 }, () => {
  for (const name of SERVERS)
    for (const [client, parser] of [
      ["socket.io.js", false],
      ["socket.io.esm.min.js", false],
      ["socket.io.msgpack.min.js", true],
    ])
      test(`${client} with ${name}`, WITHIN, async (t) => {
        const page = await open(await serve(t, name, { parser }), { client });
        await connect(page, TRANSPORTS.upgrade);
        const data = { binary: "no", list: [1, -2, 0.5, null] };
        assert.deepEqual(await ask(page, "message-with-ack", data), data);
        const size = await page.evaluate(async () => (await socket.emitWithAck("get-bin", 300)).byteLength);
        assert.equal(size, 300);
      });

  test("Sockeye hands out these very bundles", async (t) => {
    const { origin } = await serve(t, "sockeye");
    for (const kind of ["js", "min.js", "esm.min.js", "msgpack.min.js"]) {
      const response = await fetch(`${origin}/socket.io/socket.io.${kind}`);
      const body = Buffer.from(await response.arrayBuffer());
      assert.ok(body.equals(await bundle(`socket.io.${kind}`)), `${kind}: build the server again`);
    }
  });
});
