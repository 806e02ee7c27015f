// The parser of the JavaScript server and client, as published, against ours: both get the same
// messages and must take the same ones, as the same packets, but for the differences that are
// listed. What ours sends back is read by the published one.
//
// PACKETS names the example `packets` of the core, as built by cargo.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { DIFFERENCES } from "./differential/differences.mjs";
import { fromCorpus, generate } from "./differential/inputs.mjs";

const { Decoder, Encoder, PacketType } = createRequire(import.meta.url)("parser-4.2");

const SEED = Number(process.env.SEED ?? 1);
const COUNT = Number(process.env.COUNT ?? 10_000);
const WITHIN = { timeout: 60_000 + COUNT * 5 };

let program;
let answers;
before(() => {
  const path = process.env.PACKETS;
  assert.ok(path, "PACKETS must name the example `packets` of the core, as built by cargo");
  program = spawn(path, { stdio: ["pipe", "pipe", "inherit"] });
  answers = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
});
after(() => program?.kill());

/** What the published parser makes of messages, up to the one that it refuses. */
function theirs(messages) {
  const decoder = new Decoder();
  const packets = [];
  decoder.on("decoded", (packet) => packets.push(packet));
  for (const [index, message] of messages.entries()) {
    try {
      decoder.add(message);
    } catch {
      return { packets, refused: index };
    }
  }
  return { packets, refused: null };
}

/** What ours makes of them, for a client that is where they belong. */
async function ours(scripts) {
  const lines = scripts.map(({ join, messages }) => {
    const plain = messages.map((it) => (Buffer.isBuffer(it) ? { hex: it.toString("hex") } : it));
    return JSON.stringify({ join, messages: plain });
  });
  program.stdin.write(`${lines.join("\n")}\n`);
  const outcomes = [];
  for (let index = 0; index < lines.length; index += 1) {
    const { value, done } = await answers.next();
    assert.ok(!done, `the program ended at ${lines[index]}`);
    outcomes.push(JSON.parse(value));
  }
  return outcomes;
}

const read = (frames) => theirs(frames.map((it) => (it.hex === undefined ? it : Buffer.from(it.hex, "hex"))));

/** The namespaces to be in, so that the packet is for one of them. */
function namespaces(messages) {
  if (messages[0].startsWith("0")) return [];
  const name = /^[1-6](?:\d+-)?(\/[^,]*)/.exec(messages[0])?.[1] ?? "/";
  return name === "/" ? ["/"] : ["/", name];
}

/** Whether a packet of ours is the same as theirs, as far as what was sent back tells. */
function isSame(packet, mine) {
  const { type, nsp, id, data } = packet;
  const back = () => {
    const { packets, refused } = read(mine.sent);
    assert.equal(refused, null, `the published parser refuses ${JSON.stringify(mine.sent)}`);
    return packets.at(-1) ?? { data: [] };
  };
  switch (type) {
    case PacketType.CONNECT:
      return mine.kind === "connect" && mine.namespace === nsp && isDeepStrictEqual(back().data[1], data);
    case PacketType.DISCONNECT:
      return mine.kind === "disconnect";
    case PacketType.EVENT:
    case PacketType.BINARY_EVENT: {
      if (mine.kind !== "event" || mine.namespace !== nsp) return false;
      const echo = back();
      if (id !== undefined) return echo.id === id && isDeepStrictEqual(echo.data, data.slice(1));
      // Numbers are names as their digits.
      return isDeepStrictEqual(echo.data, [String(data[0]), ...data.slice(1)]);
    }
    default: {
      if (mine.kind !== "ack" || mine.namespace !== nsp) return false;
      return isDeepStrictEqual(back().data.slice(1), data);
    }
  }
}

/** Whether both have taken the same. */
function agrees(official, mine) {
  // Of an acknowledgement nothing is told unless it was asked for.
  const isAck = ({ type }) => type === PacketType.ACK || type === PacketType.BINARY_ACK;
  const told = official.packets.filter((it) => !isAck(it) || (it.nsp === "/" && it.id < 10));
  // A packet with binary values is refused at its first message or at its last.
  return (official.refused === null) === (mine.refused === null) && told.length === mine.packets.length
    && told.every((packet, index) => isSame(packet, mine.packets[index]));
}

