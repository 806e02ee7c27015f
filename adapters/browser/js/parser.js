import { Emitter } from "./emitter.js";
import { check } from "./engine/packet.js";
import { EVENT, RESERVED } from "./protocol.js";

// Events and acks with attachments are of type 5 and 6.
const BINARY = 3;

const PACKET = /^(?:([0-4])|([56])([1-9]\d*)-)(?:(\/[^,]*),?)?(\d{0,15})(.*)$/s;

const GROUPS = 7;

// How the payload of each type begins.
const PAYLOADS = [/^({|$)/, /^$/, /^\[["\d-]/, /^\[/, /^["{]/];

const isBinary = (value) =>
  value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof Blob;

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
    // Attachments follow the groups of the match.
    if (!isText) match.push(frame);
    const complete = match.length == GROUPS + (+match[3] || 0);
    this.match_ = complete ? null : match;
    if (complete) this.fire_("decoded", build(match));
  }

  destroy() {
    this.match_ = null;
  }
}

const build = ([, plainType, binaryType, , nsp = "/", id, json, ...attachments]) => {
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
