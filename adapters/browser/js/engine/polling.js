import { later, nextTick, request } from "#platform";
import { encode } from "./packet.js";

const SEPARATOR = "\x1e";

// Packets that are read before timers and other events have their turn.
const PACKETS_AT_ONCE = 4096;

// Servers in Python refuse larger payloads.
const MAX_PACKETS = 16;

// Milliseconds that the server has to answer the last POST.
const CLOSE_TIMEOUT = 10_000;

/** HTTP long-polling: one GET always pending, at most one POST beside it. */
export const polling = (transport, opts, session) => {
  const abort = new AbortController();
  let stopped;
  let closed;
  let reading;
  let count;

  const pack = async (packets) => {
    let body = "";
    let size = -1;
    count = 0;
    // Reading each packet takes a microtask, in which the next one can come and travel along.
    for (const packet of packets) {
      const text = await encode(packet);
      size += new Blob([text]).size + 1;
      const isFull = size > transport.limit_ || count == MAX_PACKETS || packet.options?.alone_;
      if (count && isFull) break;
      body += (count++ ? SEPARATOR : "") + text;
    }
    return body;
  };

  /** Resolves to the response's body; a failure ends the transport and resolves to undefined. */
  const exchange = async (body) => {
    let response;
    try {
      response = await request(transport, await body, abort.signal, opts, session);
      response.responseText = await response.text();
      if (response.ok) return response.responseText;
      throw response.status;
    } catch (failure) {
      transport.writable = false;
      transport.fail_(
        body ? "xhr post error" : "xhr poll error",
        failure,
        response,
        // What is thrown if there is no `fetch`.
        failure instanceof ReferenceError,
      );
    }
  };

  const read = async () => {
    let frames = 0;
    while (!stopped) {
      let text = (await exchange()) + SEPARATOR;
      // Not by `split()`, which would make a list of millions before the first is read.
      while (text && !closed) {
        const frame = text.slice(0, text.indexOf(SEPARATOR));
        text = text.slice(frame.length + 1);
        // In a microtask, so that a listener that throws cannot stop the loop.
        nextTick(() => transport.frame_(frame));
        // What the frame holds is delivered before the next one comes.
        await (++frames % PACKETS_AT_ONCE || new Promise((resolve) => later(resolve, 0, opts)));
      }
    }
    reading = null;
  };

  transport.open_ = () => {
    stopped = false;
    reading ||= read();
  };

  transport.send_ = async (packets) => (await exchange(pack(packets))) != null && count;

  transport.pause_ = () => {
    stopped = true;
    return reading;
  };

  transport.close_ = async () => {
    closed = stopped = true;
    const cancel = later(() => abort.abort(), CLOSE_TIMEOUT, opts);
    // Without a POST under way the server can be told; otherwise the aborted requests tell it.
    if (transport.writable) await exchange("1");
    cancel();
    abort.abort();
  };
};
