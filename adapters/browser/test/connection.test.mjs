import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import {
  io,
  isPage,
  Manager,
  next,
  open,
  sleep,
  Socket,
  start,
  target,
  TRANSPORTS,
  until,
} from "./support.mjs";

test("the engine tells its state", async (t) => {
  const socket = open(t, await target(t));
  const { engine } = socket.io;
  assert.equal(engine.transport.name, "polling");
  assert.equal(engine.readyState, "opening");
  await next(socket, "connect");
  assert.equal(typeof engine.id, "string");
  assert.notEqual(engine.id, socket.id);
  const [transport] = await next(engine, "upgrade");
  assert.equal(transport.name, "websocket");
  const closed = next(engine, "close");
  socket.disconnect();
  assert.equal((await closed)[0], "forced close");
  assert.equal(engine.readyState, "closed");
});

test("the order of the transports counts, and upgrade can be turned off", async (t) => {
  const url = await target(t);
  const direct = open(t, url, { transports: ["websocket", "polling"] });
  await next(direct, "connect");
  assert.equal(direct.io.engine.transport.name, "websocket");
  const polling = open(t, url, { upgrade: false });
  await next(polling, "connect");
  await sleep(150);
  assert.equal(polling.io.engine.transport.name, "polling");
});

test("rememberUpgrade begins with the transport that worked", async (t) => {
  const url = await target(t);
  const first = open(t, url);
  await next(first.io.engine, "upgrade");
  assert.equal(open(t, url).io.engine.transport.name, "polling");
  assert.equal(open(t, url, { rememberUpgrade: true }).io.engine.transport.name, "websocket");
});

test("tryAllTransports goes on to the next transport", async (t) => {
  const { url } = await start(t, { transports: ["polling"] });
  const transports = ["websocket", "polling"];
  const socket = open(t, url, { transports, tryAllTransports: true });
  await next(socket, "connect");
  assert.equal(socket.io.engine.transport.name, "polling");
  const [error] = await next(open(t, url, { transports }), "connect_error");
  assert.match(error.message, /^websocket error/);
});

test("no transport is an error", async (t) => {
  const url = await target(t);
  for (const transports of [[], ["webtransport"]]) {
    const socket = open(t, url, { transports });
    const [error] = await next(socket, "connect_error");
    assert.deepEqual([error.message, error.type], ["no transport", "TransportError"]);
    assert.equal(socket.active, true);
    socket.io.opts.transports = ["polling"];
    await next(socket, "connect");
  }
});

test("a transport that is not there is passed over", { skip: !isPage }, async (t) => {
  const url = await target(t);
  for (const [name, transports] of [
    ["WebSocket", ["websocket", "polling"]],
    ["fetch", ["polling", "websocket"]],
  ]) {
    const original = globalThis[name];
    t.after(() => (globalThis[name] = original));
    const missing = () => delete globalThis[name];
    const broken = () => {
      globalThis[name] = class {
        constructor() {
          throw new DOMException("not allowed", "SecurityError");
        }
      };
    };
    for (const spoil of name == "WebSocket" ? [missing, broken] : [missing]) {
      spoil();
      const socket = open(t, url, { transports });
      await next(socket, "connect");
      assert.equal(socket.io.engine.transport.name, transports[1]);
      const alone = open(t, url, { transports: [transports[0]] });
      const [error] = await next(alone, "connect_error");
      assert.match(error.message, /^(xhr poll|websocket) error$/);
    }
    globalThis[name] = original;
  }
});

test("the connection stays on polling where WebSockets are blocked", async (t) => {
  const { http, url } = await start(t);
  http.removeAllListeners("upgrade");
  http.on("upgrade", (_, socket) => socket.destroy());
  const socket = open(t, url);
  const [error] = await next(socket.io.engine, "upgradeError");
  assert.match(error.message, /websocket error/);
  assert.equal(await socket.emitWithAck("echo", 1), 1);
  assert.equal(socket.io.engine.transport.name, "polling");
});

