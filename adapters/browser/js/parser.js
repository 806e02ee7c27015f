import { Emitter } from "./emitter.js";

export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;
export const ACK = 3;
export const CONNECT_ERROR = 4;

// Events and acks with attachments are of type 5 and 6.
const BINARY = 3;

export const RESERVED = /^(connect(_error)?|disconnect(ing)?|(new|remove)Listener)$/;

const PACKET = /^(?:([0-4])|([56])([1-9]\d*)-)(?:(\/[^,]*),?)?(\d{0,15})(.*)$/s;

// How the payload of each type begins.
const PAYLOADS = [/^({|$)/, /^$/, /^\[["\d-]/, /^\[/, /^["{]/];

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
          return isBinary(value) ? { _placeholder: true, num: attachments.push(value) - 1 } : value;
        },
    );
    const { length } = attachments;
    const head = length ? `${type + BINARY}${length}-` : type;
    return [head + (nsp == "/" ? "" : nsp + ",") + id + (json || ""), ...attachments];
  }
}

/** Emits `decoded` for each packet; `add()` throws on anything malformed. */
export class Decoder extends Emitter {
  add(frame) {
    const isText = typeof frame == "string";
    const match = isText ? PACKET.exec(frame) : this.match_;
    check(match && isText == !this.match_);
    if (isText) match.attachments_ = [];
    else match.attachments_.push(frame);
    const missing = (match[3] || 0) - match.attachments_.length;
    this.match_ = missing ? match : null;
    if (!missing) this.fire_("decoded", build(match, match.attachments_));
  }

  destroy() {
    this.match_ = null;
  }
}

const build = ([, plainType, binaryType, , nsp = "/", id, json], attachments) => {
  const type = plainType ? +plainType : binaryType - BINARY;
  const packet = { type, nsp };
  if (id) packet.id = +id;
  check(PAYLOADS[type].test(json));
  if (json)
    packet.data = JSON.parse(
      json,
      binaryType &&
        ((_, value) => {
          if (!value?._placeholder) return value;
          check(isBinary(attachments[value.num]));
          return attachments[value.num];
        }),
    );
  check(type != EVENT || !RESERVED.test(packet.data[0]));
  return packet;
};
