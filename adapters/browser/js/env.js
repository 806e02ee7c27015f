/** What differs between a page and Node.js; `node.js` replaces these. */
export const env = {
  binaryType_: "arraybuffer",

  /** Turns a received ArrayBuffer into what the application asked for. */
  binary_: (buffer, _binaryType) => buffer,

  /** Runs `task` after `delay` ms, unless the returned function is called before. */
  later_: (task, delay, _opts) => {
    const timer = setTimeout(task, delay);
    return () => clearTimeout(timer);
  },

  /** Sends an HTTP request and resolves to a `Response`, or to something with the same fields. */
  request_: (url, init, _transport) => fetch(url, init),

  /** Returns a WebSocket, or a promise of one. */
  connect_: (url, { opts_: opts }) => new WebSocket(url, opts.protocols),
};
