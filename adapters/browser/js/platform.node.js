import http from "node:http";
import https from "node:https";
import { cookieHeader, storeCookies } from "./cookies.js";

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

// Begins at once: waiting for it later would delay the first connection.
const installed = import("ws").catch(() => null);

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
  const timer = (opts.useNativeTimers ? nativeSet : setTimeout)(task, delay);
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
          for await (const chunk of incoming) chunks.push(chunk);
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

export const connect = async (transport, opts, session) => {
  const url = transport.url_();
  const headers = { ...(opts.withCredentials && cookieHeader(session)), ...opts.extraHeaders };
  const options = socketOptions(opts);
  const { WebSocket: builtIn } = globalThis;
  const mustConfigure = opts.autoUnref || Object.keys(options).length > 0;
  if (builtIn && !mustConfigure) return new builtIn(url, { protocols: opts.protocols, headers });

  const WebSocket = (await installed)?.default;
  if (!WebSocket) throw new Error('no WebSocket here; install the package "ws" or use Node.js 22');
  const socket = new WebSocket(url, opts.protocols, { headers, ...options });
  if (opts.autoUnref) socket.on("upgrade", (response) => response.socket.unref());
  return socket;
};
