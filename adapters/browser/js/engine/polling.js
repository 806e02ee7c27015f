import { env } from "../env.js";
import { encode, transportError } from "./packet.js";

const SEPARATOR = "\x1e";

/** HTTP long-polling: one GET always pending, at most one POST beside it. */
export const polling = (transport) => {
  const { opts_: opts } = transport;
  const abort = new AbortController();
  let stopped;
  let reading;
  let writing;

  /** Resolves to the response's body; a failure ends the transport and resolves to undefined. */
  const request = async (body) => {
    let response;
    let failure;
    try {
      response = await env.request_(
        transport.url_(),
        {
          method: body ? "POST" : "GET",
          body,
          headers: opts.extraHeaders,
          credentials: opts.withCredentials ? "include" : "same-origin",
          signal: abort.signal,
          // The close packet has to outlive the page.
          keepalive: body == "1",
        },
        transport,
      );
      const text = (response.responseText = await response.text());
      if (response.ok) return text;
      failure = response.status + " " + text;
    } catch (error) {
      failure = error;
    }
    transport.writable = false;
    transport.end_(
      transportError(
        `xhr ${body ? "post" : "poll"} error: ${failure.cause || failure}`,
        response ? response.status : failure,
        response,
      ),
    );
  };

  const poll = async () => {
    const body = await request();
    // A microtask each, so that a listener that throws cannot stop the loop.
    for (const frame of body?.split(SEPARATOR) || [])
      queueMicrotask(() => transport.frame_(frame));
    await null;
  };

  const write = async (packets) => {
    let body = "";
    let size = 0;
    let count = 0;
    try {
      // Reading each packet takes a microtask, in which the next one can come and travel along.
      for (const packet of packets) {
        const text = await encode(packet);
        size += new Blob([text]).size + 1;
        if (count && size - 1 > transport.limit_) break;
        body += (count++ ? SEPARATOR : "") + text;
      }
    } catch (error) {
      return transport.end_(transportError("unreadable data", error));
    }
    if ((await request(body)) !== undefined) {
      transport.writable = true;
      transport.drain_(count);
    }
  };

  transport.open_ = async () => {
    stopped = false;
    while (!stopped) await (reading = poll());
  };

  transport.send_ = (packets) => {
    transport.writable = false;
    writing = write(packets);
  };

  transport.pause_ = () => {
    stopped = true;
    return Promise.all([reading, writing]);
  };

  transport.close_ = async () => {
    stopped = true;
    // Without a POST under way the server can be told; otherwise the aborted requests tell it.
    if (transport.writable) await request("1");
    abort.abort();
  };
};