test("each side learns the reason of a disconnect", async (t) => {
  for (const transports of TRANSPORTS) {
    const { server, url } = await start(t);
    const reasons = [];
    server.on("connection", (socket) => socket.on("disconnect", (reason) => reasons.push(reason)));

    const left = open(t, url, { transports });
    await next(left, "connect");
    const bye = next(left, "disconnect");
    left.disconnect();
    assert.deepEqual((await bye)[0], "io client disconnect");
    assert.equal(left.id, undefined);
    assert.equal(left.active, false);
    await until(() => reasons.length == 1, "the server to notice");
    assert.equal(reasons[0], "client namespace disconnect");

    const kicked = open(t, url, { transports });
    await next(kicked, "connect");
    kicked.emit("leave");
    assert.deepEqual((await next(kicked, "disconnect"))[0], "io server disconnect");
    assert.equal(kicked.active, false);

    const cut = open(t, url, { transports });
    await next(cut, "connect");
    cut.emit("hang up");
    const [reason, details] = await next(cut, "disconnect");
    assert.equal(reason, "transport close");
    assert.equal(typeof details.description, "string");
    assert.equal(cut.active, true);
    await next(cut, "connect");
  }
});

test("closing tells the server at once, on every transport", async (t) => {
  for (const transports of TRANSPORTS) {
    const { server, url } = await start(t);
    const socket = open(t, url, { transports });
    await next(socket, "connect");
    const closed = next(server.sockets.sockets.values().next().value, "disconnect");
    socket.io.engine.close();
    assert.equal((await closed)[0], "transport close");
  }
});

test("a refused connection says why, and is tried again", async (t) => {
  const http = createServer((_, response) => {
    response.statusCode = 503;
    response.end("overloaded");
  }).listen(0);
  t.after(() => http.close());
  const socket = open(t, `http://localhost:${http.address().port}`);
  const attempt = next(socket.io, "reconnect_attempt");
  const [error] = await next(socket, "connect_error");
  assert.equal(error.message, "xhr poll error");
  assert.equal(error.description, 503);
  assert.equal(error.context.responseText, "overloaded");
  assert.equal(error.type, "TransportError");
  assert.equal(socket.active, true);
  assert.deepEqual(await attempt, [1]);
});

test("an unreachable server says why", async (t) => {
  const { url, stop } = await start(t);
  await stop();
  for (const transports of [["polling"], ["websocket"]]) {
    const socket = open(t, url, { transports });
    const [error] = await next(socket, "connect_error");
    assert.match(error.message, /^(xhr poll|websocket) error$/);
  }
});

test("a connection that does not open in time is an error", async (t) => {
  const http = createServer(() => {}).listen(0);
  t.after(() => http.closeAllConnections() || http.close());
  for (const timeout of [30, 0]) {
    const socket = open(t, `http://localhost:${http.address().port}`, { timeout });
    const [error] = await next(socket, "connect_error");
    assert.equal(error.message, "timeout");
  }
});

test("the client survives a restart of the server", async (t) => {
  for (const transports of TRANSPORTS) {
    const { port, url, stop } = await start(t);
    const socket = open(t, url, { transports });
    await next(socket, "connect");
    const events = [];
    for (const event of ["close", "reconnect_attempt", "reconnect_error", "reconnect"])
      socket.io.on(event, () => events.at(-1) == event || events.push(event));
    const reason = next(socket, "disconnect");
    await stop();
    assert.match((await reason)[0], /transport (close|error)/);
    socket.emit("bounce", "buffered");
    await next(socket.io, "reconnect_error");
    await start(t, { port });
    assert.deepEqual(await next(socket, "bounced"), ["buffered"]);
    assert.deepEqual(events.slice(0, 3), ["close", "reconnect_attempt", "reconnect_error"]);
    assert.equal(events.at(-1), "reconnect");
  }
});

test("attempts end with reconnect_failed", async (t) => {
  const manager = new Manager("http://localhost:1", {
    reconnectionAttempts: 2,
    reconnectionDelay: 5,
  });
  const events = [];
  for (const event of ["error", "reconnect_attempt", "reconnect_error", "reconnect_failed"])
    manager.on(event, () => events.push(event));
  await next(manager, "reconnect_failed");
  assert.deepEqual(events, [
    "error",
    "reconnect_attempt",
    "error",
    "reconnect_error",
    "reconnect_attempt",
    "error",
    "reconnect_error",
    "reconnect_failed",
  ]);
});

