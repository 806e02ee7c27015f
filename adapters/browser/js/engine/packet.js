const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];

/** Throws what the session ends with, unless the other side keeps to the protocol. */
export const check = (condition) => {
  if (!condition) throw new Error("malformed packet");
};

export const isText = (data) => typeof data != "object";

/** Encodes a packet as text. */
export const encode = async ({ type, data = "" }) => {
  if (isText(data)) return TYPES.indexOf(type) + data;
  let binary = "";
  // A Blob takes all kinds of binary data, Blobs among them.
  for (const byte of new Uint8Array(await new Blob([data]).arrayBuffer()))
    binary += String.fromCharCode(byte);
  return "b" + btoa(binary);
};

/** Decodes a frame of either transport; throws on anything malformed. */
export const decode = (frame) => {
  let type = "message";
  let data = frame;
  if (isText(frame)) {
    data = frame.slice(1);
    if (frame[0] == "b") data = Uint8Array.from(atob(data), (char) => char.charCodeAt()).buffer;
    else type = TYPES[frame[0]];
  }
  check(type);
  return { type, data };
};
