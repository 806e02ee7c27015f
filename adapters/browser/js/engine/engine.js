import { Emitter } from "../emitter.js";
import { env } from "../env.js";
import { parseUrl } from "../url.js";
import { decode, transportError } from "./packet.js";
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
  const url = parseUrl(uri);
  const fire = (...args) => engine.fire_(...args);
  let handshake;
  let upgrading;
  let probing;
  let deadline;
  let cancelDeadline = noop;

  const create = (name) => {
    const transport = {
      name,
      writable: false,
      ready_: noop,
      session_: engine,
      opts_: { ...opts, ...opts.transportOptions?.[name] },
      url_: () => {
        const isPolling = name == "polling";
        const query = { ...opts.query, EIO: 4, transport: name };
        if (isPolling ? opts.timestampRequests !== false : opts.timestampRequests)
          query[opts.timestampParam || "t"] = Math.random().toString(36).slice(2);
        if (opts.forceBase64) query.b64 = 1;
        if (handshake) query.sid = handshake.sid;
        return (
          `${isPolling ? "http" : "ws"}${url.secure_}://${url.host_}` +
          opts.path.replace(/\/$/, "") +
          (opts.addTrailingSlash === false ? "?" : "/?") +
          new URLSearchParams(query) +
          url.query_
        );
      },
    };
    TRANSPORTS[name](transport);
    return transport;
  };

  const use = (transport) => {
    engine.transport = transport;
    transport.frame_ = receive;
    transport.end_ = (error, details) => (error ? fail(error) : end("transport close", details));
    transport.drain_ = (count) => {
      engine.writeBuffer.splice(0, count);
      if (!engine.writeBuffer.length) fire("drain");
      flush();
    };
  };

  const release = (transport) => {
    transport.frame_ = transport.drain_ = transport.end_ = transport.ready_ = noop;
    transport.close_();
  };

  const start = () => {
    const [first = "polling"] = names;
    const remembered = opts.rememberUpgrade && websocketWorked && names.includes("websocket");
    use(create(remembered ? "websocket" : first));
    engine.transport.open_();
  };

  const end = (reason, details) => {
    if (engine.readyState == "closed") return;
    engine.readyState = "closed";
    engine.id = null;
    cancelDeadline();
    listen("removeEventListener");
    release(engine.transport);
    if (probing) release(probing);
    fire("close", reason, details);
    engine.writeBuffer = [];
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
      packet = decode(frame);
      if (packet.type == "open") handshake = JSON.parse(packet.data);
    } catch (error) {
      return fail(transportError("server error", error));
    }
    const { type } = packet;
    const { transport } = engine;
    if (packet.data.byteLength >= 0) packet.data = env.binary_(packet.data, engine.binaryType);
    fire("packet", packet);
    if (handshake) {
      const delay = handshake.pingInterval + handshake.pingTimeout;
      deadline = Date.now() + delay;
      cancelDeadline();
      cancelDeadline = env.later_(expire, delay, opts);
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
        names.includes("websocket") &&
        handshake.upgrades.includes("websocket") &&
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
    const packet = { type, data, options: { compress: true, ...options } };
    fire("packetCreate", packet);
    engine.writeBuffer.push(packet);
    flush();
  };

  const flush = () => {
    const { transport, writeBuffer, readyState } = engine;
    if (upgrading || readyState == "closed") return;
    if (!writeBuffer.length) {
      if (readyState == "closing") end("forced close");
    } else if (transport.writable) {
      transport.send_(writeBuffer);
      fire("flush");
    }
  };

  /** Tries a WebSocket beside the polling transport, and moves over when the server answers it. */
  const probe = () => {
    const old = engine.transport;
    const next = (probing = create("websocket"));
    const giveUp = (error) => {
      release(next);
      probing = 0;
      if (upgrading) old.open_();
      upgrading = false;
      fire("upgradeError", error);
      flush();
    };
    next.drain_ = noop;
    next.ready_ = () => next.send_([{ type: "ping", data: "probe" }]);
    next.end_ = (error, details) => giveUp(error || details);
    next.frame_ = async (frame) => {
      if (frame != "3probe") return giveUp(transportError("probe error"));
      upgrading = true;
      fire("upgrading", next);
      // Once nothing is under way on the old transport, nothing can be lost or overtaken.
      await old.pause_();
      if (!upgrading || engine.readyState == "closed") return;
      upgrading = probing = false;
      websocketWorked = true;
      use(next);
      next.send_([{ type: "upgrade" }]);
      fire("upgrade", next);
    };
    next.open_();
  };

  const listeners = {
    offline: () => {
      if (!/^localhost/.test(url.host_))
        end("transport close", { description: "network connection lost" });
    },
    beforeunload: () => opts.closeOnBeforeunload && release(engine.transport),
  };
  const listen = (method) => {
    for (const event in listeners) globalThis[method]?.(event, listeners[event]);
  };

  engine.binaryType = env.binaryType_;
  engine.writeBuffer = [];
  engine.readyState = "opening";

  /** Queues a message; ignored once the session is closing. */
  engine.write = engine.send = (data, options, callback) => {
    if (callback) engine.once("flush", callback);
    push("message", data, options);
    return engine;
  };

  /** Sends what is queued, then closes. */
  engine.close = () => {
    if (!handshake) end("forced close");
    else if (engine.readyState == "open") {
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
    const stale = Date.now() > (engine._pingTimeoutTime || deadline);
    if (stale) queueMicrotask(expire);
    return stale;
  };

  listen("addEventListener");
  start();
  return engine;
};
