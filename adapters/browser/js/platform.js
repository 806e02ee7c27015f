// What differs between a page and Node.js, here for pages.

export const binaryType = "arraybuffer";

/** Turns what a packet carries into what the application expects. */
export const adapt = (packet) => packet;

/** Runs `task` after `delay` ms, unless the returned function is called before. */
export const later = (task, delay) => {
  const timer = setTimeout(task, delay);
  return () => clearTimeout(timer);
};

/** Sends an HTTP request and resolves to a `Response`, or to something with the same fields. */
export const request = (url, init) => fetch(url, init);

/** Returns a WebSocket, or a promise of one. */
export const connect = (url, opts) => new WebSocket(url, opts.protocols);
