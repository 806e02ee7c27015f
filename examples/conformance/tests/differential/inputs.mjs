// What both parsers are given: the corpus of the fuzz target for packets, and packets that are
// almost valid, from a seed.

import { readdirSync, readFileSync } from "node:fs";

const CORPUS = new URL("../../../../fuzz/corpus/packet_decode/", import.meta.url);

/** Messages, each a text or a buffer, that make one packet, or should. */
export function fromCorpus() {
  const scripts = [];
  for (const name of readdirSync(CORPUS).sort()) {
    const file = readFileSync(new URL(name, CORPUS));
    let script = [];
    for (const line of file.toString("latin1").split("\n")) {
      const bytes = Buffer.from(line, "latin1");
      if (bytes[0] === 0x3c) {
        script.push(bytes.subarray(1));
        continue;
      }
      // A text message begins a packet, unless it interrupts one.
      const text = bytes.toString();
      if (script.length > 0) scripts.push(script);
      if (/^[56]/.test(script[0])) scripts.push([...script, text]);
      script = [text];
    }
    scripts.push(script);
  }
  return scripts.filter((script) => script.every((it) => Buffer.isBuffer(it) || !it.includes("\ufffd")));
}

/** Random numbers below `n`, always the same ones for the same seed. */
function dice(seed) {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  };
}

const COUNTS = ["1-", "2-", "10-", "0-", "-", "11-", "01-", "1e1-", " 1-", "1.0-", "+1-", "0x2-", "1", ""];
const NAMESPACES = ["", "", "/,", "/admin,", "/a?b=1,", "//,", "/admin", "admin,", "/\u{e9}\u{1f642},", "/a b,", "/\u0001,"];
const IDS = ["", "", "0", "1", "7", "9", "42", "007", "9007199254740991", "9007199254740992", "99999999999999999999", " ", "-1", "1.5", "1e3", " 1", "\u00a0", "\u0663"];
const NAMES = ['"a"', '"e"', '"message"', '""', '"connect"', '"disconnect"', '"newListener"', '"error"', '"__proto__"', "0", "17", "1.5", "-1", "1e2", "01", "null", "true", "{}", "[]", '{"toString":"foo"}', '"\\u0063onnect"', '"\\ud800"', '"\u{1f642}"'];
const NUMBERS = ["0", "1", "2", "-0", "0.5", "0.0", "1e0", "-1", '"0"', '"splice"', "null", "1e400", "true", "[]", "10"];
const SCALARS = ["null", "true", "false", "0", "-0", "1.0", "1e400", "18446744073709551616", '"text"', '"\\ud800\\u0000"', '"\u2028\u{1f642}"', '"\\u001e"'];
const NOISE = [..."0123456789-,[]{}\":/ \t\n\r.+eEtrfalsn_\\u\u00a0\ufeff\u00e9"];

/** A script that is almost one packet. */
export function generate(seed, count) {
  const roll = dice(seed);
  const pick = (list) => list[roll(list.length)];
  const often = (usual, list) => (roll(3) > 0 ? usual : pick(list));

  const value = (depth) => {
    switch (roll(depth > 0 ? 8 : 5)) {
      case 0: return `{"_placeholder":true,"num":${often(String(roll(2)), NUMBERS)}}`;
      case 1: return pick(['{"_placeholder":1,"num":0}', '{"num":0,"_placeholder":true,"x":1}', '{"_placeholder":true}', '{"x":1,"_placeholder":true,"num":0}', '{"\\u005fplaceholder":true,"num":0}', '{"__proto__":{"_placeholder":true,"num":0}}']);
      case 5: return `[${Array.from({ length: roll(4) }, () => value(depth - 1)).join(pick([",", " , "]))}]`;
      case 6: return `{${Array.from({ length: roll(3) }, (_, key) => `"${pick(["k", "x", "__proto__"])}${key}":${value(depth - 1)}`).join(",")}}`;
      case 7: {
        const levels = pick([5, 100, 120, 135, 200]);
        return "[".repeat(levels) + "]".repeat(levels);
      }
      default: return pick(SCALARS);
    }
  };
  const data = (type) => {
    if (roll(12) === 0) return pick(["", "{}", "[]", "null", '"x"', "[", "{", "tru", "[,]", "[1,]"]);
    if (type === "0") return pick(["", "{}", '{"token":1}', `{"a":${value(2)}}`]);
    if (type === "1") return often("", ["{}", "null", " "]);
    const values = Array.from({ length: roll(3) }, () => value(3));
    if (type === "2" || type === "5") values.unshift(often('"e"', NAMES));
    return `[${values.join(",")}]`;
  };
  const blemish = (text) => {
    const at = roll(text.length + 1);
    switch (roll(4)) {
      case 0: return text.slice(0, at) + pick(NOISE) + text.slice(at);
      case 1: return text.slice(0, at) + text.slice(at + 1);
      case 2: return text.slice(0, at) + pick(NOISE) + text.slice(at + 1);
      default: return text.slice(0, at);
    }
  };

  const scripts = [];
  for (let made = 0; made < count; made += 1) {
    const type = often(pick(["2", "5", "3", "6"]), ["0", "1", "4", "7", "", "a", " "]);
    const count = type === "5" || type === "6" ? often("1-", COUNTS) : "";
    let text = type + count + often("", NAMESPACES) + often(type === "3" || type === "6" ? String(roll(10)) : "", IDS) + data(type);
    for (let times = roll(3); times > 1; times -= 1) text = blemish(text);
    const script = [text.toWellFormed?.() ?? text];
    const announced = Number(/^[56](\d{1,2})-/.exec(text)?.[1] ?? 0);
    const follow = Math.max(0, announced + (roll(8) === 0 ? roll(3) - 1 : 0));
    for (let index = 0; index < Math.min(follow, 12); index += 1) script.push(Buffer.from([index, 0, 255].slice(0, roll(4))));
    if (announced > 0 && roll(20) === 0) script.splice(1 + roll(script.length), 0, '2["in between"]');
    scripts.push(script);
  }
  return scripts;
}
