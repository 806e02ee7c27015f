import { nextTick, request } from "#platform";
import { encode } from "./packet.js";

const SEPARATOR = "\x1e";

// Servers in Python refuse larger payloads.
const MAX_PACKETS = 16;

/** HTTP long-polling: one GET always pending, at most one POST beside it. */
export const polling = (transport, opts, session) => {
  const abort = new AbortController();
  let stopped;
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
      // A ReferenceError, if there is no `fetch`.
      const isMissing = failure instanceof ReferenceError;
      transport.fail_(`xhr ${body ? "post" : "poll"} error`, failure, response, isMissing);
    }
  };

  const read = async () => {
    while (!stopped)
      for (const frame of (await exchange())?.split(SEPARATOR) || []) {
        // In a microtask, so that a listener that throws cannot stop the loop.
        nextTick(() => transport.frame_(frame));
        // What the frame holds is delivered before the next one comes.
        await null;
        // The others would cost time for nothing.
        if (session.readyState == "closed") return;
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
    stopped = true;
    // Without a POST under way the server can be told; otherwise the aborted requests tell it.
    if (transport.writable) await exchange("1");
    abort.abort();
  };
};
