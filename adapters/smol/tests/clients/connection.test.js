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

test("a client begins with long-polling and upgrades", { timeout }, async () => {
  const socket = await peer.connected();
  const { engine } = socket.io;
  if (engine.transport.name !== "websocket") {
    await event(engine, "upgrade");
  }
  assert.equal(engine.transport.name, "websocket");
  assert.equal(await socket.emitWithAck("ack", "upgraded"), "upgraded");
});

test("messages keep their order across the upgrade", { timeout }, async () => {
  const socket = await peer.connected();
  const { engine } = socket.io;
  const echoes = events(socket, "echo", 1000);
  const upgraded = engine.transport.name === "websocket" ? null : event(engine, "upgrade");
  for (let number = 0; number < 1000; number += 1) {
    socket.emit("echo", number);
    // A little at a time, so that some go by each transport.
    if (number % 10 === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  await upgraded;
  assert.deepEqual(await echoes, Array.from({ length: 1000 }, (_, number) => number));
});

test("a client can be limited to one transport", { timeout }, async () => {
  for (const name of ["polling", "websocket"]) {
    const socket = await peer.connected({ transports: [name] });
    assert.equal(await socket.emitWithAck("ack", name), name);
    assert.equal(socket.io.engine.transport.name, name);
  }
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
  const small = await Peer.start(undefined, 40);
  const early = await small.connected({ transports: ["websocket"] });
  const [host, port] = small.address.split(":");
  const crowd = Array.from({ length: 80 }, () => connect(port, host));
  await Promise.all(crowd.map((one) => once(one, "connect")));
  assert.equal(await early.emitWithAck("ack", "still here"), "still here");
  crowd.forEach((one) => one.destroy());
  const late = await small.connected();
  assert.equal(await late.emitWithAck("ack", "here, too"), "here, too");
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
