// The published client, by WebSocket.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";

const program = process.env.EMBED_SERVER;
const timeout = 20_000;
const sockets = [];
let server;
let address;

before(async () => {
  assert.ok(program, "EMBED_SERVER must name the example `sockeye-embed`, as built by cargo");
  server = spawn(program, ["127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: server.stdout }), "line");
  address = line.replace("listening on ", "http://");
});
after(() => {
  sockets.forEach((socket) => socket.disconnect());
  server.kill();
});

async function connected() {
  const socket = io(address, { forceNew: true, transports: ["websocket"] });
  sockets.push(socket);
  await once(socket, "connect");
  return socket;
}

test("events come back as they were sent", { timeout }, async () => {
  const socket = await connected();
  const args = ["text \u20ac", 1, { bytes: Buffer.from("bytes") }, null];
  socket.emit("hello", ...args);
  assert.deepEqual(await once(socket, "hello"), args);
});

test("acknowledgements are answered", { timeout }, async () => {
  const socket = await connected();
  assert.equal(await socket.emitWithAck("question", 42), 42);
});

test("a thousand events keep their order", { timeout }, async () => {
  const socket = await connected();
  const seen = [];
  const done = new Promise((resolve) => {
    socket.on("number", (number) => seen.push(number) === 1000 && resolve());
  });
  for (let number = 0; number < 1000; number += 1) {
    socket.emit("number", number);
  }
  await done;
  assert.deepEqual(seen, Array.from({ length: 1000 }, (_, number) => number));
});

test("clients come and go without harm to each other", { timeout }, async () => {
  const stays = await connected();
  const leaves = await Promise.all(Array.from({ length: 20 }, connected));
  leaves.forEach((socket, index) => (index % 2 ? socket.disconnect() : socket.io.engine.close()));
  assert.equal(await stays.emitWithAck("still", "here"), "here");
});

test("a namespace that is not there is refused", { timeout }, async () => {
  const socket = (await connected()).io.socket("/nowhere");
  const [error] = await once(socket, "connect_error");
  assert.equal(error.message, "Invalid namespace");
});
