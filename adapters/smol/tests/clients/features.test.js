// What an app can do beyond events and rooms, over each transport.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Peer, TRANSPORTS, connection, event, events } from "./peer.js";

const timeout = 20_000;

for (const [how, options] of Object.entries(TRANSPORTS)) {
  describe(how, { timeout }, () => {
    let peer;
    before(async () => {
      peer = await Peer.start();
    });
    after(() => peer.stop());
    const connected = (namespace) => peer.connected(options, namespace);

    // Listeners.

    test("a socket has listeners of its own, some of them once", { timeout }, async () => {
      const socket = await connected("/listeners");
      const [own, first] = [[], []];
      socket.on("own", (n) => own.push(n));
      socket.on("first", () => first.push("first"));
      await socket.emitWithAck("listen");
      socket.emit("own", 1);
      socket.emit("first");
      socket.emit("first");
      socket.emit("own", 2);
      socket.emit("stop");
      socket.emit("own", 3);
      await socket.emitWithAck("answers");
      assert.deepEqual([own, first], [[1, 2], ["first"]]);
    });

    test("the first handler to answer gives the acknowledgement", { timeout }, async () => {
      const socket = await connected("/listeners");
      assert.equal(await socket.emitWithAck("answers"), "the first to answer");
    });

    test("what is emitted is heard by the server's own listeners", { timeout }, async () => {
      const [socket, other] = await Promise.all([connected("/listeners"), connected("/listeners")]);
      const messages = events(socket, "message", 2);
      const theirs = event(other, "message");
      socket.emit("say");
      assert.deepEqual(await messages, ["to you", "to all"]);
      assert.deepEqual(await theirs, ["to all", 2]);
      assert.deepEqual(await socket.emitWithAck("heard"), ["message", "message"]);
      assert.deepEqual(await other.emitWithAck("heard"), ["message"]);
    });

    // Middlewares for events.

    test("a middleware changes an event", { timeout }, async () => {
      const socket = await connected("/passage");
      assert.equal(await socket.emitWithAck("shout", "hello"), "HELLO");
    });

    test("a middleware keeps an event from its handlers, and the connection goes on", { timeout }, async () => {
      const socket = await connected("/passage");
      await assert.rejects(socket.timeout(100).emitWithAck("forbidden"));
      assert.equal(await socket.emitWithAck("shout", "on"), "ON");
    });

    // Flow.

    test("of a flood of events with slow handlers none is lost", { timeout }, async () => {
      const socket = await connected("/flow");
      const all = Array.from({ length: 500 }, (_, n) => n);
      const answers = await Promise.all(all.map((n) => socket.emitWithAck("slow", n)));
      assert.deepEqual(answers, all);
      const most = await socket.emitWithAck("most");
      // Long-polling brings them in larger portions.
      assert.ok(options.transports?.[0] !== "websocket" || most <= 150, `${most} at once`);
    });

    test("a long file comes at the client's own pace", { timeout }, async () => {
      const socket = await connected("/flow");
      const [chunks, size] = [200, 200_000];
      let next = 0;
      socket.on("chunk", (n, data) => {
        assert.deepEqual([n, data.length, data[0]], [next, size, n % 256]);
        next += 1;
      });
      const [most, left] = await new Promise((resolve) => {
        socket.emit("file", chunks, size, (...answer) => resolve(answer));
      });
      assert.deepEqual([next, left], [chunks, 0]);
      assert.ok(most < 5 << 20, `${most} bytes waited`);
    });

    // Rooms and other sockets.

    test("changes of rooms are told", { timeout }, async () => {
      const [socket, other] = await Promise.all([connected("/rooms"), connected("/rooms")]);
      const told = [];
      for (const name of ["created", "joined", "left room"]) {
        socket.on(name, (room, id) => room === how && told.push([name, id]));
      }
      const deleted = event(socket, "deleted");
      const id = other.id;
      await other.emitWithAck("join", how);
      other.disconnect();
      assert.deepEqual(await deleted, [how]);
      assert.deepEqual(told, [["created", undefined], ["joined", id], ["left room", id]]);
    });

    test("a socket that goes can tell the rooms it was in", { timeout }, async () => {
      const [socket, other] = await Promise.all([connected("/rooms"), connected("/rooms")]);
      const room = `left ${how}`;
      await socket.emitWithAck("join", room);
      await other.emitWithAck("join", room);
      const left = event(socket, "left");
      other.disconnect();
      assert.deepEqual(await left, [room, "client namespace disconnect"]);
    });

    test("sockets are found by their rooms, and each one asked", { timeout }, async () => {
      const sockets = await Promise.all([connected("/rooms"), connected("/rooms")]);
      const found = sockets.map((socket) => event(socket, "found"));
      const room = `found ${how}`;
      await Promise.all(sockets.map((socket) => socket.emitWithAck("join", room)));
      assert.equal(await sockets[0].emitWithAck("find", room), 2);
      assert.deepEqual(await Promise.all(found), [[2], [2]]);
      for (const socket of sockets) {
        socket.on("who", (answer) => answer(socket.id));
      }
      const ids = sockets.map((socket) => socket.id).sort();
      assert.deepEqual((await sockets[0].emitWithAck("ask each", room)).sort(), ids);
    });

    test("a namespace made by a template knows what its name captures", { timeout }, async () => {
      const socket = await connected("/team-blue/kitchen");
      const found = await new Promise((resolve) => {
        socket.emit("where", (...answer) => resolve(answer));
      });
      assert.deepEqual(found, ["blue", "kitchen"]);
      const none = peer.client(options, "/team-blue/a/b");
      await assert.rejects(connection(none), { message: "Invalid namespace" });
    });

    // Typed events.

    test("typed events arrive and are answered in their types", { timeout }, async () => {
      const socket = await connected("/typed");
      const sum = event(socket, "sum");
      assert.equal(await socket.emitWithAck("add", 40, 2), 42);
      assert.deepEqual(await sum, [[40, 2], 42]);
      await assert.rejects(socket.timeout(100).emitWithAck("add", 40, "two"));
    });
  });
}

