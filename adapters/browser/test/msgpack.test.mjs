import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import * as published from "socket.io-msgpack-parser";
import WebSocket from "ws";
import { decode } from "../js/msgpack/decode.js";
import { encode } from "../js/msgpack/encode.js";
import { Decoder, Encoder } from "../js/msgpack/parser.js";
import { bytes, isPage, next, start, TRANSPORTS } from "./support.mjs";

const require = createRequire(import.meta.url);
const notepack = require("notepack.io");

const numbered = (count) => Object.fromEntries(Array(count).fill(0).entries());

const VALUES = {
  "fixed integers": [0, 1, 127, -1, -32],
  "8 bits": [128, 255, -33, -128],
  "16 bits": [256, 65535, -129, -32768],
  "32 bits": [65536, 2 ** 32 - 1, -32769, -(2 ** 31)],
  "64 bits": [2 ** 32, Number.MAX_SAFE_INTEGER, -(2 ** 31) - 1, Number.MIN_SAFE_INTEGER],
  fractions: [0.5, -1e-9, Infinity],
  words: [null, true, false, undefined],
  texts: ["", "é€😀", "x".repeat(31), "x".repeat(32), "x".repeat(256), "x".repeat(65536)],
  lists: [[], [1, [2, [3]]], Array(15).fill(0), Array(16).fill(1), Array(65536).fill(2)],
  maps: [{}, { a: { b: [] } }, numbered(16), numbered(70000)],
  dates: [new Date(0), new Date(1790000000123), new Date(-1)],
};

describe("the codec", () => {
  for (const [what, values] of Object.entries(VALUES))
    test(`${what} come back, to the published codec too`, () => {
      for (const value of values) {
        assert.deepEqual(decode(encode(value)), value);
        assert.deepEqual(notepack.decode(Buffer.from(encode(value))), value);
        assert.deepEqual(decode(notepack.encode(value)), value);
      }
    });

  test("binary of all sizes and kinds comes back as an ArrayBuffer", () => {
    for (const size of [0, 255, 256, 65535, 65536]) {
      const data = Uint8Array.from({ length: size }, (_, i) => i);
      for (const same of [data, data.buffer, new DataView(data.buffer), Buffer.from(data)]) {
        assert.deepEqual(decode(encode([same])), [data.buffer]);
        assert.deepEqual(notepack.decode(Buffer.from(encode(same))), Buffer.from(data));
      }
    }
    assert.deepEqual(decode(encode(new Uint16Array([1, 2, 3]).subarray(1))).byteLength, 4);
  });

  test("what JSON leaves out is left out, and toJSON is heard", () => {
    const value = { a: undefined, b() {}, c: Symbol("s"), d: { toJSON: () => "said" } };
    assert.deepEqual(decode(encode(value)), { d: "said" });
    assert.deepEqual(decode(encode([undefined, () => {}])), [undefined, undefined]);
    assert.deepEqual(decode(encode(7n)), 7);
    // The published codec takes it for an integer of 64 bits.
    assert.deepEqual(decode(encode(1e300)), 1e300);
    assert.throws(() => encode(new Blob([])), /Blobs/);
  });

  test("keys are never the prototype", () => {
    const decoded = decode(encode(JSON.parse('{"__proto__":{"a":1}}')));
    assert.equal(Object.getPrototypeOf(decoded), Object.prototype);
    assert.deepEqual(Object.keys(decoded), ["__proto__"]);
  });

  test("half a message, and one with something behind it, is malformed", () => {
    const whole = encode({ list: [1, "two", new Uint8Array(300), 2 ** 40, 0.5, new Date()] });
    for (let length = 0; length < whole.length; length++)
      assert.throws(() => decode(whole.slice(0, length)), `${length} bytes`);
    assert.throws(() => decode(Uint8Array.from([...whole, 0])));
    for (const head of [0xc1, 0xc6, 0xdb, 0xdd, 0xdf])
      assert.throws(() => decode(Uint8Array.from([head, 255, 255, 255, 255])));
  });
});

describe("the parser", () => {
  const MALFORMED = [
    [],
    "text",
    { type: 5, nsp: "/" },
    { type: "toString", nsp: "/" },
    { type: "1", nsp: "/" },
    { type: 0 },
    { type: 0, nsp: "/", data: [] },
    { type: 1, nsp: "/", data: {} },
    { type: 2, nsp: "/", data: {} },
    { type: 2, nsp: "/", data: [] },
    { type: 2, nsp: "/", data: [{}] },
    { type: 2, nsp: "/", data: ["disconnect"] },
    { type: 2, nsp: "/", data: ["a"], id: -1 },
    { type: 2, nsp: "/", data: ["a"], id: 0.5 },
    { type: 3, nsp: "/", data: "a" },
    { type: 4, nsp: "/", data: 1 },
  ];

  test("what is no packet is malformed", () => {
    const decoder = new Decoder();
    decoder.on("decoded", () => assert.fail("a packet"));
    for (const packet of MALFORMED) assert.throws(() => decoder.add(encode(packet)), /malformed/);
    assert.throws(() => decoder.add('2["a"]'), /malformed/);
  });

  test("packets are those of the published parser", () => {
    for (const packet of [
      { type: 0, nsp: "/", data: { token: 1 } },
      { type: 1, nsp: "/a" },
      { type: 2, nsp: "/", id: 0, data: ["a", { constructor: 1 }] },
      { type: 4, nsp: "/", data: { message: "no" } },
    ]) {
      for (const [one, other] of [
        [published, { Decoder }],
        [{ Encoder }, published],
      ]) {
        const seen = [];
        const decoder = new other.Decoder();
        decoder.on("decoded", (decoded) => seen.push(decoded));
        decoder.add(Buffer.from(new one.Encoder().encode(packet)[0]));
        assert.deepEqual(seen, [packet]);
      }
    }
  });
});

describe("the bundle", { skip: isPage }, () => {
  globalThis.WebSocket ??= WebSocket;
  const io = require("../dist/socket.io.msgpack.min.js");

  for (const transports of TRANSPORTS)
    test(`speaks to a server with the published parser over ${transports}`, async (t) => {
      const { url } = await start(t, { parser: published });
      const socket = io(url, { forceNew: true, transports, auth: { token: "t" } });
      t.after(() => socket.close());
      await next(socket, "connect");
      const sent = ["é", 1.5, { deep: [null, true] }, new Uint8Array([1, 2, 3])];
      const bounced = next(socket, "bounced");
      socket.emit("bounce", ...sent);
      const back = await bounced;
      assert.deepEqual(back.slice(0, 3), sent.slice(0, 3));
      assert.deepEqual(bytes(back[3]), [1, 2, 3]);
      assert.equal(await socket.emitWithAck("echo", "acked"), "acked");
      socket.on("question", (what, answer) => answer("because", what));
      const answered = next(socket, "answer");
      socket.emit("ask", "why");
      assert.deepEqual(await answered, ["because", "why"]);
      assert.deepEqual(await socket.emitWithAck("auth"), { token: "t" });
      const refused = io(url + "/closed", { forceNew: true, transports });
      t.after(() => refused.close());
      const [error] = await next(refused, "connect_error");
      assert.deepEqual([error.message, error.data], ["not today", { code: 7 }]);
    });
});
