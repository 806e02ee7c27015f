import assert from "node:assert/strict";
import { test } from "node:test";
import { isPage, next, open, start } from "./support.mjs";

/** Stops the clock of the page: what is asked of it from now on is only kept. */
const freeze = (t) => {
  const { setTimeout, clearTimeout, queueMicrotask } = globalThis;
  const thaw = () => Object.assign(globalThis, { setTimeout, clearTimeout, queueMicrotask });
  const kept = [];
  globalThis.setTimeout = (task, delay) => kept.push({ task, delay });
  globalThis.clearTimeout = (id) => delete kept[id - 1];
  globalThis.queueMicrotask = () => {};
  t.after(thaw);
  return { kept, thaw };
};

test("useNativeTimers goes on while timers are faked", { skip: isPage }, async (t) => {
  const { url } = await start(t);
  freeze(t);
  const socket = open(t, url, { useNativeTimers: true, transports: ["polling"] });
  await next(socket, "connect");
  const reconnected = next(socket.io, "reconnect");
  socket.io.engine.close();
  await reconnected;
  await assert.rejects(socket.timeout(10).emitWithAck("nobody answers"), /timed out/);
});

test("faked timers are used otherwise", { skip: isPage }, async (t) => {
  const { url } = await start(t);
  const { kept, thaw } = freeze(t);
  const socket = open(t, url, { transports: ["polling"], timeout: 1234 });
  assert.ok(kept.some((timer) => timer.delay == 1234));
  await next(socket, "connect");
  assert.ok(!kept.some((timer) => timer?.delay == 1234));
  const attempt = next(socket.io, "reconnect_attempt");
  kept.length = 0;
  socket.io.engine.close();
  thaw();
  const { task } = kept.find((timer) => timer?.delay >= 5 && timer.delay <= 15);
  task();
  await attempt;
});

test("without a page, addresses are secure, and no address is http://localhost", async () => {
  const { parseUrl } = await import("../js/url.js");
  const read = (uri) => parseUrl(uri).slice(0, 3);
  assert.deepEqual(read(undefined), ["", "localhost", "/"]);
  assert.deepEqual(read({ path: "/x" }), ["", "localhost", "/"]);
  assert.deepEqual(read("example.com:3000/nsp"), ["s", "example.com:3000", "/nsp"]);
  assert.deepEqual(read("//example.com"), ["s", "example.com", "/"]);
  globalThis.location = { protocol: "http:", host: "page.example:8080" };
  try {
    assert.deepEqual(read("/nsp"), ["", "page.example:8080", "/nsp"]);
    assert.deepEqual(read("//example.com:80"), ["", "example.com", "/"]);
    assert.deepEqual(read("https://example.com:443"), ["s", "example.com", "/"]);
  } finally {
    delete globalThis.location;
  }
});
