// The examples as processes, and connections to them as bytes.
//
// EXAMPLES  the folder with the executables; without it the release build of this workspace

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const FOLDER = process.env.EXAMPLES ?? fileURLToPath(new URL("../../target/release", import.meta.url));
const PATIENCE = 20_000;
const PAGE = 4096;
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

/** Starts an example, which may have so many descriptors; `port` says how it is told its port. */
export async function start(name, { args = [], env = {}, descriptors = 1024 } = {}) {
  const program = join(FOLDER, `sockeye-${name}`);
  if (!existsSync(program)) throw new Error(`No ${program}: build the examples, or name their folder in EXAMPLES.`);
  const command = `ulimit -n ${descriptors}; exec "$0" "$@"`;
  const child = spawn("sh", ["-c", command, program, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  // Reading goes on to the end, so that the pipe never fills up.
  const port = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => resolve(Number(line.match(/:(\d+)/)?.[1])));
    gone.then((code) => reject(new Error(`${name} ended with ${code}`)));
  });
  return {
    port: await within(port, `${name} says where it listens`),
    isAlive: () => child.exitCode === null && child.signalCode === null,
    /** The memory of the process in bytes; nothing where the system does not tell. */
    memory() {
      const statm = `/proc/${child.pid}/statm`;
      return existsSync(statm) ? Number(readFileSync(statm, "utf8").split(" ")[1]) * PAGE : 0;
    },
    stop() {
      child.kill("SIGKILL");
      return gone;
    },
  };
}

export function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not happen: ${what}`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A connection that says what it is told to. What goes wrong with it is no fault of the test's. */
export class Wire {
  #ahead = Buffer.alloc(0);
  #waiting = null;
  ended = false;

  constructor(port) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("error", () => {});
    this.socket.on("data", (data) => {
      this.#ahead = Buffer.concat([this.#ahead, data]);
      this.#waiting?.();
    });
    this.socket.on("close", () => {
      this.ended = true;
      this.#waiting?.();
    });
  }

  opened() {
    return new Promise((resolve) => this.socket.once("connect", resolve).once("close", resolve));
  }

  send(bytes) {
    this.socket.write(bytes);
    return this;
  }

  /** Sends this so many times, as fast as the other side takes it; `poured` says how often it has. */
  pour(bytes, count) {
    this.poured = 0;
    const next = () => {
      if (this.ended || this.poured === count) return;
      this.socket.write(bytes, () => {
        this.poured += 1;
        next();
      });
    };
    next();
    return this;
  }

  /** From here on nothing is read. */
  stopReading() {
    this.socket.pause();
    return this;
  }

  reset() {
    this.socket.resetAndDestroy();
  }

  /** Takes what `find` finds in what has arrived: [value, length]. Gives nothing at the end. */
  async take(find, what) {
    const search = async () => {
      for (;;) {
        const found = find(this.#ahead);
        if (found) {
          this.#ahead = this.#ahead.subarray(found[1]);
          return found[0];
        }
        if (this.ended) return undefined;
        await new Promise((resolve) => (this.#waiting = resolve));
      }
    };
    return within(search(), what);
  }

  /** The answer to a request: { status, body }. */
  answer() {
    return this.take((bytes) => {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return null;
      const head = bytes.toString("latin1", 0, end);
      const length = Number(head.match(/^content-length: *(\d+)/im)?.[1] ?? 0);
      if (bytes.length < end + 4 + length) return null;
      const status = Number(head.split(" ")[1]);
      return [{ status, body: bytes.toString("utf8", end + 4, end + 4 + length) }, end + 4 + length];
    }, "an answer");
  }

  /** The next text over a WebSocket; nothing at its end. */
  async text() {
    for (;;) {
      const frame = await this.take(readFrame, "a WebSocket message");
      if (!frame || frame.opcode === 8) return undefined;
      if (frame.opcode === 1) return frame.payload.toString();
    }
  }

  say(text) {
    return this.send(frame(1, text));
  }
}

/** A frame of a client's. Its mask is zero, so the payload is as it was. */
export function frame(opcode, payload) {
  const bytes = Buffer.from(payload);
  const head = [0x80 | opcode];
  if (bytes.length < 126) head.push(0x80 | bytes.length);
  else if (bytes.length < 65_536) head.push(0xfe, bytes.length >> 8, bytes.length & 255);
  else head.push(0xff, 0, 0, 0, 0, bytes.length >>> 24, (bytes.length >> 16) & 255, (bytes.length >> 8) & 255, bytes.length & 255);
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), bytes]);
}

function readFrame(bytes) {
  if (bytes.length < 2) return null;
  let [start, length] = [2, bytes[1] & 127];
  if (length === 126) {
    if (bytes.length < 4) return null;
    [start, length] = [4, bytes.readUInt16BE(2)];
  } else if (length === 127) {
    if (bytes.length < 10) return null;
    [start, length] = [10, Number(bytes.readBigUInt64BE(2))];
  }
  if (bytes.length < start + length) return null;
  return [{ opcode: bytes[0] & 15, payload: bytes.subarray(start, start + length) }, start + length];
}

export function upgrade(query = "", headers = "") {
  return `GET /socket.io/?EIO=4&transport=websocket${query} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n`
    + `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${headers}\r\n`;
}

export function request(method, query, body = "", headers = "") {
  return `${method} /socket.io/?EIO=4&transport=polling${query} HTTP/1.1\r\nHost: test\r\n${headers}`
    + `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

