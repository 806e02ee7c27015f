import { Emitter } from "../emitter.js";
import { check } from "../engine/packet.js";
import { ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, RESERVED } from "../protocol.js";
import { decode } from "./decode.js";
import { encode } from "./encode.js";

const isObject = (data) => Object.prototype.toString.call(data) == "[object Object]";

const isEvent = ([name]) =>
  typeof name == "number" || (typeof name == "string" && !RESERVED.test(name));

const IS_VALID = {
  __proto__: null,
  [CONNECT]: (data) => data === undefined || isObject(data),
  [DISCONNECT]: (data) => data === undefined,
  [EVENT]: (data) => Array.isArray(data) && isEvent(data),
  [ACK]: Array.isArray,
  [CONNECT_ERROR]: (data) => typeof data == "string" || isObject(data),
};

/** Turns a packet into one binary frame, as `socket.io-msgpack-parser` does. */
export class Encoder {
  encode({ type, nsp, id, data }) {
    return [encode({ type, nsp, id, data })];
  }
}

/** Emits `decoded` for each packet; `add()` throws on anything malformed. */
export class Decoder extends Emitter {
  add(frame) {
    check(typeof frame == "object");
    const packet = decode(frame);
    check(isObject(packet));
    const { type, nsp, id, data } = packet;
    check(typeof type == "number" && IS_VALID[type]?.(data));
    check(typeof nsp == "string");
    check(id === undefined || (Number.isInteger(id) && id >= 0));
    this.fire_("decoded", packet);
  }
}
