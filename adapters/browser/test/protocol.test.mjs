import assert from "node:assert/strict";
import { test } from "node:test";
import { scripted } from "./scripted.mjs";
import { bytes, isPage, next, open, sleep, start, until } from "./support.mjs";

test("packets of other namespaces, unknown acks and odd placeholders are harmless", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"] });
  await next(socket, "connect");
  const events = [next(socket, "a"), next(socket, 7)];
  server.send(
    '42/nowhere,["a"]',
    '4399["x"]',
    '42["a",{"_placeholder":true,"num":0}]',
    '42[7,"n"]',
  );
  assert.deepEqual(await Promise.all(events), [[{ _placeholder: true, num: 0 }], ["n"]]);
});

test("events before the CONNECT reply wait for it", async (t) => {
  const server = await scripted(t, { join: false });
  const socket = open(t, server.url, { transports: ["polling"] });
  const events = [];
  socket.on("early", () => events.push(socket.connected));
  socket.on("connect", () => events.push("connect"));
  await until(() => server.posts.length);
  server.send('42["early"]', '40{"sid":"s"}');
  await until(() => events.length == 2);
  assert.deepEqual(events, [true, "connect"]);
});

test("a server of Socket.IO 2 is recognised", async (t) => {
  const server = await scripted(t, { join: false });
  const socket = open(t, server.url, { transports: ["polling"] });
  await until(() => server.posts.length);
  server.send("40");
  const [error] = await next(socket, "connect_error");
  assert.match(error.message, /Socket.IO 2/);
});

test("one POST at a time, and one GET", async (t) => {
  const server = await scripted(t);
  server.delay = 5;
  const socket = open(t, server.url, { transports: ["polling"] });
  await next(socket, "connect");
  for (let i = 0; i < 40; i++) {
    socket.emit("e", i);
    if (i % 5 == 0) server.send("2");
    await sleep(i % 3);
  }
  await until(() => server.posts.join().includes('"e",39'));
  assert.deepEqual(server.most, { GET: 1, POST: 1 });
  const sent = server.posts.flatMap((post) => post.split("\x1e")).filter((x) => x.startsWith("42"));
  assert.deepEqual(
    sent,
    [...Array(40).keys()].map((i) => `42["e",${i}]`),
  );
});

test("the header and the attachments of an event travel in one POST", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"] });
  await next(socket, "connect");
  socket.emit("e", Buffer.from([1]), new Blob(["b"]));
  await until(() => server.posts.length == 2);
  assert.equal(
    server.posts[1],
    '452-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]\x1ebAQ==\x1ebYg==',
  );
});

test("a POST holds no more than maxPayload bytes, unless one packet does", async (t) => {
  const server = await scripted(t, { handshake: { maxPayload: 30 } });
  const socket = open(t, server.url, { transports: ["polling"] });
  await next(socket, "connect");
  server.delay = 1;
  for (const text of ["1234567", "äöü", "12345678", "x".repeat(50), "y"]) socket.emit("e", text);
  socket.emit("e");
  await until(() => server.posts.at(-1).endsWith('42["e"]'));
  const posts = server.posts.slice(1);
  for (const post of posts)
    assert.ok(Buffer.byteLength(post) <= 30 || !post.includes("\x1e"), post);
  assert.ok(
    posts.some((post) => post.includes("\x1e")),
    "some are joined",
  );
});

test("a POST holds no more than 16 packets", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"] });
  await next(socket, "connect");
  const seen = [];
  server.receive = (frame) => seen.push(frame);
  for (let i = 0; i < 40; i++) socket.emit("e", i);
  for (let i = 40; i < 50; i++) socket.emit("e", Buffer.from([i]), Buffer.from([i]));
  await until(() => seen.length == 70);
  assert.deepEqual(
    server.posts.map((post) => post.split("\x1e").length),
    [1, 16, 16, 16, 16, 6],
  );
  assert.deepEqual(
    seen.filter((frame) => frame.startsWith("42")),
    [...Array(40).keys()].map((i) => `42["e",${i}]`),
  );
});

test("a DISCONNECT comes in another POST than the events before it", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"] });
  const other = socket.io.socket("/other");
  await Promise.all([next(socket, "connect"), next(other, "connect")]);
  const { length } = server.posts;
  other.emit("last");
  other.disconnect().connect();
  await until(() => server.posts.length == length + 2);
  assert.deepEqual(server.posts.slice(length), ['42/other,["last"]', "41/other,\x1e40/other,"]);
});

test("what is emitted right before a disconnect arrives by polling", async (t) => {
  const { server, url } = await start(t);
  let arrived = 0;
  server.on("connection", (peer) => peer.on("last", () => arrived++));
  for (let round = 1; round <= 20; round++) {
    const socket = open(t, url, { transports: ["polling"] });
    await next(socket, "connect");
    socket.emit("last");
    socket.disconnect();
    await until(() => arrived == round, `event ${round}`);
  }
});

test("a failed POST ends the session", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"], reconnectionDelay: 1000 });
  await next(socket, "connect");
  server.status = 413;
  socket.emit("e");
  const [reason, error] = await next(socket, "disconnect");
  assert.equal(reason, "transport error");
  assert.equal(error.message, "xhr post error");
  assert.equal(error.description, 413);
});