test("the server is told of an upgrade", { timeout }, async () => {
  const peer = await Peer.start();
  try {
    const socket = peer.client({ transports: ["polling", "websocket"] });
    assert.deepEqual(await event(socket, "upgraded"), ["websocket"]);
  } finally {
    await peer.stop();
  }
});

for (const [how, options] of Object.entries(TRANSPORTS)) {
  test(`a client that sends too much has to wait, ${how}`, { timeout }, async () => {
    const peer = await Peer.start(undefined, undefined, "delay");
    try {
      const socket = await peer.connected(options);
      const counted = events(socket, "counted", 60);
      const all = Array.from({ length: 60 }, (_, n) => n);
      all.forEach((n) => socket.emit("count", n));
      assert.deepEqual(await counted, all);
      assert.ok((await socket.emitWithAck("throttled")) > 0);
    } finally {
      await peer.stop();
    }
  });
}

test("a client that sends too much is cut off where that is wanted", { timeout }, async () => {
  const peer = await Peer.start(undefined, undefined, "disconnect");
  try {
    const socket = await peer.connected({ transports: ["websocket"] });
    const gone = event(socket, "disconnect");
    for (let n = 0; n < 60; n += 1) {
      socket.emit("count", n);
    }
    assert.equal((await gone)[0], "transport close");
  } finally {
    await peer.stop();
  }
});

test("a server that retires sends its clients away one by one and then ends", { timeout }, async () => {
  const peer = await Peer.start();
  const kinds = [["websocket"], ["polling"], ["websocket"], ["polling"]];
  const sockets = [];
  for (const transports of kinds) {
    sockets.push(await peer.connected({ transports }));
  }
  const order = [];
  const gone = sockets.map(async (socket, index) => {
    const [reason] = await event(socket, "disconnect");
    order.push([index, reason]);
  });
  const ended = peer.retire(400);
  await Promise.all(gone);
  assert.deepEqual(order, [0, 1, 2, 3].map((index) => [index, "transport close"]));
  assert.equal(await ended, 0);
  await peer.stop();
});