/** Ours looks at a packet with binary values when they are there: then it must not be taken, either. */
async function isRefusedInTheEnd(messages) {
  const more = Array.from({ length: 11 }, () => Buffer.from("more"));
  const [mine] = await ours([{ join: namespaces(messages), messages: [...messages, ...more] }]);
  return mine.refused !== null && mine.packets.length === 0;
}

async function compare(all) {
  const scripts = all.filter(([first]) => typeof first === "string");
  const outcomes = await ours(scripts.map((messages) => ({ join: namespaces(messages), messages })));
  const used = new Map(DIFFERENCES.map(({ name }) => [name, 0]));
  let taken = 0;
  const unexpected = [];
  for (const [index, messages] of scripts.entries()) {
    const [official, mine] = [theirs(messages), outcomes[index]];
    taken += Number(official.refused === null);
    if (agrees(official, mine)) continue;
    if (official.refused === 0 && mine.refused === null && await isRefusedInTheEnd(messages)) continue;
    const isTaken = mine.refused === null || mine.refused >= (official.refused ?? Infinity);
    const known = DIFFERENCES.find(({ applies, taken = false }) => {
      return taken === isTaken && applies(messages[0], mine.packets);
    });
    if (known) used.set(known.name, used.get(known.name) + 1);
    else unexpected.push({ messages, official, mine });
  }
  return { used, taken, unexpected, all: scripts.length };
}

const show = (list) => JSON.stringify(list.slice(0, 10), null, 1);

test("the corpus of the fuzz target is read alike", WITHIN, async (t) => {
  const { unexpected, taken, all } = await compare(fromCorpus());
  t.diagnostic(`${all} scripts, ${taken} of them taken by the published parser`);
  assert.equal(unexpected.length, 0, show(unexpected));
});

test("packets that are almost valid are read alike, and every listed difference occurs", WITHIN, async (t) => {
  const { used, unexpected, taken, all } = await compare(generate(SEED, COUNT));
  t.diagnostic(`${all} scripts, ${taken} of them taken by the published parser; ${JSON.stringify(Object.fromEntries(used))}`);
  assert.equal(unexpected.length, 0, `${unexpected.length}: ${show(unexpected)}`);
  assert.deepEqual([...used].filter(([, times]) => times === 0), [], "these are not differences any more");
});

test("what the published parser writes is read, and what ours writes is read by it", WITHIN, async () => {
  const encoder = new Encoder();
  const samples = [
    ["e"], ["e", null, true, -1.5, "text \u20ac\u{1f642}\u2028"], ["e", { a: [Buffer.from([1]), { b: Buffer.alloc(0) }] }],
    ["e", Buffer.from("one"), [Buffer.from("two"), Buffer.from("three")]], ["e", ["\u001e", "\\", "\ud800"]],
    ["e", Array.from({ length: 10 }, (_, index) => Buffer.alloc(index, index))], ["e", { __proto__: null, x: {} }],
  ];
  for (const nsp of ["/", "/admin", "/a?b=1"]) {
    for (const id of [undefined, 0, 7, Number.MAX_SAFE_INTEGER]) {
      for (const type of [PacketType.EVENT, PacketType.ACK]) {
        if (type === PacketType.ACK && (nsp !== "/" || id === undefined || id > 9)) continue;
        for (const data of samples) {
          const messages = encoder.encode({ type, nsp, id, data: structuredClone(data).map((it) => revive(it)) });
          const [mine] = await ours([{ join: namespaces(messages), messages }]);
          const official = theirs(messages);
          assert.ok(agrees(official, mine), show([{ messages, official, mine }]));
        }
      }
    }
  }
});

/** Buffers become plain arrays of bytes when they are cloned. */
function revive(value) {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, revive(it)]));
}
