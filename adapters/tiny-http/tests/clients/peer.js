// Starts the server under test, and clients that are closed after each test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const program = process.env.SOCKEYE_BLOCKING_PEER;
if (!program) {
  throw new Error("SOCKEYE_BLOCKING_PEER must name the example `blocking-peer`, as built by cargo");
}

export class Peer {
  #child;
  #sockets = [];
  address;

  // Starts a server, on the given address or on any free port, with at most so many descriptors.
  static async start(address = "127.0.0.1:0", descriptors = "unlimited") {
    const peer = new Peer();
    const limited = `[ $2 = unlimited ] || ulimit -n $2; exec "$0" "$1"`;
    const args = ["-c", limited, program, address, String(descriptors)];
    peer.#child = spawn("sh", args, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: peer.#child.stdout });
    const [line] = await Promise.race([
      once(lines, "line"),
      once(peer.#child, "exit").then(() => {
        throw new Error("the server ended before it listened");
      }),
    ]);
    peer.address = line.replace("listening on ", "");
    return peer;
  }

  // A client that is closed by `stop`.
  client(options = {}, namespace = "/") {
    const socket = io(`http://${this.address}${namespace}`, {
      forceNew: true,
      reconnection: false,
      ...options,
    });
    this.#sockets.push(socket);
    return socket;
  }

  // A client that is connected already.
  async connected(options, namespace) {
    const socket = this.client(options, namespace);
    await connection(socket);
    return socket;
  }

  // Has the server send everybody away within so many milliseconds, and then end.
  async retire(time) {
    const ended = once(this.#child, "exit");
    this.#child.stdin.write(`retire ${time}\n`);
    const [code] = await ended;
    return code;
  }

  // Ends the server, as a crash would.
  async kill() {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await ended;
    }
  }

  async stop() {
    for (const socket of this.#sockets) {
      socket.disconnect();
    }
    await this.kill();
  }
}

// Waits until a client is connected; fails if it cannot be.
export function connection(socket) {
  return new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
}

// Waits for an event; gives its arguments.
export function event(socket, name) {
  return new Promise((resolve) => socket.once(name, (...args) => resolve(args)));
}

// Waits until so many events of a name have come; gives the first argument of each.
export function events(socket, name, count) {
  return new Promise((resolve) => {
    const seen = [];
    socket.on(name, (value) => {
      seen.push(value);
      if (seen.length === count) {
        resolve(seen);
      }
    });
  });
}

// What a client may try; all of it comes to the same.
export const TRANSPORTS = {
  "by default": {},
  "by long-polling": { transports: ["polling"] },
};
