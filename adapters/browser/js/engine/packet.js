const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];

/** Throws what the session ends with, unless the other side keeps to the protocol. */
export const check = (condition) => {
  if (!condition) throw Error("malformed packet");
};

export const isString = (value) => typeof value == "string";

/** Encodes a packet as text. */
export const encode = async ({ type, data }) => {
  if (isString(data)) return TYPES.indexOf(type) + data;
  let binary = "";
  const { buffer, byteOffset, byteLength } = data;
  // A view, or a Blob, or an ArrayBuffer.
  const bytes = buffer || (await data.arrayBuffer?.()) || data;
  for (const byte of new Uint8Array(bytes, byteOffset, byteLength))
    binary += String.fromCharCode(byte);
  return "b" + btoa(binary);
};

/** Decodes a frame of either transport; throws on anything malformed. */
export const decode = (frame) => {
  let type = "message";
  let data = frame;
  if (isString(frame)) {
    data = frame.slice(1);
    if (frame[0] == "b") data = Uint8Array.from(atob(data), (char) => char.charCodeAt()).buffer;
    else type = TYPES[frame[0]];
  }
  check(type);
  return { type, data };
};
