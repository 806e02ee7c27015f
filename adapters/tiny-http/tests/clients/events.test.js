// Events, acknowledgements, rooms and broadcasts, by long-polling.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Peer, TRANSPORTS, event, events } from "./peer.js";

const timeout = 20_000;

for (const [how, options] of Object.entries(TRANSPORTS)) {
  describe(how, { timeout }, () => {
    let peer;
    before(async () => {
      peer = await Peer.start();
    });
    after(() => peer.stop());

    const values = {
      "a string": ["hello"],
      "several arguments": ["one", 2, true, null, [3, [4]], { five: { six: 7.5 } }],
      "no argument": [],
      "characters of all sorts": ["\u20ac \u{1f642} \u0000 \u001e \u2028 \" \\ \n", { "\u00e9": "\u{10ffff}" }],
      "half a character": ["\ud800 \udc00"],
      "what looks like a placeholder's neighbour": [{ placeholder: true, num: 0 }],
      "a long string": ["x".repeat(500_000)],
      "bytes": [Buffer.from([0, 1, 30, 127, 128, 255])],
      "no bytes": [Buffer.alloc(0)],
      "bytes among other things": [
        "text",
        { deep: [{ deeper: Buffer.from("one") }, Buffer.from("two")], beside: 1 },
        Buffer.from("three"),
      ],
      "many bytes": [Buffer.alloc(300_000, 7)],
    };
    for (const [name, args] of Object.entries(values)) {
      test(`${name} comes back as it was sent`, { timeout }, async () => {
        const socket = await peer.connected(options);
        const echo = event(socket, "echo");
        socket.emit("echo", ...args);
        assert.deepEqual(await echo, args);
      });

      test(`${name} comes back in an acknowledgement`, { timeout }, async () => {
        const socket = await peer.connected(options);
        const answer = await new Promise((resolve) => {
          socket.emit("ack", ...args, (...answer) => resolve(answer));
        });
        assert.deepEqual(answer, args);
      });
    }

    test("the server gets an acknowledgement from the client", { timeout }, async () => {
      const socket = await peer.connected(options);
      socket.on("question", (a, bytes, answer) => answer(a * 2, Buffer.concat([bytes, bytes])));
      const answered = event(socket, "answered");
      socket.emit("ask me", 21, Buffer.from("ab"));
      assert.deepEqual(await answered, [42, Buffer.from("abab")]);
    });

    test("the server notices when there is no acknowledgement", { timeout }, async () => {
      const socket = await peer.connected(options);
      const unanswered = event(socket, "unanswered");
      socket.emit("ask me", "too much");
      assert.equal((await unanswered).length, 1);
    });

    test("an emit with a timeout is answered in time", { timeout }, async () => {
      const socket = await peer.connected(options);
      assert.equal(await socket.timeout(5_000).emitWithAck("ack", "quick"), "quick");
    });

    test("a room gets what is sent to it, until it is left", { timeout }, async () => {
      const [inside, leaver, outside] = await three(peer, options);
      await inside.emitWithAck("join", "kitchen");
      await leaver.emitWithAck("join", "kitchen");
      await leaver.emitWithAck("leave", "kitchen");
      const heard = collect([inside, leaver, outside], "room");
      await outside.emitWithAck("to room", "kitchen", "dinner");
      await settled([inside, leaver, outside]);
      assert.deepEqual(heard, [["dinner"], [], []]);
    });

    test("the sender in a room can be left out", { timeout }, async () => {
      const [sender, other, outside] = await three(peer, options);
      await sender.emitWithAck("join", "hall");
      await other.emitWithAck("join", "hall");
      const heard = collect([sender, other, outside], "room");
      await sender.emitWithAck("to others in room", "hall", "boo");
      await settled([sender, other, outside]);
      assert.deepEqual(heard, [[], ["boo"], []]);
    });

    test("a broadcast reaches all, the sender included", { timeout }, async () => {
      const clients = await three(peer, options);
      const heard = collect(clients, "all");
      await clients[0].emitWithAck("to all", Buffer.from("news"));
      await settled(clients);
      assert.deepEqual(heard, Array(3).fill([Buffer.from("news")]));
    });

    test("a broadcast can leave out the sender", { timeout }, async () => {
      const clients = await three(peer, options);
      const heard = collect(clients, "others");
      await clients[1].emitWithAck("to others", "secret");
      await settled(clients);
      assert.deepEqual(heard, [["secret"], [], ["secret"]]);
    });

    test("a thousand messages arrive in order, in both directions", { timeout }, async () => {
      const socket = peer.client(options);
      const expected = Array.from({ length: 1000 }, (_, number) => number);
      const echoes = events(socket, "echo", 1000);
      const numbers = events(socket, "number", 1000);
      socket.emit("numbers", 1000);
      for (const number of expected) {
        socket.emit("echo", number);
        if (number % 50 === 0) {
          await new Promise(setImmediate);
        }
      }
      assert.deepEqual(await echoes, expected);
      assert.deepEqual(await numbers, expected);
    });
  });
}

async function three(peer, options) {
  return Promise.all([peer.connected(options), peer.connected(options), peer.connected(options)]);
}

// What each client hears of an event, from now on.
function collect(clients, name) {
  return clients.map((client) => {
    const heard = [];
    client.on(name, (value) => heard.push(value));
    return heard;
  });
}

// Waits until everything sent to these clients so far has arrived: an answer comes after it.
async function settled(clients) {
  await Promise.all(clients.map((client) => client.emitWithAck("ack")));
}