test("the manager's settings can be read and changed", () => {
  const manager = new Manager({ autoConnect: false, reconnectionDelay: 7 });
  assert.equal(manager.reconnectionDelay(), 7);
  assert.equal(manager.reconnectionDelay(8), manager);
  assert.equal(manager.reconnectionDelay(), 8);
  assert.equal(manager.reconnection(), true);
  assert.equal(manager.reconnectionAttempts(), Infinity);
  assert.equal(manager.reconnectionDelayMax(), 5000);
  assert.equal(manager.randomizationFactor(), 0.5);
  assert.equal(manager.timeout(), 20000);
});

test("delays grow to the cap and are spread around it", async (t) => {
  const delays = [];
  const options = {
    timeout: 0,
    reconnectionDelay: 1,
    reconnectionDelayMax: 8,
    randomizationFactor: 1,
  };
  const manager = new Manager("http://localhost:1", options);
  t.after(() => manager._close());
  let failed = 0;
  manager.on("error", () => (failed = performance.now()));
  manager.on("reconnect_attempt", () => delays.push(performance.now() - failed));
  await until(() => delays.length > 30, "attempts");
  const late = delays.slice(5);
  assert.ok(Math.max(...late) > 8.5, `some above the cap: ${late}`);
  assert.ok(Math.min(...late) < 7, `some below the cap: ${late}`);
});

test("a lost session is recovered", async (t) => {
  for (const transports of TRANSPORTS) {
    const { server, url } = await start(t, { connectionStateRecovery: {} });
    const socket = open(t, url, { transports });
    await next(socket, "connect");
    assert.equal(socket.recovered, false);
    server.emit("first", "a string");
    await next(socket, "first");
    const { id } = socket;
    const missed = next(socket, "missed");
    const [peer] = server.sockets.sockets.values();
    peer.once("disconnect", () => server.emit("missed", 1));
    socket.io.engine.close();
    await next(socket, "connect");
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, id);
    assert.equal((await missed)[0], 1);
  }
});

test("only a server with recovery makes a last string an offset", async (t) => {
  const { server, url } = await start(t);
  const socket = open(t, url);
  await next(socket, "connect");
  server.emit("event", "not an offset");
  await next(socket, "event");
  const connected = new Promise((resolve) =>
    server.on("connection", (socket) => resolve(socket.handshake.auth)),
  );
  socket.io.engine.close();
  assert.deepEqual(await connected, {});
});

test("sockets share a connection unless asked for the same namespace or forceNew", async (t) => {
  const url = await target(t);
  const options = { autoConnect: false };
  const main = io(url, options);
  assert.equal(io(url + "/other", options).io, main.io);
  assert.notEqual(io(url, options).io, main.io);
  assert.notEqual(io(url + "/closed", { ...options, forceNew: true }).io, main.io);
  assert.notEqual(io(url + "/closed", { ...options, multiplex: false }).io, main.io);
  assert.notEqual(io(url + "/closed", { ...options, path: "/elsewhere" }).io, main.io);
  assert.ok(main instanceof Socket && main.io instanceof Manager);
  assert.equal(io.connect, io);
});

test("connect() and disconnect() may be called at any time", async (t) => {
  const socket = open(t, await target(t));
  socket.connect().connect();
  await next(socket, "connect");
  socket.disconnect().connect();
  await next(socket, "connect");
  socket.disconnect().disconnect().connect().disconnect();
  await sleep(50);
  assert.equal(socket.connected, false);
  socket.open();
  assert.equal(await socket.emitWithAck("echo", 1), 1);
});

test("a late answer of an auth function does not join twice", async (t) => {
  const callbacks = [];
  const socket = open(t, await target(t), { auth: (callback) => callbacks.push(callback) });
  await until(() => callbacks.length == 1);
  socket.disconnect().connect();
  await until(() => callbacks.length == 2);
  callbacks[0]({});
  callbacks[1]({});
  assert.equal(await socket.emitWithAck("echo", 1), 1);
});
