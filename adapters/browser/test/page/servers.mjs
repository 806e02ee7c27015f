// The servers that pages talk to: the published one, and Sockeye's. Both do the little that is used
// here of the conformance server's contract.
//
// CONFORMANCE_SERVER  Sockeye's; without it the release build of this workspace

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Server } from "socket.io";
import * as msgpack from "socket.io-msgpack-parser";

const SOCKEYE =
  process.env.CONFORMANCE_SERVER ??
  fileURLToPath(new URL("../../../../target/release/sockeye-conformance", import.meta.url));
const PING = 2000;
const LIMIT = 2_000_000;

const events = (io) => (socket) => {
  const on = (event, listener) => socket.on(event, listener);
  socket.emit("auth", socket.handshake.auth);
  on("message", (...args) => socket.emit("message-back", ...args));
  on("message-with-ack", (...args) => args.pop()(...args));
  on("join", (room, ack) => ack(socket.join(room)));
  on("sockets", async (room, ack) => ack([...(await io.in(room).allSockets())].sort()));
  on("later", async (delay, name, ...args) => {
    await sleep(delay);
    io.to(socket.id).emit(name, ...args);
  });
  on("get-bin", (size, ack) => ack(Buffer.from(Array.from({ length: size }, (_, i) => i % 251))));
  on("bin-info", (value, ack) => {
    const binary = Buffer.isBuffer(value);
    const sum = binary ? value.reduce((sum, byte) => sum + byte, 0) % 65536 : 0;
    ack({ binary, length: binary ? value.length : 0, sum });
  });
  on("server-kill", () => socket.conn.close());
  on("info", (ack) =>
    ack({ transport: socket.conn.transport.name, nsp: socket.nsp.name, recovered: socket.recovered }),
  );
};

/** The published server, in this process. */
const startPublished = async (port, parser) => {
  const http = createServer();
  const server = new Server(http, {
    connectionStateRecovery: {},
    maxHttpBufferSize: LIMIT,
    pingInterval: PING,
    pingTimeout: PING,
    ...(parser && { parser: msgpack }),
  });
  for (const namespace of ["/", "/custom"]) {
    const io = server.of(namespace);
    io.on("connection", events(io));
  }
  // All of them, for a WebSocket may not have taken over yet.
  const sockets = new Set();
  http.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  http.listen(port, "127.0.0.1");
  await once(http, "listening");
  const kill = () => {
    for (const socket of sockets) socket.destroy();
    server.engine.removeAllListeners();
    http.close();
  };
  return { port: http.address().port, kill };
};

/** Sockeye, in a process of its own. */
const startSockeye = async (port, parser) => {
  const settings = {
    PORT: port,
    MAX_HTTP_BUFFER_SIZE: LIMIT,
    PING_INTERVAL: PING,
    PING_TIMEOUT: PING,
    PARSER: parser ? "msgpack" : "",
  };
  const env = { ...process.env, ...settings };
  const child = spawn(SOCKEYE, { env, stdio: ["ignore", "pipe", "inherit"] });
  const failed = once(child, "error").then(([error]) => {
    throw new Error(`${error.message}; build the conformance server, or set CONFORMANCE_SERVER`);
  });
  const listening = new Promise((resolve) => {
    createInterface(child.stdout).on("line", (line) => {
      const match = /listening on .*:(\d+)/.exec(line);
      if (match) resolve(+match[1]);
    });
  });
  const kill = async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  return { port: await Promise.race([listening, failed]), kill };
};

const STARTERS = { "socket.io": startPublished, sockeye: startSockeye };
export const SERVERS = Object.keys(STARTERS);

/** Starts a server; `t.after` closes its `pages` and then ends it. */
export const serve = async (t, name, { parser } = {}) => {
  let running = await STARTERS[name](0, parser);
  const { port } = running;
  const stop = async () => {
    const { kill } = running;
    running = { kill() {} };
    await kill();
  };
  const pages = [];
  t.after(async () => {
    const closed = await Promise.allSettled(pages.map((close) => close()));
    await stop();
    for (const { reason } of closed) if (reason) throw reason;
  });
  // Not localhost, whose connections outlast the network.
  return {
    origin: `http://127.0.0.1:${port}`,
    pages,
    stop,
    restart: async () => {
      running = await STARTERS[name](port, parser);
    },
  };
};