async function orLeave(client) {
  try {
    await client.join();
    return client;
  } catch (error) {
    client.leave();
    throw error;
  }
}

/** A client in the main namespace, over a WebSocket. */
export class WebSocketClient {
  static join(port) {
    const client = new WebSocketClient();
    client.wire = new Wire(port);
    return orLeave(client);
  }

  async join() {
    const answer = await this.wire.send(upgrade()).answer();
    if (answer?.status !== 101) throw new Error(`no WebSocket: ${answer?.status}`);
    this.say("40");
    if (!(await this.packet("40{"))) throw new Error("not let in");
  }

  say(packet) {
    this.wire.say(packet);
    return this;
  }

  /** The next packet that begins like this; nothing at the end. */
  async packet(prefix) {
    for (;;) {
      const text = await this.wire.text();
      if (text === "2") this.say("3");
      else if (text === undefined || text.startsWith(prefix)) return text;
    }
  }

  leave() {
    this.wire.reset();
  }
}

/** The same by long-polling, with a connection for each direction. */
export class PollingClient {
  #ahead = [];

  static join(port) {
    const client = new PollingClient();
    Object.assign(client, { polls: new Wire(port), posts: new Wire(port) });
    return orLeave(client);
  }

  async join() {
    const opened = await this.polls.send(request("GET", "")).answer();
    if (opened?.status !== 200) throw new Error(`no session: ${opened?.status}`);
    this.sid = JSON.parse(opened.body.slice(1)).sid;
    const taken = await this.posts.send(request("POST", `&sid=${this.sid}`, "40")).answer();
    if (taken?.status !== 200) throw new Error(`not taken: ${taken?.status}`);
    if (!(await this.packet("40{"))) throw new Error("not let in");
  }

  say(packet) {
    this.posts.send(request("POST", `&sid=${this.sid}`, packet));
    return this;
  }

  async packet(prefix) {
    for (;;) {
      while (this.#ahead.length > 0) {
        const text = this.#ahead.shift();
        if (text === "2") this.say("3");
        else if (text.startsWith(prefix)) return text;
      }
      const answer = await this.polls.send(request("GET", `&sid=${this.sid}`)).answer();
      if (answer?.status !== 200) return undefined;
      this.#ahead.push(...answer.body.split("\x1e"));
    }
  }

  leave() {
    this.polls.reset();
    this.posts.reset();
  }
}
