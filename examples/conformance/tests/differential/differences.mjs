// Where the official parser and ours differ on purpose: which first messages are meant, or which
// packets of ours. Ours does not take what they begin, unless `taken` says that it does, and finds
// something else in it. More about them is in `core/src/manual/differences.md`.

const PREFIX = /^[0-6](?:\d+-)?(?:\/[^,]*(?:,|$))?/;

/** What stands behind the namespace: the id, if any, and the data. */
const rest = (text) => text.replace(PREFIX, "");
const isEvent = (text) => /^[2356]/.test(text);

/** How deep brackets and braces are nested. */
function levels(text) {
  let [now, most] = [0, 0];
  for (const [it] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{\]}]/g)) {
    if (it.length > 1) continue;
    now += "[{".includes(it) ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
}

/** The data, if it is JSON. */
function dataOf(text) {
  try {
    return JSON.parse(rest(text).replace(/^\d+/, ""));
  } catch {
    return null;
  }
}

/** Whether there is a placeholder with more in front of its mark than its number. */
function hasLatePlaceholder(value) {
  if (value === null || typeof value !== "object") return false;
  const keys = Object.keys(value);
  const before = keys.slice(0, Math.max(0, keys.indexOf("_placeholder")));
  const isLate = value._placeholder === true && before.join() !== "" && before.join() !== "num";
  return isLate || keys.some((key) => hasLatePlaceholder(value[key]));
}

/** Whether two placeholders name the same binary value. */
function namesTwice(text) {
  const numbers = [...rest(text).matchAll(/"num":\s*(\d+)/g)].map((found) => Number(found[1]));
  return new Set(numbers).size < numbers.length;
}

export const DIFFERENCES = [
  {
    name: "a binary value that is named twice",
    why: "no encoder writes it so, and sending it on would multiply it",
    applies: (text) => /^[56]/.test(text) && namesTwice(text),
  },
  {
    name: "an empty message",
    why: "it is no packet",
    applies: (text) => text === "",
  },
  {
    name: "a type that is white space",
    why: "it is no type",
    applies: (text) => /^\s/.test(text),
  },
  {
    name: "an event or acknowledgement without data",
    why: "the protocol demands an array",
    applies: (text) => isEvent(text) && /^\d*$/.test(rest(text)),
  },
  {
    name: "a name of an event that is a number, but no plain integer from 0 on",
    why: "other numbers have several spellings",
    applies: (text) => /^[25]/.test(text) && /^\d*\[\s*(?:-|\d+[.eE])/.test(rest(text)),
  },
  {
    name: "white space or another spelling where an id might stand",
    why: "an answer would go to a different event",
    applies: (text) => /^[0-6]/.test(text) && /^\d*\s/.test(rest(text)),
  },
  {
    name: "an id above 2^53 - 1",
    why: "it would lose digits",
    applies: (text) => BigInt(/^\d*/.exec(rest(text))[0] || 0) >= 2n ** 53n || /^\d{17}/.test(rest(text)),
  },
  {
    name: "an acknowledgement without an id",
    why: "it answers nothing",
    applies: (text) => /^[36]/.test(text) && /^\[/.test(rest(text)),
  },
  {
    name: "an id in a DISCONNECT",
    why: "it has no meaning there",
    applies: (text) => /^1/.test(text) && /^\d/.test(rest(text)),
  },
  {
    name: "a CONNECT_ERROR from a client",
    why: "only servers send it",
    applies: (text) => /^4/.test(text),
  },
  {
    name: "another spelling of the number of binary values",
    why: "one is enough",
    applies: (text) => /^[56]/.test(text) && !/^.[1-9]\d*-/.test(text) && /^.[^-]*-/.test(text),
  },
  {
    name: "another spelling of the number in a placeholder",
    why: "a fraction is silently nothing there",
    applies: (text) => /^[56]/.test(text) && /"num":(?:-0|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/.test(text) && /"num":(?:-|\d+[.eE])/.test(text),
  },
  {
    name: "a placeholder that has other keys in front, or is spelt with escapes",
    why: "no encoder writes it so, and data must not be mistaken for a file",
    taken: true,
    applies: (text) => /^[56]/.test(text) && (/"[^"]*\\u[^"]*"\s*:/.test(text) || hasLatePlaceholder(dataOf(text))),
  },
  {
    name: "data that looks like a placeholder next to binary values",
    why: "it is taken, but cannot be sent on",
    taken: true,
    applies: (text, packets) => /^[56]/.test(text) && packets[0]?.sent.length === 0,
  },
  {
    name: "a lone surrogate in the name of an event",
    why: "names are UTF-8, in which it is replaced",
    taken: true,
    applies: (text) => /^[25]/.test(text) && /^\d*\[\s*"[^"]*\\u[dD][89a-fA-F]/.test(rest(text)),
  },
  {
    name: "more than 120 levels",
    why: "who handles the data might recurse",
    applies: (text) => levels(text) > 120,
  },
  {
    name: "a namespace that has control characters",
    why: "names are echoed",
    applies: (text) => /^[0-6](?:\d+-)?\/[^,]*[\0-\x1f\x7f]/.test(text),
  },
];
