import assert from "node:assert/strict";
import { test } from "node:test";
import { parseUrl, readOptions, readQuery } from "../js/url.js";
import { io, Manager, next, open, start, target } from "./support.mjs";

const PAGE = { protocol: "http:", host: "page.example:8080", hostname: "page.example" };
const SECURE_PAGE = { protocol: "https:", host: "page.example", hostname: "page.example" };
const FILE = { protocol: "file:", host: "", hostname: "" };

// The address; what it means without a page, on a page, and on a secure page, each as the start of a
// WebSocket's address; the namespace and the query.
const ADDRESSES = [
  ["ws://a:3000", "ws://a:3000", "ws://a:3000", "ws://a:3000", "/", ""],
  ["wss://a", "wss://a", "wss://a", "wss://a", "/", ""],
  ["http://a", "ws://a", "ws://a", "ws://a", "/", ""],
  ["https://a", "wss://a", "wss://a", "wss://a", "/", ""],
  ["http://a:80/", "ws://a", "ws://a", "ws://a", "/", ""],
  ["https://a:443/n", "wss://a", "wss://a", "wss://a", "/n", ""],
  ["ws://a:443", "ws://a:443", "ws://a:443", "ws://a:443", "/", ""],
  ["HTTP://A", "ws://A", "ws://A", "ws://A", "/", ""],
  ["WSS://A:1", "wss://A:1", "wss://A:1", "wss://A:1", "/", ""],
  ["//a:81", "wss://a:81", "ws://a:81", "wss://a:81", "/", ""],
  ["a", "wss://a", "ws://a", "wss://a", "/", ""],
  ["a:3000/n?x=1", "wss://a:3000", "ws://a:3000", "wss://a:3000", "/n", "x=1"],
  [":3000", "ws://localhost:3000", "ws://page.example:3000", "wss://page.example:3000", "/", ""],
  [":3000/n", "ws://localhost:3000", "ws://page.example:3000", "wss://page.example:3000", "/n", ""],
  ["/n", "ws://localhost", "ws://page.example:8080", "wss://page.example", "/n", ""],
  ["/n?x=y", "ws://localhost", "ws://page.example:8080", "wss://page.example", "/n", "x=y"],
  ["?x=y", "ws://localhost", "ws://page.example:8080", "wss://page.example", "/", "x=y"],
  ["", "ws://localhost", "ws://page.example:8080", "wss://page.example", "/", ""],
  ["/", "ws://localhost", "ws://page.example:8080", "wss://page.example", "/", ""],
  [undefined, "ws://localhost", "ws://page.example:8080", "wss://page.example", "/", ""],
  [null, "ws://localhost", "ws://page.example:8080", "wss://page.example", "/", ""],
  [{ path: "/x" }, "ws://localhost", "ws://page.example:8080", "wss://page.example", "/", ""],
  ["http://[::1]:3000/n", "ws://[::1]:3000", "ws://[::1]:3000", "ws://[::1]:3000", "/n", ""],
  ["[::1]:3000", "wss://[::1]:3000", "ws://[::1]:3000", "wss://[::1]:3000", "/", ""],
  ["ws://ü.example/ñ?ä=ö", "ws://ü.example", "ws://ü.example", "ws://ü.example", "/ñ", "ä=ö"],
  ["http://a/n/", "ws://a", "ws://a", "ws://a", "/n/", ""],
  ["http://me:secret@a:1/n", "ws://a:1", "ws://a:1", "ws://a:1", "/n", ""],
  ["http://a\\@b.example", "ws://a", "ws://a", "ws://a", "\\@b.example", ""],
  ["http://me@a\\@b/n", "ws://a", "ws://a", "ws://a", "\\@b/n", ""],
  ["http://a?x=y#z", "ws://a", "ws://a", "ws://a", "/", "x=y"],
  ["http://a/n#z", "ws://a", "ws://a", "ws://a", "/n", ""],
];

/** Runs `task` on a page of that address. */
const onPage = (page, task) => {
  const before = Object.getOwnPropertyDescriptor(globalThis, "location");
  Object.defineProperty(globalThis, "location", { value: page, configurable: true });
  try {
    return task();
  } finally {
    delete globalThis.location;
    if (before) Object.defineProperty(globalThis, "location", before);
  }
};

const read = (uri) => {
  const [secure, host, nsp, query] = parseUrl(uri);
  return [`ws${secure}://${host}`, nsp, query];
};

test("every form of an address is understood", () => {
  for (const [uri, alone, onPlain, onSecure, nsp, query] of ADDRESSES) {
    const expected = [alone, onPlain, onSecure].map((start) => [start, nsp, query]);
    const found = [undefined, PAGE, SECURE_PAGE].map((page) => onPage(page, () => read(uri)));
    assert.deepEqual(found, expected, String(uri));
  }
});

test("a page without a host is on localhost", () => {
  assert.deepEqual(
    ["", ":3000", "/n", "a"].map((uri) => onPage(FILE, () => read(uri)[0])),
    ["ws://localhost", "ws://localhost:3000", "ws://localhost", "ws://a"],
  );
});

