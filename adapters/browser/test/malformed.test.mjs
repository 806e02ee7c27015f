import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { cookieHeader, storeCookies } from "../js/cookies.js";
import { scripted } from "./scripted.mjs";
import { isPage, next, open, sleep, until } from "./support.mjs";

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
  "more attachments than allowed": '4511-["a"]',
  "a flood of attachments": '45999999999-["e"]',
  "an endless count of attachments": `45${"9".repeat(10000)}-["e"]`,
  "more arguments than a function takes": `42["a"${",0".repeat(200_000)}]`,
  "more values than a function takes": `431[0${",0".repeat(200_000)}]`,
  "a placeholder that has no number": ['451-["a",{"_placeholder":true,"num":{"toString":1}}]', "bAAAA"],
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
  const pings = '"pingInterval":25000,"pingTimeout":20000';
  for (const frame of [
    ...["0", "0{", "0null", "0[]", '0{"sid":""}', '0{"sid":"e"}', `0{${pings}}`],
    ...['{"toString":1}', "[]", "1", "null"].map((sid) => `0{"sid":${sid},${pings}}`),
    ...['{"toString":1}', '"x"', "-1e9"].map((x) => `0{"sid":"e","pingTimeout":1,"pingInterval":${x}}`),
  ]) {
    const server = await scripted(t, { frame });
    const socket = open(t, server.url, { reconnectionDelay: 1000 });
    const [error] = await next(socket, "connect_error");
    assert.match(error.message, /^server error$/);
  }
  for (const upgrades of [null, 5, { toString: 1 }, { websocket: 1 }, "websocket", [{ toString: 1 }]]) {
    const server = await scripted(t, { handshake: { upgrades } });
    await next(open(t, server.url), "connect");
  }
});

test("a session id of another type than before is not that session, and nothing is thrown", async (t) => {
  for (const pid of [{ toString: 1 }, ["p"], 1, null]) {
    const server = await scripted(t);
    const socket = open(t, server.url, { transports: ["websocket"] });
    await next(socket, "connect");
    server.send('40{"sid":"a","pid":"p"}');
    await next(socket, "connect");
    server.send(`40${JSON.stringify({ sid: "b", pid })}`, '42["after"]');
    await next(socket, "connect");
    assert.deepEqual([socket.id, socket.recovered], ["b", false]);
    server.send('40{"sid":"c","pid":"q"}', '40{"sid":"d","pid":"q"}');
    await until(() => socket.id == "d");
    assert.equal(socket.recovered, true);
  }
});

test("intervals that no timer can wait for are no silence", async (t) => {
  const handshake = { pingInterval: 1e300, pingTimeout: 1e300 };
  const server = await scripted(t, { handshake });
  const socket = open(t, server.url, { transports: ["polling"], timeout: 1e12 });
  socket.on("disconnect", assert.fail);
  await next(socket, "connect");
  server.send('42["a"]');
  await next(socket, "a");
  const answer = socket.timeout(1e12).emitWithAck("b");
  await until(() => server.posts.includes('420["b"]'));
  server.send("430[7]");
  assert.equal(await answer, 7);
  socket.off("disconnect");
});

test("a refusal with any content is an error with a text", async (t) => {
  for (const [refusal, message] of [
    ['{"message":"no","data":1}', "no"],
    ['"no"', "no"],
    ['{"message":{"toString":1}}', ""],
    ['{"message":["a"]}', ""],
    ["{}", ""],
  ]) {
    const server = await scripted(t, { join: false });
    const socket = open(t, server.url, { transports: ["polling"] });
    await until(() => server.posts.includes("40"));
    server.send("44" + refusal);
    const [error] = await next(socket, "connect_error");
    assert.equal(error.message, message);
  }
});

test("a session id that is no text is none", async (t) => {
  for (const sid of ['{"toString":1}', "1", "null", "[]"]) {
    const server = await scripted(t, { join: false });
    const socket = open(t, server.url, { transports: ["polling"] });
    await until(() => server.posts.includes("40"));
    server.send(`40{"sid":${sid}}`);
    await next(socket, "connect_error");
    assert.equal(socket.id, undefined);
  }
});

test("as many attachments as allowed are taken", async (t) => {
  for (const [count, maxAttachments] of [
    [10, undefined],
    [25, 25],
  ]) {
    const server = await scripted(t);
    const socket = open(t, server.url, { transports: ["websocket"], maxAttachments });
    await next(socket, "connect");
    const data = Array.from({ length: count }, (_, num) => ({ _placeholder: true, num }));
    server.send(`45${count}-${JSON.stringify(["a", ...data])}`, ...data.map(() => Buffer.from("x")));
    assert.equal((await next(socket, "a")).length, count);
    server.send(`45${count + 1}-["a"]`);
    assert.equal((await next(socket, "disconnect"))[0], "parse error");
  }
});

