import { Emitter } from "./emitter.js";

export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;
export const ACK = 3;
export const CONNECT_ERROR = 4;

// Events and acks with attachments are of type 5 and 6.
const BINARY = 3;

export const RESERVED = [
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
];

// The payload that each type takes.
const PAYLOADS = [/undefined|object/, /undefined/, /array/, /array/, /string|object/];

const PACKET = /^(?:([0-4])|([56])([1-9]\d*)-)(?:(\/[^,]*),?)?(\d{0,15})(.*)$/s;

const isBinary = (value) =>
  value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof Blob;

const check = (condition) => {
  if (!condition) throw new Error("malformed packet");
};

/** Turns a packet into one text frame and its binary attachments. */
export class Encoder {
  encode({ type, nsp, id = "", data }) {
    const attachments = [];
    const json = JSON.stringify(
      data,
      type >= EVENT &&
        function (key, value) {
          // `this[key]` is the value before `toJSON()`, which a Node.js Buffer has.
          if (isBinary(this[key])) value = this[key];
          return isBinary(value)
            ? { _placeholder: true, num: attachments.push(value) - 1 }
            : value;
        },
    );
    const { length } = attachments;
    return [
      (length ? `${type + BINARY}${length}-` : type) +
        (nsp == "/" ? "" : nsp + ",") +
        id +
        (json || ""),
      ...attachments,
    ];
  }
}

/** Emits `decoded` for each packet; `add()` throws on anything malformed. */
export class Decoder extends Emitter {
  add(frame) {
    const isText = typeof frame == "string";
    check(isText != !!this.match_);
    if (isText) {
      check((this.match_ = PACKET.exec(frame)));
      this.attachments_ = [];
    } else {
      this.attachments_.push(frame);
    }
    const { match_, attachments_ } = this;
    if (attachments_.length < (match_[3] || 0)) return;
    this.destroy();
    this.fire_("decoded", build(match_, attachments_));
  }

  destroy() {
    this.match_ = null;
  }
}

const build = ([, type, binaryType, , nsp = "/", id, json], attachments) => {
  const packet = { type: +(type || binaryType - BINARY), nsp };
  if (id) packet.id = +id;
  if (json)
    packet.data = JSON.parse(
      json,
      binaryType &&
        ((_, value) => {
          if (value?._placeholder !== true) return value;
          check(attachments[value.num]);
          return attachments[value.num];
        }),
    );
  const { data } = packet;
  const kind = Array.isArray(data) ? "array" : data === null ? "null" : typeof data;
  check(PAYLOADS[packet.type].test(kind));
  check(packet.type != EVENT || /number|string/.test(typeof data[0]));
  check(packet.type != EVENT || !RESERVED.includes(data[0]));
  return packet;
};
