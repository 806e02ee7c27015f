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