test("events before the client is let in have an end", async (t) => {
  const server = await scripted(t, { join: false });
  const socket = open(t, server.url, { transports: ["websocket"], reconnectionDelay: 1000 });
  const closed = next(socket, "disconnect");
  await until(() => server.frames.includes("40"));
  for (let i = 0; i < 10_001; i++) server.send('42["a"]');
  assert.equal((await closed)[0], "forced close");
  assert.deepEqual(socket.receiveBuffer, []);
});

test("pings of a server that reads nothing are not answered without end", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"] });
  await next(socket, "connect");
  const { engine } = socket.io;
  server.delay = 60_000;
  socket.emit("never answered");
  await until(() => server.posts.length == 2);
  let pings = 0;
  socket.io.on("ping", () => pings++);
  for (let i = 0; i < 50; i++) server.send(...Array(10).fill("2"));
  await until(() => pings == 500);
  const pongs = engine.writeBuffer.filter(({ type }) => type == "pong").length;
  assert.ok(pongs > 10 && pongs <= 101, String(pongs));
});

test("an answer without end is an error", { skip: isPage }, async (t) => {
  let sent = 0;
  const http = createServer((request, response) => {
    const chunk = Buffer.alloc(1e5, "x");
    const more = () => {
      while (!response.destroyed && (sent += chunk.length) && response.write(chunk));
    };
    response.on("drain", more);
    more();
  }).listen(0);
  t.after(() => http.closeAllConnections() || http.close());
  const url = `http://localhost:${http.address().port}`;
  const socket = open(t, url, { maxPayload: 1e6, reconnectionDelay: 1000 });
  const [error] = await next(socket, "connect_error");
  assert.match(error.description.message, /too large/);
  assert.ok(sent < 2e7, `${sent} bytes`);
});

test("a message without end is an error", { skip: isPage }, async (t) => {
  const server = await scripted(t);
  const options = { transports: ["websocket"], maxPayload: 1000, reconnectionDelay: 1000 };
  const socket = open(t, server.url, options);
  await next(socket, "connect");
  server.send(`42["a","${"x".repeat(1001)}"]`);
  assert.match((await next(socket, "disconnect"))[0], /transport (error|close)/);
});

test("cookies take no longer than their length, and are not kept without end", () => {
  const session = {};
  const spaces = " ".repeat(16_000);
  const before = performance.now();
  for (let i = 0; i < 200; i++)
    storeCookies(session, [`${spaces}a${spaces}`, `a${spaces};${spaces}max-age${spaces}`, `${spaces}=`]);
  assert.ok(performance.now() - before < 5000);
  assert.deepEqual(cookieHeader(session), {});
  storeCookies(session, ["=1", "a", `b=${"x".repeat(5000)}`]);
  assert.deepEqual(cookieHeader(session), {});
  for (let i = 0; i < 1000; i++) storeCookies(session, [`c${i}=${i}; Path=/`]);
  const kept = cookieHeader(session).cookie.split("; ");
  assert.deepEqual([kept.length, kept[0], kept[49]], [50, "c950=950", "c999=999"]);
  storeCookies(session, ["c999=; expires=Thu, 01 Jan 1970 00:00:00 GMT", "c998=; Max-Age=0"]);
  assert.equal(cookieHeader(session).cookie.split("; ").length, 48);
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

test("what follows a malformed packet in an answer is not read", { timeout: 30_000 }, async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"], reconnectionDelay: 10_000 });
  await next(socket, "connect");
  const disconnected = next(socket, "disconnect");
  server.send("\x1e".repeat(2e6));
  assert.equal((await disconnected)[0], "transport error");
  let looks = 0;
  // What the transport does with a frame begins with a look at this.
  Object.defineProperty(socket.io.engine.transport, "frame_", { get: () => (looks++, () => {}) });
  await sleep(0);
  assert.equal(looks, 0);
});

test("a parse error ends the session though a POST is never answered", { timeout: 10_000 }, async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"], reconnectionDelay: 10_000 });
  await next(socket, "connect");
  const { engine } = socket.io;
  server.delay = 60_000;
  socket.emit("never answered");
  await until(() => server.posts.length == 2);
  server.send("4x");
  assert.equal((await next(socket, "disconnect"))[0], "parse error");
  assert.equal(engine.readyState, "closed");
  await until(() => !server.running.GET && !server.running.POST, "no request under way");
});

test("a refusal after the client was let in ends what it waits for", { timeout: 10_000 }, async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["websocket"] });
  await next(socket, "connect");
  const events = [];
  socket.on("disconnect", (reason) => events.push(reason));
  socket.on("connect_error", ({ message }) => events.push(message));
  const answer = socket.emitWithAck("never answered");
  server.send('44{"message":"no"}');
  await assert.rejects(answer, /disconnected/);
  await until(() => events.length == 2);
  assert.deepEqual(events, ["io server disconnect", "no"]);
  assert.deepEqual([socket.connected, socket.active], [false, false]);
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
