const utf8 = new TextEncoder();

/** Encodes a value as MessagePack, with what has no type there as `notepack.io` has it. */
export const encode = (value) => {
  let bytes = new Uint8Array(256);
  let length = 0;

  const reserve = (count) => {
    const start = length;
    length += count;
    if (length > bytes.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(bytes);
      bytes = larger;
    }
    return start;
  };

  const append = (data) => {
    const start = reserve(data.length);
    bytes.set(data, start);
  };

  /** A head, and a number of so many bits in the form that `DataView` calls `kind`. */
  const put = (head, kind, bits, number) => {
    append([head]);
    const start = reserve(bits / 8);
    new DataView(bytes.buffer)["set" + kind + bits](start, number);
  };

  /** The smallest form of a count or integer; its head is `first` or one that follows. */
  const putSmallest = (first, kind, sizes, number) => {
    const limit = (bits) => 2 ** (kind == "Int" ? bits - 1 : bits);
    const index = sizes.findIndex((bits) => number < limit(bits) && number >= -limit(bits));
    put(first + index, kind, sizes[index], number);
  };

  const integer = (number) => {
    if (number >= -0x20 && number < 0x80) append([number]);
    else if (Math.abs(number) >= 2 ** 32 || number < -(2 ** 31))
      put(number < 0 ? 0xd3 : 0xcf, "BigInt", 64, BigInt(number));
    else putSmallest(number < 0 ? 0xd0 : 0xcc, number < 0 ? "Int" : "Uint", [8, 16, 32], number);
  };

  const binary = (data) => {
    putSmallest(0xc4, "Uint", [8, 16, 32], data.length);
    append(data);
  };

  const text = (string) => {
    const data = utf8.encode(string);
    if (data.length < 0x20) append([0xa0 + data.length]);
    else putSmallest(0xd9, "Uint", [8, 16, 32], data.length);
    append(data);
  };

  const container = (fixed, first, items, write) => {
    if (items.length < 0x10) append([fixed + items.length]);
    else putSmallest(first, "Uint", [16, 32], items.length);
    items.forEach(write);
  };

  const object = (item) => {
    if (item instanceof Date) {
      append([0xd7]);
      // Dates that are none are no number either; nothing else is left for them than the epoch.
      put(0, "BigInt", 64, BigInt(item.getTime() || 0));
    } else if (item instanceof ArrayBuffer) {
      binary(new Uint8Array(item));
    } else if (ArrayBuffer.isView(item)) {
      binary(new Uint8Array(item.buffer, item.byteOffset, item.byteLength));
    } else if (typeof item.toJSON == "function") {
      write(item.toJSON());
    } else if (item instanceof Blob) {
      throw new TypeError("Blobs cannot be sent in msgpack");
    } else if (Array.isArray(item)) {
      container(0x90, 0xdc, [...item], write);
    } else {
      const entries = Object.entries(item).filter(([, member]) => isData(member));
      container(0x80, 0xde, entries, ([key, member]) => {
        text(key);
        write(member);
      });
    }
  };

  const write = (item) => {
    if (item === null) append([0xc0]);
    else if (!isData(item)) append([0xd4, 0, 0]);
    else if (typeof item == "boolean") append([item ? 0xc3 : 0xc2]);
    else if (typeof item == "string") text(item);
    else if (typeof item == "bigint") put(item < 0 ? 0xd3 : 0xcf, "BigInt", 64, item);
    else if (typeof item == "object") object(item);
    else if (Number.isSafeInteger(item)) integer(item);
    else put(0xcb, "Float", 64, item);
  };

  write(value);
  return bytes.slice(0, length);
};

const isData = (value) => !/^(undefined|function|symbol)$/.test(typeof value);