test("addresses of WebSockets connect", async (t) => {
  const { port } = await start(t);
  for (const address of [`ws://localhost:${port}`, `WS://127.0.0.1:${port}/`, `:${port}`])
    for (const transports of [["polling"], ["websocket"]])
      assert.equal(await open(t, address, { transports }).emitWithAck("echo", 1), 1, address);
});

test("the options may stand in the place of the address", async (t) => {
  const { port } = await start(t);
  const manager = new Manager({ autoConnect: false, path: "/x" });
  assert.equal(manager.opts.path, "/x");
  manager.uri = `http://localhost:${port}`;
  manager.opts.path = "/socket.io";
  t.after(() => manager._close());
  const socket = manager.socket("/");
  socket.connect();
  await next(socket, "connect");
});

test("a new address counts with the next connection", async (t) => {
  const { url } = await start(t);
  const socket = open(t, "http://localhost:1", { reconnectionAttempts: 1 });
  await next(socket.io, "reconnect_failed");
  socket.io.uri = url;
  socket.connect();
  await next(socket, "connect");
  const { url: other, server } = await start(t);
  socket.io.on("reconnect_attempt", () => (socket.io.uri = other));
  const moved = new Promise((resolve) => server.on("connection", resolve));
  socket.io.engine.close();
  await moved;
});

test("changed options count with the next connection", async (t) => {
  const url = await target(t);
  const socket = open(t, url, { query: { a: "1" } });
  assert.equal((await socket.emitWithAck("query")).a, "1");
  socket.io.opts.query = "a=2&b=3";
  socket.io.opts.transports = ["websocket"];
  socket.io.opts.extraHeaders = { "x-a": "b" };
  socket.disconnect().connect();
  const { a, b, transport } = await socket.emitWithAck("query");
  assert.deepEqual([a, b, transport], ["2", "3", "websocket"]);
});

test("options that are null or undefined mean their defaults", async (t) => {
  const url = await target(t);
  const names = [
    ..."addTrailingSlash agent auth autoConnect autoUnref ackTimeout ca closeOnBeforeunload".split(" "),
    ..."extraHeaders forceBase64 forceNew maxAttachments maxPayload multiplex parser path".split(" "),
    ..."protocols query randomizationFactor reconnection reconnectionAttempts retries".split(" "),
    ..."reconnectionDelayMax rejectUnauthorized rememberUpgrade timeout timestampParam".split(" "),
    ..."timestampRequests transportOptions transports tryAllTransports upgrade".split(" "),
    ..."useNativeTimers withCredentials".split(" "),
  ];
  for (const value of [undefined, null]) {
    const options = Object.fromEntries(names.map((name) => [name, value]));
    const socket = io(url, options);
    t.after(() => socket.io._close());
    const { engine } = socket.io;
    assert.equal(engine.transport.name, "polling");
    await next(engine, "upgrade");
    assert.equal(await socket.emitWithAck("echo", 1), 1);
    assert.equal(socket.io.reconnection(), true);
    assert.equal(socket.io.timeout(), 20000);
  }
  for (const path of ["", null, undefined])
    assert.equal(await open(t, url, { path }).emitWithAck("echo", 1), 1);
  const { io: manager } = io(url, null);
  manager._close();
  assert.equal(manager.opts.path, "/socket.io");
});

test("the default path is the same connection as no path", async (t) => {
  const url = await target(t);
  const main = io(url, { autoConnect: false });
  assert.equal(io(url + "/other", { autoConnect: false, path: "/socket.io" }).io, main.io);
});

test("an auth that is nothing is no auth", async (t) => {
  const url = await target(t);
  const none = [null, false, "", undefined, (give) => give(null), (give) => give(), (give) => give(false)];
  for (const auth of none)
    assert.deepEqual(await open(t, url, { auth }).emitWithAck("auth"), {}, String(auth));
});

test("a query may be a text", async (t) => {
  const url = await target(t);
  const ask = async (uri, query) => {
    const { EIO, transport, t: stamp, ...own } = await open(t, uri, { query, upgrade: false }).emitWithAck("query");
    return { ...own };
  };
  assert.deepEqual(await ask(url, "shop=123"), { shop: "123" });
  assert.deepEqual(await ask(url, "a=x%20y&b==+&c"), { a: "x y", b: "=+", c: "" });
  assert.deepEqual(await ask(url + "?token=ab+cd==", { a: 1 }), { token: "ab+cd==", a: "1" });
  assert.deepEqual(await ask(url + "?a=2", { a: 1 }), { a: "2" }, "the address counts");
  assert.deepEqual(readQuery("100%&a=1"), { "100%": "", a: "1" });
  assert.equal(readOptions(null, { path: "" }).path, "/socket.io");
});

test("a delay of 0 is the default delay", async (t) => {
  for (const name of ["reconnectionDelay", "reconnectionDelayMax"]) {
    const manager = new Manager("http://localhost:1", { [name]: 0 });
    t.after(() => manager._close());
    let attempts = 0;
    manager.on("reconnect_attempt", () => attempts++);
    const before = Date.now();
    await next(manager, "reconnect_attempt");
    assert.ok(Date.now() - before >= 500, name);
    assert.equal(attempts, 1);
  }
});
