// Connections: transports, namespaces, ends, and what comes after.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { Peer, TRANSPORTS, connection, event, events } from "./peer.js";

const timeout = 20_000;
let peer;
before(async () => {
  peer = await Peer.start();
});
after(() => peer.stop());

test("a client by default stays on long-polling, at once and without an error", { timeout }, async () => {
  const socket = peer.client();
  const wrong = [];
  socket.on("connect_error", (error) => wrong.push(error));
  socket.io.engine.on("upgrading", () => wrong.push("upgrading"));
  socket.io.engine.on("upgradeError", (error) => wrong.push(error));
  const begun = performance.now();
  await event(socket, "connect");
  for (let number = 0; number < 50; number += 1) {
    assert.equal(await socket.emitWithAck("ack", number), number);
  }
  assert.ok(performance.now() - begun < 2_000);
  assert.equal(socket.io.engine.transport.name, "polling");
  assert.deepEqual(wrong, []);
});

test("a client that tries a WebSocket first goes on to long-polling", { timeout }, async () => {
  const socket = peer.client({ transports: ["websocket", "polling"], tryAllTransports: true });
  await event(socket, "connect");
  assert.equal(socket.io.engine.transport.name, "polling");
  assert.equal(await socket.emitWithAck("ack", "here"), "here");
});

test("a client that wants nothing but a WebSocket is told at once", { timeout }, async () => {
  const begun = performance.now();
  await assert.rejects(connection(peer.client({ transports: ["websocket"] })));
  assert.ok(performance.now() - begun < 2_000);
});

test("namespaces share a connection and keep apart what is said", { timeout }, async () => {
  const main = await peer.connected();
  const custom = main.io.socket("/custom", { auth: { token: "abc" } });
  const auth = event(custom, "auth");
  assert.deepEqual(await auth, [{ token: "abc" }]);
  const heard = [];
  main.on("echo", (value) => heard.push(value));
  const echo = event(custom, "echo");
  custom.emit("echo", "in private");
  assert.deepEqual(await echo, ["in private"]);
  await main.emitWithAck("ack");
  assert.deepEqual(heard, []);
  custom.disconnect();
  assert.equal(await main.emitWithAck("ack", "still here"), "still here");
});

test("a namespace that is not there cannot be joined", { timeout }, async () => {
  await assert.rejects(connection(peer.client({}, "/nowhere")), { message: "Invalid namespace" });
});

for (const [how, options] of Object.entries(TRANSPORTS)) {
  test(`a client that disconnects is seen to leave, ${how}`, { timeout }, async () => {
    const observer = await peer.connected();
    const socket = await peer.connected(options);
    const { id } = socket;
    const reason = event(socket, "disconnect");
    const left = leaving(observer, id);
    socket.disconnect();
    assert.deepEqual((await reason)[0], "io client disconnect");
    assert.equal(await left, "client namespace disconnect");
  });

  test(`a client is told that the server disconnects it, ${how}`, { timeout }, async () => {
    const observer = await peer.connected();
    const socket = await peer.connected(options);
    const reason = event(socket, "disconnect");
    const left = leaving(observer, socket.id);
    socket.emit("kick me");
    assert.deepEqual((await reason)[0], "io server disconnect");
    assert.equal(await left, "server namespace disconnect");
  });

  test(`a client notices that the server hangs up, ${how}`, { timeout }, async () => {
    const socket = await peer.connected(options);
    const reason = event(socket, "disconnect");
    socket.emit("hang up on me");
    assert.deepEqual((await reason)[0], "io server disconnect");
  });

  test(`a connection that is cut is seen on the other side, ${how}`, { timeout }, async () => {
    const observer = await peer.connected();
    const socket = await peer.connected(options);
    const left = leaving(observer, socket.id);
    socket.io.engine.close();
    assert.equal(await left, "transport close");
  });

  test(`a client reconnects after a restart of the server, ${how}`, { timeout }, async () => {
    const first = await Peer.start();
    const socket = await first.connected({ ...options, reconnection: true, reconnectionDelay: 20 });
    const lost = event(socket, "disconnect");
    await first.kill();
    assert.match((await lost)[0], /^transport (close|error)$/);
    const back = event(socket, "connect");
    const second = await Peer.start(first.address);
    await back;
    assert.equal(await socket.emitWithAck("ack", "again"), "again");
    socket.disconnect();
    await second.stop();
  });
}

test("a server that ran out of descriptors goes on when there are some", { timeout }, async () => {
  const small = await Peer.start(undefined, 100);
  const early = await small.connected();
  const [host, port] = small.address.split(":");
  const crowd = Array.from({ length: 80 }, () => connect(port, host));
  crowd.forEach((one) => one.on("error", () => {}));
  await Promise.all(crowd.map((one) => once(one, "connect")));
  crowd.forEach((one) => one.destroy());
  const late = await small.connected();
  assert.equal(await late.emitWithAck("ack", "here, too"), "here, too");
  early.disconnect();
  await small.stop();
});

// Waits until the server says that a client has left; gives the reason.
function leaving(observer, id) {
  return new Promise((resolve) => {
    observer.on("left", (who, reason) => {
      if (who === id) {
        resolve(reason);
      }
    });
  });
}
