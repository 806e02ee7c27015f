import { Emitter } from "../emitter.js";
import { adapt, binaryType, later, nextTick } from "#platform";
import { parseUrl, readOptions, readQuery } from "../url.js";
import { check, decode, isString } from "./packet.js";
import { polling } from "./polling.js";
import { websocket } from "./websocket.js";

const TRANSPORTS = { polling, websocket };

// Whether the last WebSocket of this page worked, for `rememberUpgrade`.
let websocketWorked;

const noop = () => {};

// What is used if nothing of what the options name exists.
const none = (transport) => {
  transport.open_ = () => nextTick(() => transport.fail_("no transport"));
};

// Pongs that wait because nothing of what is sent gets through; more are not added.
const MAX_PONGS = 100;

const transportError = (message, description, context) =>
  Object.assign(Error(message), { type: "TransportError", description, context });

/** Opens an Engine.IO session, which goes from the handshake over the upgrade to the close. */
export const openEngine = (uri, options) => {
  const engine = new Emitter();
  const opts = (engine.opts = readOptions(options));
  const names = (opts.transports || Object.keys(TRANSPORTS)).filter((name) => TRANSPORTS[name]);
  const [secure, host, , query] = parseUrl(uri);
  const writeBuffer = [];
  const over = new AbortController();
  let handshake;
  let upgrading;
  let probing;
  let cancelDeadline = noop;
  // How long the server may be silent.
  let silence;
  let pongs = 0;
  let unsent = 0;

  const create = (name) => {
    const own = readOptions({ ...opts, ...opts.transportOptions?.[name] });
    const transport = {
      // Its events are those of the session.
      __proto__: engine,
      name,
      url_: () => {
        const isPolling = name == "polling";
        const params = { ...readQuery(own.query), ...readQuery(query), EIO: 4, transport: name };
        if (own.timestampRequests ?? isPolling) params[own.timestampParam || "t"] = Math.random();
        if (own.forceBase64) params.b64 = 1;
        if (handshake) params.sid = handshake.sid;
        return (
          (isPolling ? "http" : "ws") +
          secure +
          "://" +
          host +
          own.path.replace(/\/?$/, own.addTrailingSlash === false ? "?" : "/?") +
          new URLSearchParams(params)
        );
      },
    };
    (TRANSPORTS[name] || none)(transport, own, engine);
    return transport;
  };

  const use = (transport) => {
    engine.transport = transport;
    transport.frame_ = receive;
    transport.fail_ = fail;
    transport.end_ = end;
  };

  const release = (transport) => {
    transport.frame_ = transport.end_ = transport.fail_ = noop;
    transport.close_?.();
  };

  const start = () => {
    const remembered = opts.rememberUpgrade && websocketWorked && names.includes("websocket");
    use(create(remembered ? "websocket" : names[0]));
    engine.transport.open_();
  };

  const end = (...details) => {
    if (engine.readyState == "closed") return;
    engine.readyState = "closed";
    engine.id = null;
    cancelDeadline();
    over.abort();
    release(engine.transport);
    if (probing) release(probing);
    probing = false;
    engine.fire_("close", ...details);
    writeBuffer.splice(0);
  };

  const fail = (message, description, context, isMissing) => {
    const error = transportError(message, description, context);
    websocketWorked = false;
    if (!handshake && (isMissing || opts.tryAllTransports) && names[1]) {
      release(engine.transport);
      names.splice(names.indexOf(engine.transport.name), 1);
      start();
    } else {
      engine.fire_("error", error);
      end("transport error", error);
    }
  };

  const expire = () => end("ping timeout");

  const isOpen = () => /open/.test(engine.readyState);

  const receive = (frame) => {
    let packet;
    try {
      packet = adapt(decode(frame), engine.binaryType);
      if (packet.type == "open") {
        const opened = JSON.parse(packet.data);
        silence = opened.pingInterval + opened.pingTimeout;
        check(!handshake && isString(opened.sid) && silence >= 0);
        handshake = opened;
      }
    } catch (error) {
      return fail("server error", error);
    }
    const { type, data } = packet;
    const { transport } = engine;
    engine.fire_("packet", packet);
    // What comes while the session closes gives it no more time.
    if (handshake && isOpen()) {
      engine._pingTimeoutTime = Date.now() + silence;
      cancelDeadline();
      cancelDeadline = later(expire, silence, opts);
    }
    if (type == "open") {
      engine.readyState = type;
      engine.id = handshake.sid;
      transport.limit_ = handshake.maxPayload;
      transport.writable = true;
      websocketWorked = transport.name == "websocket";
      engine.fire_("handshake", handshake);
      engine.fire_("open");
      flush();
      if (
        opts.upgrade !== false &&
        transport.name == "polling" &&
        names.includes("websocket") &&
        [handshake.upgrades].flat().includes("websocket") &&
        isOpen()
      )
        probe();
    } else if (type == "ping") {
      const size = writeBuffer.length + (transport.ws?.bufferedAmount || 0);
      pongs = size && size >= unsent ? pongs + 1 : 0;
      unsent = size;
      if (pongs < MAX_PONGS) push("pong");
      engine.fire_(type);
    } else if (type == "message") {
      engine.fire_("data", data);
      engine.fire_(type, data);
    } else if (type == "close") {
      // The server has forgotten the session, so there is nobody to tell.
      transport.writable = false;
      end("transport close", { description: "closed by the server" });
    }
  };

  const push = (type, data = "", options) => {
    if (!isOpen()) return;
    const packet = { type, data, options };
    engine.fire_("packetCreate", packet);
    writeBuffer.push(packet);
    flush();
  };

  /** Sends what is queued, unless something is on its way. */
  const flush = async () => {
    const { transport } = engine;
    if (upgrading) return;
    if (!handshake || !writeBuffer[0]) {
      if (engine.readyState == "closing") end("forced close");
    } else if (transport.writable) {
      transport.writable = false;
      const count = await (transport.writing_ = transport.send_(writeBuffer));
      if (!count || engine.readyState == "closed") return;
      transport.writable = true;
      writeBuffer.splice(0, count);
      if (!writeBuffer[0]) engine.fire_("drain");
      flush();
    }
  };

  /** Tries a WebSocket beside the polling transport, and moves over when the server answers it. */
  const probe = () => {
    const old = engine.transport;
    const next = (probing = create("websocket"));
    const giveUp = (...details) => {
      release(next);
      probing = upgrading = false;
      old.open_();
      engine.fire_("upgradeError", transportError(...details));
      flush();
    };
    next.end_ = next.fail_ = giveUp;
    next.frame_ = async (frame) => {
      if (frame != "3probe") return giveUp("probe error");
      engine.fire_("upgrading", next);
      // With nothing under way on the old transport, nothing can be lost or overtaken.
      await old.pause_();
      upgrading = probing;
      await old.writing_;
      if (!probing) return;
      upgrading = probing = false;
      use(next);
      next.writable = websocketWorked = true;
      writeBuffer.unshift({ type: "upgrade", data: "" });
      flush();
      engine.fire_("upgrade", next);
    };
    next.open_(() => next.send_([{ type: "ping", data: "probe" }]));
  };

  const listen = (event, listener) =>
    globalThis.addEventListener?.(event, listener, { signal: over.signal });

  engine.readyState = "opening";
  engine.writeBuffer = writeBuffer;
  engine.binaryType = binaryType;

  /** Queues a message; ignored once the session is closing. */
  engine.write = engine.send = (data, options) => {
    push("message", data, options);
    return engine;
  };

  /** Sends what is queued, then closes. */
  engine.close = () => {
    if (isOpen()) {
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
    if (stale) nextTick(expire);
    return stale;
  };

  listen("offline", () => {
    if (!/^localhost/.test(host))
      end("transport close", { description: "network connection lost" });
  });
  if (opts.closeOnBeforeunload) listen("beforeunload", () => release(engine.transport));
  start();
  return engine;
};
