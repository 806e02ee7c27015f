import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, next, open, protocol, target, TRANSPORTS, until } from "./support.mjs";

for (const transports of TRANSPORTS) {
  const over = transports.join(" and ");

  test(`events and acks go both ways over ${over}`, async (t) => {
    const socket = open(t, await target(t), { transports });
    assert.equal(socket.connected, false);
    assert.deepEqual(await socket.emitWithAck("echo", { a: [1, "zwei", null] }), {
      a: [1, "zwei", null],
    });
    assert.equal(socket.connected, true);
    assert.equal(typeof socket.id, "string");

    socket.on("question", (a, b, answer) => {
      answer(a + b);
      answer("only the first call counts");
    });
    socket.emit("ask", 2, 3);
    assert.deepEqual(await next(socket, "answer"), [5]);
  });

  test(`binary data goes both ways at any depth over ${over}`, async (t) => {
    const socket = open(t, await target(t), { transports });
    const buffer = Uint8Array.of(0, 1, 2, 255).buffer;
    const result = await socket.emitWithAck("echo", {
      buffer,
      list: [new Uint8Array(buffer, 1, 2), "text", { view: new DataView(buffer, 3) }],
      blob: new Blob(["a", "b"]),
      node: Buffer.from("node"),
      empty: new ArrayBuffer(0),
      date: new Date(0),
    });
    assert.deepEqual(bytes(result.buffer), [0, 1, 2, 255]);
    assert.deepEqual(bytes(result.list[0]), [1, 2]);
    assert.equal(result.list[1], "text");
    assert.deepEqual(bytes(result.list[2].view), [255]);
    assert.deepEqual(bytes(result.blob), [97, 98]);
    assert.deepEqual(bytes(result.node), [...Buffer.from("node")]);
    assert.deepEqual(bytes(result.empty), []);
    assert.equal(result.date, "1970-01-01T00:00:00.000Z");

    socket.on("question", (data, answer) => answer([data, new Blob([data])]));
    socket.emit("ask", Buffer.from([7]));
    const [[first, second]] = await next(socket, "answer");
    assert.deepEqual([bytes(first), bytes(second)], [[7], [7]]);
  });

  test(`a thousand messages each way keep their order over ${over}`, async (t) => {
    const socket = open(t, await target(t), { transports });
    const down = [];
    const up = [];
    socket.on("number", (i) => down.push(i));
    socket.on("bounced", (i) => up.push(bytes(i[0] || i)[0] ?? i));
    socket.emit("burst", 500);
    for (let i = 0; i < 1000; i++) {
      socket.emit("bounce", i);
      if (i % 50 == 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    socket.emit("burst", 500);
    await until(() => down.length == 1000 && up.length == 1000, "all messages");
    assert.deepEqual(down, [...Array(500).keys(), ...Array(500).keys()]);
  });
}

test("messages of both directions keep their order across the upgrade", async (t) => {
  const socket = open(t, await target(t));
  const order = [];
  const expected = [];
  let upgraded = false;
  socket.on("bounced", (i) => order.push(i));
  socket.io.engine.on("upgrade", () => (upgraded = true));
  for (let i = 0; i < 1000 || !upgraded; i++) {
    socket.emit("bounce", i);
    expected.push(i);
    if (i % 10 == 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await until(() => order.length == expected.length, "all messages");
  assert.deepEqual(order, expected);
  assert.equal(socket.io.engine.transport.name, "websocket");
});

test("Blobs and text keep their order", async (t) => {
  for (const transports of TRANSPORTS) {
    const socket = open(t, await target(t), { transports });
    const order = [];
    socket.on("bounced", (value) => order.push(typeof value == "string" ? value : "blob"));
    for (const value of [new Blob(["x"]), "1", new Blob(["y".repeat(9999)]), "2", "3"])
      socket.emit("bounce", value);
    await until(() => order.length == 5, "all messages");
    assert.deepEqual(order, ["blob", "1", "blob", "2", "3"]);
  }
});

test("forceBase64 sends binary data as text", async (t) => {
  for (const transports of TRANSPORTS) {
    const socket = open(t, await target(t), { transports, forceBase64: true });
    assert.deepEqual(bytes(await socket.emitWithAck("echo", Uint8Array.of(1, 2))), [1, 2]);
  }
});

test("namespaces share a connection", async (t) => {
  const url = await target(t);
  const main = open(t, url);
  const other = main.io.socket("/other");
  assert.equal(await other.emitWithAck("echo", "there"), "there");
  assert.equal(await main.emitWithAck("echo", "here"), "here");
  assert.notEqual(main.id, other.id);
  assert.equal(main.io.socket("/other"), other);

  other.disconnect();
  assert.equal(await main.emitWithAck("echo", "still here"), "still here");
  other.connect();
  assert.equal(await other.emitWithAck("echo", "back"), "back");
});

test("a namespace may refuse", async (t) => {
  const socket = open(t, (await target(t)) + "/closed");
  const [error] = await next(socket, "connect_error");
  assert.equal(error.message, "not today");
  assert.deepEqual(error.data, { code: 7 });
  assert.equal(socket.active, false);
});

test("an unknown namespace is refused", async (t) => {
  const socket = open(t, (await target(t)) + "/nowhere");
  const [error] = await next(socket, "connect_error");
  assert.equal(error.message, "Invalid namespace");
});

test("auth may be an object or a function", async (t) => {
  const url = await target(t);
  assert.deepEqual(await open(t, url, { auth: { token: 1 } }).emitWithAck("auth"), { token: 1 });
  const auth = (callback) => setTimeout(() => callback({ token: 2 }), 10);
  assert.deepEqual(await open(t, url, { auth }).emitWithAck("auth"), { token: 2 });
});

test("query parameters come from the options and from the address", async (t) => {
  const url = await target(t);
  const query = await open(t, url + "/?b=2&c=x=y", { query: { a: "1&?", ü: "ß" } }).emitWithAck(
    "query",
  );
  assert.equal(query.a, "1&?");
  assert.equal(query.b, "2");
  assert.equal(query.c, "x=y");
  assert.equal(query.ü, "ß");
  assert.equal(query.EIO, "4");
  assert.equal(typeof query.t, "string");
});

test("extra headers travel with the handshake, also those of one transport", async (t) => {
  const url = await target(t);
  const options = {
    extraHeaders: { "x-a": "1" },
    transportOptions: { polling: { extraHeaders: { "x-b": "2" } } },
  };
  const headers = await open(t, url, options).emitWithAck("headers");
  assert.equal(headers["x-a"], undefined);
  assert.equal(headers["x-b"], "2");
});

test("one transport may have a query of its own", async (t) => {
  const url = await target(t);
  const options = { query: { a: 1 }, transportOptions: { polling: { query: { b: 2 } } } };
  const query = await open(t, url, options).emitWithAck("query");
  assert.deepEqual([query.a, query.b], [undefined, "2"]);
});

test("catch-all listeners see every event", async (t) => {
  const socket = open(t, await target(t));
  const seen = [];
  const removed = () => seen.push("removed");
  socket.onAny((...args) => seen.push(["second", ...args]));
  socket.prependAny((...args) => seen.push(["first", ...args]));
  socket.onAny(removed).offAny(removed);
  socket.onAnyOutgoing((...args) => seen.push(["out", ...args]));
  assert.equal(socket.listenersAny().length, 2);
  assert.equal(socket.listenersAnyOutgoing().length, 1);
  socket.emit("bounce", 1);
  await next(socket, "bounced");
  assert.deepEqual(seen, [
    ["out", "bounce", 1],
    ["first", "bounced", 1],
    ["second", "bounced", 1],
  ]);
});

test("all listeners have the socket as \"this\"", async (t) => {
  const socket = open(t, await target(t));
  const seen = [];
  function listener() {
    seen.push(this);
  }
  socket.onAny(listener).onAnyOutgoing(listener).on("bounced", listener).once("bounced", listener);
  socket.emit("bounce");
  await next(socket, "bounced");
  socket.emit("echo", listener);
  await until(() => seen.length == 6);
  assert.ok(seen.every((self) => self == socket));
});

test("the emitter's methods go by all their names", async (t) => {
  const socket = open(t, await target(t), { autoConnect: false });
  const calls = [];
  const listener = (x) => calls.push(x);
  socket.addEventListener("e", listener).once("e", listener);
  assert.equal(socket.listeners("e").length, 2);
  assert.equal(socket.hasListeners("e"), true);
  socket.removeListener("e", listener).removeEventListener("e", listener);
  assert.equal(socket.hasListeners("e"), false);
  socket.on("constructor", listener).on("__proto__", listener);
  assert.equal(socket.listeners("constructor").length, 1);
  assert.equal(socket.listeners("__proto__").length, 1);
  socket.removeAllListeners();
  assert.equal(socket.hasListeners("constructor"), false);
});

test("reserved events cannot be emitted", async (t) => {
  const socket = open(t, await target(t), { autoConnect: false });
  for (const event of [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
  ])
    assert.throws(() => socket.emit(event), /is a reserved event name/);
  // Nothing of the refused event is left for the next one.
  await assert.rejects(socket.emitWithAck("connect"), /is a reserved event name/);
  socket.connect();
  const answer = await new Promise((resolve) => socket.emit("echo", 1, (...args) => resolve(args)));
  assert.deepEqual(answer, [1]);
  assert.equal(protocol, 5);
});

test("send() emits a message", async (t) => {
  const socket = open(t, await target(t), { autoConnect: false });
  assert.equal(socket.send("x"), socket);
  assert.deepEqual(socket.sendBuffer[0].data, ["message", "x"]);
});

test("what a listener throws stops neither the loop nor other messages", async (t) => {
  for (const transports of [["polling"], ["websocket"]]) {
    const socket = open(t, await target(t), { transports });
    await next(socket, "connect");
    const numbers = [];
    const uncaught = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    let thrown = 0;
    process.on("uncaughtException", () => thrown++);
    socket.on("number", (i) => {
      numbers.push(i);
      if (i == 1) throw new Error("from a listener");
    });
    socket.emit("burst", 4);
    await until(() => numbers.length == 4, "all messages").finally(() => {
      process.removeAllListeners("uncaughtException");
      for (const listener of uncaught) process.on("uncaughtException", listener);
    });
    assert.equal(thrown, 1);
    assert.equal(socket.connected, true);
  }
});
