// How much a server may send, and how long it may leave the client waiting.

import assert from "node:assert/strict";
import { test } from "node:test";
import { scripted } from "./scripted.mjs";
import { next, open, sleep, until } from "./support.mjs";

/** Makes timers a hundred times faster until the test is over; not those of Node's own `fetch`. */
const hurry = (t) => {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (task, delay, ...args) =>
    setTimeout(task, args.length ? delay : delay / 100, ...args);
  t.after(() => (globalThis.setTimeout = setTimeout));
};

// Also when timers are in a hurry.
const NEVER = 2e9;

const idle = ({ running }) => !running.GET && !running.POST;

test("an answer of separators alone is not taken apart", { timeout: 30_000 }, async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"], reconnectionDelay: 10_000 });
  await next(socket, "connect");
  server.send("\x1e".repeat(3e7));
  const before = process.memoryUsage().heapUsed;
  const used = new Promise((resolve) =>
    socket.once("disconnect", () => resolve(process.memoryUsage().heapUsed - before)),
  );
  assert.ok((await used) < 2e8, `${await used} bytes`);
});

test("a long answer lets others have their turn, and stays in order", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"] });
  await next(socket, "connect");
  const numbers = Array.from({ length: 5000 }, (_, i) => i);
  const received = [];
  let turns = 0;
  const turn = () => setImmediate(() => received.length < numbers.length && turn(++turns));
  socket.once("number", turn);
  socket.on("number", (number) => received.push(number));
  server.send(...numbers.map((number) => `42["number",${number}]${"\x1e6".repeat(9)}`));
  await until(() => received.length == numbers.length);
  assert.deepEqual(received, numbers);
  assert.ok(turns >= 10, `${turns} turns in 50,000 packets`);
});

test("a session that ends while a long answer is read reads no more of it", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"], reconnectionDelay: 10_000 });
  await next(socket, "connect");
  const { engine } = socket.io;
  socket.on("first", () => setImmediate(() => socket.disconnect()));
  socket.on("last", () => assert.fail("read to the end"));
  let late = 0;
  engine.on("packet", () => (late += engine.readyState == "closed"));
  server.send(`42["first"]${"\x1e6".repeat(300_000)}\x1e42["last"]`);
  await until(() => engine.readyState == "closed");
  await sleep(50);
  assert.equal(late, 0);
  await until(() => idle(server));
});

for (const transports of [["polling"], ["websocket"]]) {
  test(`events before the client is let in have an end in bytes, by ${transports}`, async (t) => {
    const server = await scripted(t, { join: false });
    // Nothing of what the client sends gets through, not even that it leaves.
    server.delay = 60_000;
    const socket = open(t, server.url, { transports, reconnectionDelay: 10_000 });
    const closed = next(socket, "disconnect");
    await until(() => [...server.posts, ...server.frames].includes("40"));
    const text = `42["a","${"x".repeat(2e7)}"]`;
    const binary = ['451-["a",{"_placeholder":true,"num":0}]', Buffer.alloc(1e6)];
    if (transports == "polling") binary[1] = "b" + binary[1].toString("base64");
    server.send(text, text, ...binary, ...binary);
    await until(() => socket.receiveBuffer.length == 4);
    server.send(text, text);
    await until(() => socket.receiveBuffer.length == 6);
    server.send(text);
    assert.equal((await closed)[0], "forced close");
    assert.deepEqual(socket.receiveBuffer, []);
    assert.equal(socket.io.engine.readyState, "closed");
  });

  test(`what other namespaces and sessions get does not count, by ${transports}`, async (t) => {
    const server = await scripted(t, { join: false });
    const root = open(t, server.url, { transports });
    const late = root.io.socket("/late");
    const texts = [];
    for (const socket of [root, late]) socket.on("a", (text) => texts.push(text.length));
    root.io.on("close", () => assert.fail("closed"));
    const most = `["a","${"x".repeat(6e7)}"]`;
    await until(() => /40\/late,/.test([...server.posts, ...server.frames]));
    server.send('40{"sid":"r"}');
    await next(root, "connect");
    server.send(`42${most}`);
    await until(() => texts.length == 1);
    server.send(`42${most}`);
    await until(() => texts.length == 2);
    server.send(`42/late,${most}`);
    await until(() => late.receiveBuffer.length == 1);
    root.io.off("close");
    const reconnected = next(root.io, "reconnect");
    server.send("1");
    await reconnected;
    assert.deepEqual(late.receiveBuffer, []);
    root.io.on("close", () => assert.fail("closed"));
    server.send(`42/late,${most}`);
    await until(() => late.receiveBuffer.length == 1);
    server.send('40/late,{"sid":"l"}');
    await until(() => texts.length == 3);
    root.io.off("close");
  });
}

test("a server has ten seconds to answer the last POST", { timeout: 10_000 }, async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"], reconnectionDelay: 1e7 });
  await next(socket, "connect");
  server.delay = NEVER;
  hurry(t);
  server.send("4x");
  await until(() => server.posts.at(-1) == "1", "the last POST");
  await until(() => idle(server), "no request under way");
});

test("a server that pings on cannot keep a session from closing", { timeout: 10_000 }, async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"] });
  await next(socket, "connect");
  server.delay = NEVER;
  const pings = setInterval(() => server.send("2"), 20);
  t.after(() => clearInterval(pings));
  hurry(t);
  // From now on the client's patience is that of a timer in a hurry.
  await next(socket.io, "ping");
  socket.emit("never answered");
  socket.disconnect();
  await until(() => server.posts.length == 2, "the event");
  await until(() => socket.io.engine.readyState == "closed" && idle(server), "no request under way");
});

test("what comes with a malformed packet by WebSocket is told before the end, or not at all", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["websocket"], reconnectionDelay: 10_000 });
  const told = [];
  socket.onAny((...args) => told.push(args));
  socket.on("disconnect", (reason) => told.push(reason));
  await next(socket, "connect");
  // In one piece, so that the client reads all of it before it does anything else.
  server.ws._socket.cork();
  server.send('42["before"]', "4x", '42["after"]', '40{"sid":"again"}');
  server.ws._socket.uncork();
  await until(() => told.length == 2);
  await sleep(20);
  assert.deepEqual(told, [["before"], "parse error"]);
  assert.deepEqual([socket.connected, socket.receiveBuffer], [false, []]);
});
