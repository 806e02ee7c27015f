import assert from "node:assert/strict";
import { test } from "node:test";
import { scripted } from "./scripted.mjs";
import { next, open, sleep, start, target, until } from "./support.mjs";

test("what is emitted offline is sent on connection, before what the listener sends", async (t) => {
  const socket = open(t, await target(t), { autoConnect: false });
  const order = [];
  socket.on("bounced", (x) => order.push(x));
  socket.on("connect", () => socket.emit("bounce", "c"));
  socket.emit("bounce", "a");
  socket.emit("bounce", "b");
  assert.equal(socket.sendBuffer.length, 2);
  socket.connect();
  await until(() => order.length == 3);
  assert.deepEqual(order, ["a", "b", "c"]);
  assert.equal(socket.sendBuffer.length, 0);
});

test("volatile events are dropped while the transport is busy or away", async (t) => {
  const socket = open(t, await target(t), { transports: ["websocket"], autoConnect: false });
  const order = [];
  socket.on("bounced", (x) => order.push(x));
  socket.volatile.emit("bounce", "offline");
  socket.connect();
  await next(socket, "connect");
  await sleep(20);
  socket.volatile.emit("bounce", "sent");
  socket.volatile.emit("bounce", "busy");
  await until(() => order.length);
  socket.emit("bounce", "last");
  await until(() => order.includes("last"));
  assert.deepEqual(order, ["sent", "last"]);
});

test("an ack that does not come in time is an error", async (t) => {
  const socket = open(t, await target(t));
  await assert.rejects(socket.timeout(30).emitWithAck("nobody answers"), /operation has timed out/);
  assert.equal(await socket.timeout(3000).emitWithAck("echo", 1), 1);
  const args = await new Promise((resolve) =>
    socket.timeout(3000).emit("echo", 1, 2, (...args) => resolve(args)),
  );
  assert.deepEqual(args, [null, 1, 2]);
});

test("a timeout takes the event out of the buffer", async (t) => {
  const socket = open(t, await target(t), { autoConnect: false, ackTimeout: 20 });
  const [error] = await new Promise((resolve) => socket.emit("echo", (...args) => resolve(args)));
  assert.equal(error.message, "operation has timed out");
  assert.equal(socket.sendBuffer.length, 0);
});

test("acks that cannot come any more fail, unless the event was not sent yet", async (t) => {
  const socket = open(t, await target(t));
  await next(socket, "connect");
  const lost = socket.emitWithAck("nobody answers");
  let called = false;
  socket.emit("nobody answers", () => (called = true));
  socket.disconnect();
  await assert.rejects(lost, /socket has been disconnected/);
  assert.equal(called, false);
  const kept = socket.emitWithAck("echo", "kept");
  socket.connect();
  assert.equal(await kept, "kept");
});

test("retries resend until the server acknowledges", async (t) => {
  const { server, url } = await start(t);
  const seen = [];
  server.on("connection", (socket) =>
    socket.on("unreliable", (x, ack) => {
      seen.push(x);
      if (seen.length > 2) ack(x);
    }),
  );
  const socket = open(t, url, { retries: 5, ackTimeout: 30 });
  const results = [];
  socket.emit("unreliable", "a", (error, x) => results.push(error, x));
  socket.emit("unreliable", "b", (error, x) => results.push(error, x));
  await until(() => results.length == 4);
  assert.deepEqual(results, [null, "a", null, "b"]);
  assert.deepEqual(seen, ["a", "a", "a", "b"]);
});

test("retries end with an error", async (t) => {
  const socket = open(t, await target(t), { retries: 2, ackTimeout: 15 });
  let sent = 0;
  socket.onAnyOutgoing(() => sent++);
  const error = await new Promise((resolve) => socket.emit("nobody answers", resolve));
  assert.equal(error.message, "operation has timed out");
  assert.equal(sent, 3);
});

test("retries need no timeout to tell an answer from an error", async (t) => {
  const socket = open(t, await target(t), { retries: 2 });
  const args = await new Promise((resolve) => socket.emit("echo", "x", (...args) => resolve(args)));
  assert.deepEqual(args, [null, "x"]);
});

test("an unacknowledged event of the queue is sent again after a reconnection", async (t) => {
  const { server, url } = await start(t);
  const seen = [];
  server.on("connection", (socket) =>
    socket.on("event", (ack) => {
      seen.push(socket.id);
      if (seen.length == 1) socket.conn.close();
      else ack();
    }),
  );
  const socket = open(t, url, { retries: 3, ackTimeout: 2000 });
  await new Promise((resolve) => socket.emit("event", resolve));
  assert.equal(seen.length, 2);
  assert.notEqual(seen[0], seen[1]);
});

const circular = () => {
  const data = {};
  data.data = data;
  return data;
};

test("a buffered event that cannot be encoded fails alone", async (t) => {
  const socket = open(t, await target(t), { autoConnect: false });
  const said = t.mock.method(console, "error", () => {});
  const answer = socket.emitWithAck("bounce", circular());
  socket.emit("bounce", circular());
  socket.emit("bounce", "sent");
  const events = [next(socket, "connect"), next(socket, "bounced")];
  socket.connect();
  await assert.rejects(answer, TypeError);
  assert.deepEqual(await Promise.all(events), [[], ["sent"]]);
  assert.deepEqual(
    said.mock.calls.map(({ arguments: [error] }) => error instanceof TypeError),
    [true],
  );
});

test("an event that cannot be encoded is the caller's error", async (t) => {
  const socket = open(t, await target(t));
  await next(socket, "connect");
  assert.throws(() => socket.emit("bounce", circular()), TypeError);
  assert.throws(() => socket.emit("bounce", circular(), assert.fail), TypeError);
  await assert.rejects(socket.emitWithAck("bounce", circular()), TypeError);
  const error = await new Promise((resolve) =>
    socket.timeout(5000).emit("bounce", circular(), resolve),
  );
  assert.ok(error instanceof TypeError);
  assert.deepEqual(socket.acks, {});
  assert.equal(await socket.emitWithAck("echo", 1), 1);
});

test("an event that cannot be encoded does not stop the queue of retries", async (t) => {
  const socket = open(t, await target(t), { retries: 3, ackTimeout: 5000, autoConnect: false });
  const said = t.mock.method(console, "error", () => {});
  const answers = [socket.emitWithAck("echo", circular()), socket.emitWithAck("echo", 1)];
  socket.emit("bounce", circular());
  socket.connect();
  await assert.rejects(answers[0], TypeError);
  assert.equal(await answers[1], 1);
  await until(() => said.mock.callCount());
  await assert.rejects(socket.emitWithAck("echo", circular()), TypeError);
  assert.equal(await socket.emitWithAck("echo", 2), 2);
});

test("a listener that throws on an early event takes nothing else along", async (t) => {
  const server = await scripted(t, { join: false });
  const socket = open(t, server.url, { transports: ["polling"] });
  const said = t.mock.method(console, "error", () => {});
  const early = [];
  socket.on("early", (x) => {
    early.push(x);
    throw new Error("from a listener");
  });
  await until(() => server.posts.length);
  server.send('42["early",1]', '42["early",2]', '40{"sid":"s"}');
  await next(socket, "connect");
  assert.deepEqual(early, [1, 2]);
  assert.equal(said.mock.callCount(), 2);
});
