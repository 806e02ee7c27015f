import assert from "node:assert/strict";
import { test } from "node:test";
import { scripted } from "./scripted.mjs";
import { next, open, sleep, until } from "./support.mjs";

const MALFORMED = {
  "no payload": "42",
  "an unknown type": "49",
  "invalid JSON": '42["a"',
  "an object for an event": '42{"a":1}',
  "an empty event": "42[]",
  "an event without a name": "42[{}]",
  "a reserved event": '42["disconnect"]',
  "a payload for a disconnect": "41{}",
  "an array for a connect": "40[]",
  "a number for an error": "441",
  "an ack without an array": '431"a"',
  "no attachments": '450-["a"]',
  "a missing count": '45["a"]',
  "a count without a dash": '451["a"]',
  "text instead of an attachment": ['451-["a",{"_placeholder":true,"num":0}]', '42["b"]'],
  "an attachment out of place": "bAAAA",
  "a placeholder without an attachment": ['451-["a",{"_placeholder":true,"num":1}]', "bAAAA"],
  "a fractional placeholder": ['451-["a",{"_placeholder":true,"num":0.5}]', "bAAAA"],
  "the name of a method as a placeholder": ['451-["a",{"_placeholder":true,"num":"at"}]', "bAAAA"],
  "an endless ack id": `42${"9".repeat(400)}["a"]`,
};

for (const transports of [["polling"], ["websocket"]])
  for (const [what, frames] of Object.entries(MALFORMED))
    test(`${what} is a parse error over ${transports}`, async (t) => {
      const server = await scripted(t);
      const socket = open(t, server.url, { transports, reconnectionDelay: 1000 });
      socket.onAny(() => assert.fail("an event"));
      await next(socket, "connect");
      server.send(...[frames].flat());
      const [reason, error] = await next(socket, "disconnect");
      assert.equal(reason, "parse error");
      assert.ok(error instanceof Error);
      assert.equal(socket.active, true);
    });

test("malformed frames of the engine are a transport error", async (t) => {
  for (const transports of [["polling"], ["websocket"]])
    for (const frame of ["", "x", "7", "b!", "0{"]) {
      const server = await scripted(t);
      const socket = open(t, server.url, { transports, reconnectionDelay: 1000 });
      await next(socket, "connect");
      server.send(frame);
      assert.equal((await next(socket, "disconnect"))[0], "transport error", JSON.stringify(frame));
    }
});

test("a malformed handshake is an error, and nothing is thrown", async (t) => {
  for (const frame of ["0", "0{", "0null", "0[]", '0{"sid":""}']) {
    const server = await scripted(t, { frame });
    const socket = open(t, server.url, { reconnectionDelay: 1000 });
    const [error] = await next(socket, "connect_error");
    assert.match(error.message, /^server error$/);
  }
  const server = await scripted(t, { handshake: { upgrades: null } });
  await next(open(t, server.url), "connect");
});

test("a second handshake ends the session", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"], reconnectionDelay: 1000 });
  await next(socket, "connect");
  server.send('0{"sid":"other"}');
  assert.equal((await next(socket, "disconnect"))[0], "transport error");
});

test("what precedes a malformed packet is delivered, and before the disconnect", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"], reconnectionDelay: 1000 });
  const events = [];
  socket.on("a", (x) => events.push(x));
  socket.on("disconnect", (reason) => events.push(reason));
  await next(socket, "connect");
  server.send('42["a",1]', '42["a",2]', "4bad", '42["a",3]');
  await until(() => events.length == 3);
  await sleep(20);
  assert.deepEqual(events, [1, 2, "parse error"]);
});

test("a close packet ends the session after what came with it", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"], reconnectionDelay: 1000 });
  const events = [];
  socket.on("a", () => events.push("a"));
  socket.on("disconnect", (reason) => events.push(reason));
  await next(socket, "connect");
  const { length } = server.posts;
  server.send('42["a"]', "1");
  await until(() => events.length == 2);
  assert.deepEqual(events, ["a", "transport close"]);
  await sleep(20);
  assert.equal(server.posts.length, length, "nobody is told what the server said");
});