test("a Blob that cannot be read ends the session", async (t) => {
  const { arrayBuffer } = Blob.prototype;
  t.after(() => (Blob.prototype.arrayBuffer = arrayBuffer));
  Blob.prototype.arrayBuffer = () => Promise.reject(new Error("gone"));
  for (const transports of [["polling"], ["websocket"]]) {
    const server = await scripted(t);
    const options = { transports, forceBase64: true, reconnectionDelay: 1000 };
    const socket = open(t, server.url, options);
    await next(socket, "connect");
    socket.emit("e", new Blob(["x"]));
    const [reason] = await next(socket, "disconnect");
    assert.equal(reason, "transport error");
  }
});

test("silence of the server is a ping timeout", async (t) => {
  for (const transports of [["polling"], ["websocket"]]) {
    const server = await scripted(t, { handshake: { pingInterval: 40, pingTimeout: 30 } });
    const socket = open(t, server.url, { transports, reconnectionDelay: 1000 });
    let pings = 0;
    socket.io.on("ping", () => pings++);
    await next(socket, "connect");
    server.send("2");
    await until(() => [...server.posts, ...server.frames].includes("3"), "a pong");
    const [reason] = await next(socket, "disconnect");
    assert.equal(reason, "ping timeout");
    assert.equal(pings, 1);
  }
});

test("what is emitted after a suspension is buffered for the next session", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"] });
  await next(socket, "connect");
  const { now } = Date;
  Date.now = () => now() + 60000;
  socket.emit("e");
  Date.now = now;
  assert.equal(socket.sendBuffer.length, 1);
  assert.equal((await next(socket, "disconnect"))[0], "ping timeout");
  await until(() => server.posts.some((post) => post.includes('42["e"]')));
});

test("the upgrade waits for the GET and the POST under way", async (t) => {
  const server = await scripted(t);
  server.delay = 30;
  const socket = open(t, server.url);
  const seen = [];
  server.receive = (frame) => seen.push(frame);
  socket.emit("a");
  socket.io.engine.on("upgrading", () => socket.emit("b", Buffer.from([1])));
  socket.io.engine.on("upgrade", () => {
    socket.emit("c");
    assert.deepEqual(server.running, { GET: 0, POST: 0 });
  });
  await until(() => seen.includes('42["c"]'));
  assert.deepEqual(server.frames.slice(0, 2), ["2probe", "5"]);
  const order = ['42["a"]', '451-["b",{"_placeholder":true,"num":0}]', '42["c"]'];
  assert.deepEqual(
    seen.filter((frame) => frame.startsWith("4") && frame != "40"),
    order,
  );
  server.send('42["d"]');
  await next(socket, "d");
});

test("a wrong answer to the probe leaves the session on polling", async (t) => {
  const server = await scripted(t);
  server.probe = "3other";
  const socket = open(t, server.url);
  await next(socket.io.engine, "upgradeError");
  server.send('42["a"]');
  await next(socket, "a");
  assert.equal(socket.io.engine.transport.name, "polling");
});

test("a WebSocket that breaks while polling pauses leaves the session on polling", async (t) => {
  const server = await scripted(t);
  server.delay = 40;
  const socket = open(t, server.url);
  socket.io.engine.on("upgrading", () => {
    socket.emit("during");
    server.ws.terminate();
  });
  await next(socket.io.engine, "upgradeError");
  await next(socket, "connect");
  socket.emit("after");
  await until(() => server.posts.join().includes("after"));
  server.send('42["a"]');
  await next(socket, "a");
  assert.deepEqual(server.most, { GET: 1, POST: 1 });
});

test("closing while upgrading closes both transports", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url);
  await next(socket.io.engine, "upgrading");
  const closed = next(socket.io.engine, "close");
  socket.disconnect();
  assert.equal((await closed)[0], "forced close");
  await until(() => server.ws.readyState == 3, "the WebSocket to close");
});

test("what is queued goes out before the close", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["polling"] });
  await next(socket, "connect");
  socket.emit("last");
  socket.disconnect();
  await until(() => server.posts.includes("1"));
  assert.deepEqual(server.posts.slice(1), ['42["last"]', "41", "1"]);
});

test("binary frames come as they are asked for", async (t) => {
  const server = await scripted(t);
  const socket = open(t, server.url, { transports: ["websocket"] });
  await next(socket, "connect");
  socket.io.engine.binaryType = "arraybuffer";
  server.send('451-["a",{"_placeholder":true,"num":0}]', Buffer.from([1, 2]));
  const [data] = await next(socket, "a");
  assert.ok(data instanceof ArrayBuffer);
  assert.deepEqual(bytes(data), [1, 2]);
});

test(
  "cookies of the handshake come back when credentials are wanted",
  { skip: isPage },
  async (t) => {
    const { createServer } = await import("node:http");
    const cookies = [];
    const http = createServer((request, response) => {
      cookies.push(request.headers.cookie);
      response.setHeader("Set-Cookie", ["a=1; Path=/", "b=2; Max-Age=0", "c=x=y; Max-Age=9"]);
      if (!request.url.includes("sid="))
        response.end('0{"sid":"e","upgrades":[],"pingInterval":1000,"pingTimeout":1000}');
    }).listen(0);
    t.after(() => http.closeAllConnections() || http.close());
    open(t, `http://localhost:${http.address().port}`, { withCredentials: true });
    await until(() => cookies.length > 1);
    assert.deepEqual(cookies.slice(0, 2), [undefined, "a=1; c=x=y"]);
  },
);
