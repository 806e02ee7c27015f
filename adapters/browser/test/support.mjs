import { createServer } from "node:http";
import { once } from "node:events";
import { Server } from "socket.io";
import WebSocket from "ws";

// CLIENT names another build to test, for example "../dist/socket.io.min.js".
const { CLIENT = "../js/index.js" } = process.env;
/** Whether the tests run a bundle for pages, which leaves cookies and WebSockets to the browser. */
export const isPage = CLIENT.includes("socket.io");
if (isPage) globalThis.WebSocket ??= WebSocket;
const loaded = await import(CLIENT);
export const { io, Manager, Socket, protocol } = loaded.io ? loaded : loaded.default;

/** How the tests run over each transport. */
export const TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]];

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves to the arguments of the next `event`. */
export const next = (emitter, event) =>
  new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

/** Resolves when `condition` holds. */
export const until = async (condition, what = condition) => {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 4000) throw new Error(`still waiting for: ${what}`);
    await sleep(5);
  }
};

/**
 * What the tests expect of a server. SERVER_URL names another one that does the same; the tests of
 * restarts and of the server's own view then still use this one.
 */
export const application = (server) => {
  server.on("connection", (socket) => {
    socket.on("echo", (...args) => args.pop()(...args));
    socket.on("bounce", (...args) => socket.emit("bounced", ...args));
    socket.on("burst", (count) => {
      for (let i = 0; i < count; i++) socket.emit("number", i);
    });
    socket.on("ask", (...args) =>
      socket.emit("question", ...args, (...answer) => socket.emit("answer", ...answer)),
    );
    socket.on("auth", (ack) => ack(socket.handshake.auth));
    socket.on("query", (ack) => ack(socket.handshake.query));
    socket.on("headers", (ack) => ack(socket.handshake.headers));
    socket.on("leave", () => socket.disconnect());
    socket.on("hang up", () => socket.conn.close());
  });
  server.of("/other").on("connection", (socket) => {
    socket.on("echo", (...args) => args.pop()(...args));
  });
  server.of("/closed").use((socket, next) => {
    next(Object.assign(new Error("not today"), { data: { code: 7 } }));
  });
  return server;
};

/** Starts the application; `t.after` stops it. */
export const start = async (t, options = {}) => {
  const http = createServer();
  const server = application(new Server(http, options));
  http.listen(options.port || 0);
  await once(http, "listening");
  const { port } = http.address();
  const stop = async () => {
    http.closeAllConnections();
    await server.close();
  };
  t.after(stop);
  return { server, http, port, stop, url: `http://localhost:${port}` };
};

/** The address of a server for tests that need nothing special of it. */
export const target = async (t) => process.env.SERVER_URL || (await start(t)).url;

/** A socket of a connection of its own; `t.after` closes it. */
export const open = (t, url, options) => {
  const socket = io(url, { forceNew: true, reconnectionDelay: 10, ...options });
  t.after(() => {
    socket.io.reconnection(false);
    socket.io._close();
  });
  return socket;
};

export const bytes = (data) => [
  ...new Uint8Array(data.buffer || data, data.byteOffset || 0, data.byteLength),
];
