// What differs between a page and Node.js, here for pages.

// As it was when this was loaded, since tests may fake it together with the timers.
export const nextTick = queueMicrotask;

export const binaryType = "arraybuffer";

/** Turns what a packet carries into what the application expects. */
export const adapt = (packet) => packet;

/** Runs `task` after `delay` ms, unless the returned function is called before. */
export const later = (task, delay) => {
  // 23 days: timers take no more than 24, and a longer delay would be none.
  const timer = setTimeout(task, Math.min(delay, 2e9));
  return () => clearTimeout(timer);
};

/**
 * Sends an HTTP request, a POST if there is a body, and resolves to a `Response`, or to something
 * with the same fields.
 */
export const request = (transport, body, signal, opts) =>
  fetch(transport.url_(), {
    method: body && "POST",
    body,
    headers: opts.extraHeaders,
    credentials: opts.withCredentials ? "include" : undefined,
    signal,
    // The close packet has to outlive the page.
    keepalive: body == "1",
  });

/** Returns a WebSocket. */
export const connect = (transport, opts) => new WebSocket(transport.url_(), opts.protocols);
