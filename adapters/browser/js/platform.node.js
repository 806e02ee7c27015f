import http from "node:http";
import https from "node:https";
import { cookieHeader, storeCookies } from "./cookies.js";
import installed from "./ws.cjs";

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

const { setTimeout: nativeSet, clearTimeout: nativeClear } = globalThis;

// As the package "ws" has it.
const MAX_PAYLOAD = 100 * 2 ** 20;

const socketOptions = (opts) =>
  Object.fromEntries(
    SOCKET_OPTIONS.filter((name) => opts[name] != null).map((name) => [name, opts[name]]),
  );

// As it was when this was loaded, since tests may fake it together with the timers.
export const nextTick = queueMicrotask;

export const binaryType = "nodebuffer";

export const adapt = (packet, wanted) => {
  if (wanted == "nodebuffer" && packet.data instanceof ArrayBuffer)
    packet.data = Buffer.from(packet.data);
  return packet;
};

export const later = (task, delay, opts) => {
  // 23 days: timers take no more than 24, and a longer delay would be none.
  const wait = Math.min(delay, 2e9);
  const timer = (opts.useNativeTimers ? nativeSet : setTimeout)(task, wait);
  if (opts.autoUnref) timer.unref();
  return () => (opts.useNativeTimers ? nativeClear : clearTimeout)(timer);
};

// Not `fetch`, which takes no agent and no TLS options, and cannot let the process end.
export const request = (transport, body, signal, opts, session) =>
  new Promise((resolve, reject) => {
    const url = transport.url_();
    const outgoing = (url.startsWith("https") ? https : http).request(
      url,
      {
        method: body ? "POST" : "GET",
        signal,
        headers: {
          ...(body && {
            "content-type": "text/plain;charset=UTF-8",
            "content-length": Buffer.byteLength(body),
          }),
          ...(opts.withCredentials && cookieHeader(session)),
          ...opts.extraHeaders,
        },
        ...socketOptions(opts),
      },
      async (incoming) => {
        try {
          if (opts.withCredentials) storeCookies(session, incoming.headers["set-cookie"]);
          const chunks = [];
          let size = 0;
          for await (const chunk of incoming) {
            size += chunk.length;
            if (size > (opts.maxPayload ?? MAX_PAYLOAD)) throw new Error("the answer is too large");
            chunks.push(chunk);
          }
          const text = Buffer.concat(chunks).toString();
          const status = incoming.statusCode;
          resolve({ status, ok: status == 200, headers: incoming.headers, text: () => text });
        } catch (error) {
          reject(error);
        }
      },
    );
    if (opts.autoUnref) outgoing.on("socket", (socket) => socket.unref());
    outgoing.on("error", reject);
    outgoing.end(body);
  });

export const connect = (transport, opts, session) => {
  const url = transport.url_();
  const headers = { ...(opts.withCredentials && cookieHeader(session)), ...opts.extraHeaders };
  if (typeof installed == "function") {
    const maxPayload = opts.maxPayload ?? MAX_PAYLOAD;
    const options = { headers, maxPayload, ...socketOptions(opts) };
    const socket = new installed(url, opts.protocols, options);
    if (opts.autoUnref) socket.on("upgrade", (response) => response.socket.unref());
    return socket;
  }
  const { WebSocket } = globalThis;
  if (!WebSocket || opts.autoUnref || Object.keys(socketOptions(opts)).length > 0)
    throw new Error('no WebSocket here; install the package "ws" or use Node.js 22');
  // Only Node's own takes headers; that of a test environment, for one, does not.
  const hasHeaders = Object.keys(headers).length > 0;
  return new WebSocket(url, hasHeaders ? { protocols: opts.protocols, headers } : opts.protocols);
};
