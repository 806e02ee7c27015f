const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const malformed = () => {
  throw new Error("malformed packet");
};

/** Decodes what `encode` gives; throws on anything malformed. */
export const decode = (frame) => {
  const bytes = ArrayBuffer.isView(frame)
    ? new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength)
    : new Uint8Array(frame);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let pos = 0;

  const number = (kind, bits) => {
    const start = pos;
    pos += bits / 8;
    return view["get" + kind + bits](start);
  };

  const take = (length) => {
    const start = pos;
    pos += length;
    if (pos > bytes.length) malformed();
    return bytes.subarray(start, pos);
  };

  const text = (length) => utf8.decode(take(length));
  const binary = (length) => take(length).slice().buffer;

  // Not by `Array(length)`: a length that is only declared takes no memory.
  const list = (length, item = value) => {
    const items = [];
    while (items.length < length) items.push(item());
    return items;
  };

  // An own property even if the key is "__proto__".
  const map = (length) => Object.fromEntries(list(length, () => [value(), value()]));

  const extension = (length) => {
    const type = number("Int", 8);
    if (type == 0 && length == 1) return void take(1);
    if (type == 0 && length == 8) return new Date(Number(number("BigInt", 64)));
    return [type, binary(length)];
  };

  const sized = (read, head, sizes) => read(number("Uint", sizes[head]));

  const value = () => {
    const head = number("Uint", 8);
    if (head < 0x80) return head;
    if (head < 0x90) return map(head - 0x80);
    if (head < 0xa0) return list(head - 0x90);
    if (head < 0xc0) return text(head - 0xa0);
    if (head >= 0xe0) return head - 0x100;
    if (head == 0xc0) return null;
    if (head == 0xc1) return malformed();
    if (head < 0xc4) return head == 0xc3;
    if (head < 0xc7) return sized(binary, head - 0xc4, SIZES);
    if (head < 0xca) return sized(extension, head - 0xc7, SIZES);
    if (head < 0xcc) return number("Float", head == 0xca ? 32 : 64);
    if (head == 0xcf) return Number(number("BigUint", 64));
    if (head == 0xd3) return Number(number("BigInt", 64));
    if (head < 0xd0) return number("Uint", SIZES[head - 0xcc]);
    if (head < 0xd4) return number("Int", SIZES[head - 0xd0]);
    if (head < 0xd9) return extension(2 ** (head - 0xd4));
    if (head < 0xdc) return sized(text, head - 0xd9, SIZES);
    return sized(head < 0xde ? list : map, head % 2, SIZES.slice(1));
  };

  const result = value();
  if (pos != bytes.length) malformed();
  return result;
};

const SIZES = [8, 16, 32];
