// What libraries that wrap the client do to it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Manager, next, open, target, until } from "./support.mjs";

test("onevent may be replaced, as by socketio-wildcard", async (t) => {
  const socket = open(t, await target(t));
  const { emit } = Manager.prototype;
  const seen = [];
  socket.onevent = function (packet) {
    const args = packet.data;
    if (packet.id != null) args.push(this.ack(packet.id));
    emit.call(this, "*", packet);
    emit.apply(this, args);
  };
  socket.on("*", ({ data }) => seen.push(data[0]));
  socket.on("question", (x, reply) => reply(x + 1));
  socket.emit("ask", 1);
  assert.deepEqual(await next(socket, "answer"), [2]);
  assert.deepEqual(seen, ["question", "answer"]);
});

test("onevent may be called through, as by vue-socket.io-extended", async (t) => {
  const socket = open(t, await target(t));
  const seen = [];
  const { onevent } = socket;
  socket.onevent = (packet) => {
    onevent.call(socket, packet);
    seen.push(packet.data);
  };
  socket.emit("bounce", 1);
  await next(socket, "bounced");
  await until(() => seen.length);
  assert.deepEqual(seen, [["bounced", 1]]);
});

test("the time limit of the next event can be read, as by Feathers", async (t) => {
  const socket = open(t, await target(t), { autoConnect: false, ackTimeout: 7 });
  assert.equal(socket.flags.timeout, undefined);
  assert.equal(socket.timeout(5).flags.timeout, 5);
  assert.equal(socket._opts.ackTimeout, 7);
});

test("the manager can be disconnected", async (t) => {
  const socket = open(t, await target(t));
  await next(socket, "connect");
  const closed = next(socket, "disconnect");
  socket.io.disconnect();
  assert.equal((await closed)[0], "forced close");
  assert.equal(socket.active, true);
  socket.io.connect();
  await next(socket, "connect");
});

test("the WebSocket beneath can be reached", async (t) => {
  const socket = open(t, await target(t), { transports: ["websocket"] });
  await next(socket, "connect");
  assert.equal(socket.io.engine.transport.ws.readyState, 1);
});

test("the errors of a transport can be heard, as by sails.io.js", async (t) => {
  for (const transport of ["polling", "websocket"]) {
    const socket = open(t, "http://localhost:1", { transports: [transport] });
    const [error] = await next(socket.io.engine.transport, "error");
    assert.equal(error.message, `${transport == "polling" ? "xhr poll" : transport} error`);
  }
});
