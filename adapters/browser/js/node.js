import http from "node:http";
import https from "node:https";
import { cookieHeader, storeCookies } from "./cookies.js";
import { env } from "./env.js";

const SOCKET_OPTIONS = [
  "agent",
  "ca",
  "cert",
  "ciphers",
  "key",
  "passphrase",
  "pfx",
  "rejectUnauthorized",
];

const socketOptions = (opts) =>
  Object.fromEntries(
    SOCKET_OPTIONS.filter((name) => opts[name] != null).map((name) => [name, opts[name]]),
  );

env.binaryType_ = "nodebuffer";

env.binary_ = (buffer, binaryType) => (binaryType == "nodebuffer" ? Buffer.from(buffer) : buffer);

const { setTimeout: nativeSet, clearTimeout: nativeClear } = globalThis;

env.later_ = (task, delay, opts) => {
  const timer = (opts.useNativeTimers ? nativeSet : setTimeout)(task, delay);
  if (opts.autoUnref) timer.unref();
  return () => (opts.useNativeTimers ? nativeClear : clearTimeout)(timer);
};

// Not `fetch`, which takes no agent and no TLS options, and cannot let the process end.
env.request_ = (url, { method, body, headers, signal }, { opts_: opts, session_: session }) =>
  new Promise((resolve, reject) => {
    const request = (url.startsWith("https") ? https : http).request(
      url,
      {
        method,
        signal,
        headers: {
          ...(body && {
            "content-type": "text/plain;charset=UTF-8",
            "content-length": Buffer.byteLength(body),
          }),
          ...(opts.withCredentials && cookieHeader(session)),
          ...headers,
        },
        ...socketOptions(opts),
      },
      async (response) => {
        try {
          if (opts.withCredentials) storeCookies(session, response.headers["set-cookie"]);
          const chunks = [];
          for await (const chunk of response) chunks.push(chunk);
          const text = Buffer.concat(chunks).toString();
          const status = response.statusCode;
          resolve({ status, ok: status == 200, headers: response.headers, text: () => text });
        } catch (error) {
          reject(error);
        }
      },
    );
    if (opts.autoUnref) request.on("socket", (socket) => socket.unref());
    request.on("error", reject);
    request.end(body);
  });

env.connect_ = async (url, { opts_: opts, session_: session }) => {
  const headers = { ...(opts.withCredentials && cookieHeader(session)), ...opts.extraHeaders };
  const options = socketOptions(opts);
  const { WebSocket: builtIn } = globalThis;
  const mustConfigure = opts.autoUnref || Object.keys(options).length > 0;
  if (builtIn && !mustConfigure) return new builtIn(url, { protocols: opts.protocols, headers });

  const { default: WebSocket } = await import("ws").catch(() => {
    throw new Error('no WebSocket here; install the package "ws" or use Node.js 22');
  });
  const socket = new WebSocket(url, opts.protocols, { headers, ...options });
  if (opts.autoUnref) socket.on("upgrade", (response) => response.socket.unref());
  return socket;
};

export * from "./index.js";
export { default } from "./index.js";
