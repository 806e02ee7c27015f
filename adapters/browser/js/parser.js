import { Emitter } from "./emitter.js";
import { check, isString } from "./engine/packet.js";
import { EVENT, RESERVED } from "./protocol.js";

// Events and acks with attachments are of type 5 and 6.
const BINARY = 3;

const PACKET = /^(?:([0-4])|([56])([1-9]\d*)-)(?:(\/[^,]*),?)?(\d{0,15})(.*)$/s;

const GROUPS = 7;

// How the payload of each type begins.
const PAYLOAD = /^(0({|$)|1$|2\[["\d-]|3\[|4["{])/;

// By name, since an ArrayBuffer may come from another realm, such as that of a test environment.
const isBinary = (value) =>
  ArrayBuffer.isView(value) || /(ArrayBuffer|Blob|File)]$/.test({}.toString.call(value));

/** Turns a packet into one text frame and its binary attachments. */
export class Encoder {
  encode({ type, nsp, id = "", data }) {
    const attachments = [];
    const json = JSON.stringify(
      data,
      type >= EVENT &&
        function (key, value) {
          // The value before `toJSON()`, which a Node.js Buffer has.
          const raw = this[key];
          return isBinary(raw) ? { _placeholder: true, num: attachments.push(raw) - 1 } : value;
        },
    );
    const head = attachments[0] ? `${type + BINARY}${attachments.length}-` : type;
    return [head + (nsp == "/" ? "" : nsp + ",") + id + (json || ""), ...attachments];
  }
}

/** Emits `decoded` for each packet; `add()` throws on anything malformed. */
export class Decoder extends Emitter {
  constructor({ maxAttachments }) {
    super();
    this.max_ = maxAttachments ?? 10;
  }

  add(frame) {
    const pending = this.match_;
    const match = isString(frame) == !pending && (pending || PACKET.exec(frame));
    check(match && !(match[3] > this.max_));
    // Attachments follow the groups of the match.
    if (pending) pending.push(frame);
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
  check(PAYLOAD.test(type + json));
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
