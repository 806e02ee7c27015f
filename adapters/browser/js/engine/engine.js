import { Emitter } from "../emitter.js";
import { adapt, binaryType, later, queueMicrotask } from "#platform";
import { parseUrl } from "../url.js";
import { check, decode, transportError } from "./packet.js";
import { polling } from "./polling.js";
import { websocket } from "./websocket.js";

const TRANSPORTS = { polling, websocket };

// Whether the last WebSocket of this page worked, for `rememberUpgrade`.
let websocketWorked;

const noop = () => {};

/** Opens an Engine.IO session, which goes from the handshake over the upgrade to the close. */
export const openEngine = (uri, options) => {
  const engine = new Emitter();
  const opts = (engine.opts = { path: "/engine.io", upgrade: true, ...options });
  const names = (opts.transports || Object.keys(TRANSPORTS)).filter((name) => TRANSPORTS[name]);
  const hasWebsocket = names.includes("websocket");
  const url = parseUrl(uri);
  const fire = (...args) => engine.fire_(...args);
  const writeBuffer = [];
  const over = new AbortController();
  let handshake;
  let upgrading;
  let probing;
  let cancelDeadline = noop;

  const create = (name) => {
    const transport = {
      name,
      writable: false,
      url_: () => {
        const isPolling = name == "polling";
        const query = { ...opts.query, EIO: 4, transport: name };
        if (opts.timestampRequests ?? isPolling)
          query[opts.timestampParam || "t"] = Math.random();
        if (opts.forceBase64) query.b64 = 1;
        if (handshake) query.sid = handshake.sid;
        return (
          `${isPolling ? "http" : "ws"}${url.secure_}://${url.host_}` +
          opts.path.replace(/\/$/, "") +
          ((opts.addTrailingSlash ?? true) ? "/?" : "?") +
          new URLSearchParams(query) +
          url.query_
        );
      },
    };
    TRANSPORTS[name](transport, { ...opts, ...opts.transportOptions?.[name] }, engine);
    return transport;
  };

  const use = (transport) => {
    engine.transport = transport;
    transport.frame_ = receive;
    transport.end_ = (error, details) => (error ? fail(error) : end("transport close", details));
    transport.drain_ = (count) => {
      writeBuffer.splice(0, count);
      if (!writeBuffer.length) fire("drain");
      flush();
    };
  };

  const release = (transport) => {
    transport.frame_ = transport.drain_ = transport.end_ = noop;
    transport.close_();
  };

  const start = () => {
    const remembered = opts.rememberUpgrade && websocketWorked && hasWebsocket;
    use(create(remembered ? "websocket" : names[0] || "polling"));
    engine.transport.open_();
  };

  const end = (reason, details) => {
    if (engine.readyState == "closed") return;
    engine.readyState = "closed";
    engine.id = null;
    cancelDeadline();
    over.abort();
    release(engine.transport);
    if (probing) release(probing);
    fire("close", reason, details);
    writeBuffer.length = 0;
  };

  const fail = (error) => {
    websocketWorked = false;
    if (!handshake && opts.tryAllTransports && names.length > 1) {
      release(engine.transport);
      names.shift();
      start();
    } else {
      fire("error", error);
      end("transport error", error);
    }
  };

  const expire = () => end("ping timeout");

  const receive = (frame) => {
    let packet;
    try {
      packet = adapt(decode(frame), engine.binaryType);
      if (packet.type == "open") {
        const opened = JSON.parse(packet.data);
        check(!handshake && opened.sid);
        handshake = opened;
      }
    } catch (error) {
      return fail(transportError("server error: " + error.message, error));
    }
    const { type } = packet;
    const { transport } = engine;
    fire("packet", packet);
    if (engine.readyState == "closed") return;
    if (handshake) {
      const delay = handshake.pingInterval + handshake.pingTimeout;
      engine._pingTimeoutTime = Date.now() + delay;
      cancelDeadline();
      cancelDeadline = later(expire, delay, opts);
    }
    if (type == "open") {
      engine.id = handshake.sid;
      transport.writable = true;
      transport.limit_ = handshake.maxPayload;
      engine.readyState = type;
      websocketWorked = transport.name == "websocket";
      fire("handshake", handshake);
      fire("open");
      flush();
      if (
        opts.upgrade &&
        transport.name == "polling" &&
        hasWebsocket &&
        handshake.upgrades?.includes("websocket") &&
        engine.readyState == "open"
      )
        probe();
    } else if (type == "ping") {
      push("pong");
      fire(type);
    } else if (type == "message") {
      fire("data", packet.data);
      fire(type, packet.data);
    } else if (type == "close") {
      // The server has forgotten the session, so there is nobody to tell.
      transport.writable = false;
      end("transport close", { description: "closed by the server" });
    }
  };

  const push = (type, data, options) => {
    if (!/open/.test(engine.readyState)) return;
    const packet = { type, data, options };
    fire("packetCreate", packet);
    writeBuffer.push(packet);
    flush();
  };

  const flush = () => {
    const { transport, readyState } = engine;
    if (upgrading || readyState == "closed") return;
    if (!handshake || !writeBuffer.length) {
      if (readyState == "closing") end("forced close");
    } else if (transport.writable) {
      transport.send_(writeBuffer);
    }
  };

  /** Tries a WebSocket beside the polling transport, and moves over when the server answers it. */
  const probe = () => {
    const old = engine.transport;
    const next = (probing = create("websocket"));
    const giveUp = (error) => {
      release(next);
      probing = upgrading = false;
      old.open_();
      fire("upgradeError", error);
      flush();
    };
    next.drain_ = noop;
    next.end_ = (error, details) => giveUp(error || details);
    next.frame_ = async (frame) => {
      if (frame != "3probe") return giveUp(transportError("probe error"));
      fire("upgrading", next);
      // With nothing under way on the old transport, nothing can be lost or overtaken.
      await old.pause_();
      upgrading = probing;
      await old.writing_;
      if (!probing || engine.readyState == "closed") return;
      upgrading = probing = false;
      websocketWorked = true;
      use(next);
      writeBuffer.unshift({ type: "upgrade" });
      flush();
      fire("upgrade", next);
    };
    next.open_(() => next.send_([{ type: "ping", data: "probe" }]));
  };

  const listen = (event, listener) =>
    globalThis.addEventListener?.(event, listener, { signal: over.signal });

  engine.binaryType = binaryType;
  engine.writeBuffer = writeBuffer;
  engine.readyState = "opening";

  /** Queues a message; ignored once the session is closing. */
  engine.write = engine.send = (data, options) => {
    push("message", data, options);
    return engine;
  };

  /** Sends what is queued, then closes. */
  engine.close = () => {
    if (/open/.test(engine.readyState)) {
      engine.readyState = "closing";
      flush();
    }
    return engine;
  };

  /**
   * Says whether the server has been silent for too long, and if so closes. The timer of a machine
   * that was suspended is late, so the timer alone does not tell.
   */
  engine.isStale_ = () => {
    const stale = Date.now() > engine._pingTimeoutTime;
    if (stale) queueMicrotask(expire);
    return stale;
  };

  listen("offline", () => {
    if (!/^localhost/.test(url.host_))
      end("transport close", { description: "network connection lost" });
  });
  if (opts.closeOnBeforeunload) listen("beforeunload", () => release(engine.transport));
  start();
  return engine;
};
