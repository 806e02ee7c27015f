/*! sockeye-client 0.1.0, MIT OR Apache-2.0 */
(() => {
  // js/emitter.js
  var Emitter = class {
    constructor() {
      this.off();
    }
    on(event, listener) {
      this.events_[event] = [...this.listeners(event), listener];
      return this;
    }
    prepend(event, listener) {
      this.events_[event] = [listener, ...this.listeners(event)];
      return this;
    }
    once(event, listener) {
      const wrapper = (...args) => {
        this.off(event, wrapper);
        listener.apply(this, args);
      };
      wrapper.listener_ = listener;
      return this.on(event, wrapper);
    }
    off(event, listener) {
      let found;
      const stays = (item) => found || !(found = item == listener || item.listener_ == listener);
      if (event === void 0) this.events_ = { __proto__: null };
      else this.events_[event] = listener ? this.listeners(event).filter(stays) : [];
      return this;
    }
    listeners(event) {
      return this.events_[event] || [];
    }
    hasListeners(event) {
      return this.listeners(event).length > 0;
    }
    emit(event, ...args) {
      this.listeners(event).forEach((listener) => listener.apply(this, args));
      return this;
    }
  };
  var proto = Emitter.prototype;
  proto.fire_ = proto.emit;
  proto.addEventListener = proto.on;
  proto.removeListener = proto.removeAllListeners = proto.removeEventListener = proto.off;

  // js/platform.js
  var nextTick = queueMicrotask;
  var binaryType = "arraybuffer";
  var adapt = (packet) => packet;
  var later = (task, delay) => {
    const timer = setTimeout(task, Math.min(delay, 2e9));
    return () => clearTimeout(timer);
  };
  var request = (transport, body, signal, opts) => fetch(transport.url_(), {
    method: body && "POST",
    body,
    headers: opts.extraHeaders,
    credentials: opts.withCredentials ? "include" : void 0,
    signal,
    // The close packet has to outlive the page.
    keepalive: body == "1"
  });
  var connect = (transport, opts) => new WebSocket(transport.url_(), opts.protocols);

  // js/engine/packet.js
  var TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
  var check = (condition) => {
    if (!condition) throw Error("malformed packet");
  };
  var isString = (value) => typeof value == "string";
  var encode = async ({ type, data }) => {
    if (isString(data)) return TYPES.indexOf(type) + data;
    let binary = "";
    const { buffer, byteOffset, byteLength } = data;
    const bytes = buffer || await data.arrayBuffer?.() || data;
    for (const byte of new Uint8Array(bytes, byteOffset, byteLength))
      binary += String.fromCharCode(byte);
    return "b" + btoa(binary);
  };
  var decode = (frame) => {
    let type = "message";
    let data = frame;
    if (isString(frame)) {
      data = frame.slice(1);
      if (frame[0] == "b") data = Uint8Array.from(atob(data), (char) => char.charCodeAt()).buffer;
      else type = TYPES[frame[0]];
    }
    check(type);
    return { type, data };
  };

  // js/url.js
  var ADDRESS = /^(?:(\w+:)?\/\/)?(?:[^/?#\\]*@)?([^/?#\\]*)([^?#]*)\??([^#]*)/;
  var readOptions = (uri, opts) => {
    const options = { ...typeof uri == "object" && uri || opts };
    for (const name in options) if (options[name] == null) delete options[name];
    options.path ||= "/socket.io";
    return options;
  };
  var parseUrl = (uri) => {
    const [, scheme, host, path, query] = ADDRESS.exec(isString(uri) ? uri : "");
    const isOfPage = !host || host[0] == ":";
    const page = globalThis.location || { protocol: !isOfPage && "https:" };
    const secure = /[ps]s:$/i.test(scheme || page.protocol);
    const start = isOfPage ? (host ? page.hostname : page.host) || "localhost" : "";
    return [
      secure ? "s" : "",
      (start + host).replace(secure ? /:443$/ : /:80$/, ""),
      path || "/",
      query
    ];
  };
  var readQuery = (query) => Object.fromEntries(
    new URLSearchParams(isString(query) ? query.replace(/\+/g, "%2B") : query)
  );

  // js/engine/polling.js
  var SEPARATOR = "";
  var PACKETS_AT_ONCE = 4096;
  var MAX_PACKETS = 16;
  var CLOSE_TIMEOUT = 1e4;
  var polling = (transport, opts, session) => {
    const abort = new AbortController();
    let stopped;
    let closed;
    let reading;
    let count;
    const pack = async (packets) => {
      let body = "";
      let size = -1;
      count = 0;
      for (const packet of packets) {
        const text = await encode(packet);
        size += new Blob([text]).size + 1;
        const isFull = size > transport.limit_ || count == MAX_PACKETS || packet.options?.alone_;
        if (count && isFull) break;
        body += (count++ ? SEPARATOR : "") + text;
      }
      return body;
    };
    const exchange = async (body) => {
      let response;
      try {
        response = await request(transport, await body, abort.signal, opts, session);
        response.responseText = await response.text();
        if (response.ok) return response.responseText;
        throw response.status;
      } catch (failure) {
        transport.writable = false;
        transport.fail_(
          body ? "xhr post error" : "xhr poll error",
          failure,
          response,
          // What is thrown if there is no `fetch`.
          failure instanceof ReferenceError
        );
      }
    };
    const read = async () => {
      let frames = 0;
      while (!stopped) {
        let text = await exchange() + SEPARATOR;
        while (text && !closed) {
          const frame = text.slice(0, text.indexOf(SEPARATOR));
          text = text.slice(frame.length + 1);
          nextTick(() => transport.frame_(frame));
          await (++frames % PACKETS_AT_ONCE || new Promise((resolve) => later(resolve, 0, opts)));
        }
      }
      reading = null;
    };
    transport.open_ = () => {
      stopped = false;
      reading ||= read();
    };
    transport.send_ = async (packets) => await exchange(pack(packets)) != null && count;
    transport.pause_ = () => {
      stopped = true;
      return reading;
    };
    transport.close_ = async () => {
      closed = stopped = true;
      const cancel = later(() => abort.abort(), CLOSE_TIMEOUT, opts);
      if (transport.writable) await exchange("1");
      cancel();
      abort.abort();
    };
  };

  // js/engine/websocket.js
  var websocket = (transport, opts, session) => {
    let socket;
    const fail = (error) => transport.fail_("websocket error", error, socket, !socket);
    transport.open_ = async (onopen) => {
      try {
        socket = transport.ws = connect(transport, opts, session);
        socket.binaryType = "arraybuffer";
        socket.onopen = onopen;
        socket.onmessage = ({ data }) => transport.frame_(data);
        socket.onerror = fail;
        socket.onclose = (context) => transport.end_("transport close", {
          description: "websocket connection closed",
          context
        });
      } catch (error) {
        fail(await error);
      }
    };
    transport.send_ = async (packets) => {
      try {
        for (const packet of packets) {
          const asText = isString(packet.data) || opts.forceBase64;
          socket.send(asText ? await encode(packet) : packet.data, packet.options);
        }
        return packets.length;
      } catch (error) {
        fail(error);
      }
    };
    transport.close_ = () => socket?.close();
  };

  // js/engine/engine.js
  var TRANSPORTS = { polling, websocket };
  var websocketWorked;
  var noop = () => {
  };
  var none = (transport) => {
    transport.open_ = () => nextTick(() => transport.fail_("no transport"));
  };
  var MAX_PONGS = 100;
  var transportError = (message, description, context) => Object.assign(Error(message), { type: "TransportError", description, context });
  var openEngine = (uri, options) => {
    const engine = new Emitter();
    const opts = engine.opts = readOptions(options);
    const names = (opts.transports || Object.keys(TRANSPORTS)).filter((name) => TRANSPORTS[name]);
    const [secure, host, , query] = parseUrl(uri);
    const writeBuffer = [];
    const over = new AbortController();
    let handshake;
    let upgrading;
    let probing;
    let cancelDeadline = noop;
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
          return (isPolling ? "http" : "ws") + secure + "://" + host + own.path.replace(/\/?$/, own.addTrailingSlash === false ? "?" : "/?") + new URLSearchParams(params);
        }
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
        if (opts.upgrade !== false && transport.name == "polling" && names.includes("websocket") && [handshake.upgrades].flat().includes("websocket") && isOpen())
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
        transport.writable = false;
        end("transport close", { description: "closed by the server" });
      }
    };
    const push = (type, data = "", options2) => {
      if (!isOpen()) return;
      const packet = { type, data, options: options2 };
      engine.fire_("packetCreate", packet);
      writeBuffer.push(packet);
      flush();
    };
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
    const probe = () => {
      const old = engine.transport;
      const next = probing = create("websocket");
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
    const listen = (event, listener) => globalThis.addEventListener?.(event, listener, { signal: over.signal });
    engine.readyState = "opening";
    engine.writeBuffer = writeBuffer;
    engine.binaryType = binaryType;
    engine.write = engine.send = (data, options2) => {
      push("message", data, options2);
      return engine;
    };
    engine.close = () => {
      if (isOpen()) {
        engine.readyState = "closing";
        flush();
      }
      return engine;
    };
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

  // js/protocol.js
  var CONNECT = 0;
  var DISCONNECT = 1;
  var EVENT = 2;
  var ACK = 3;
  var CONNECT_ERROR = 4;
  var RESERVED = /^(connect(_error)?|disconnect(ing)?|(new|remove)Listener)$/;
  var MAX_ITEMS = 1e4;
  var MAX_BYTES = 1e8;

  // js/parser.js
  var BINARY = 3;
  var PACKET = /^(?:([0-4])|([56])([1-9]\d*)-)(?:(\/[^,]*),?)?(\d{0,15})(.*)$/s;
  var GROUPS = 7;
  var PAYLOAD = /^(0({|$)|1$|2\[["\d-]|3\[|4["{])/;
  var isBinary = (value) => ArrayBuffer.isView(value) || /(ArrayBuffer|Blob|File)]$/.test({}.toString.call(value));
  var Encoder = class {
    encode({ type, nsp, id = "", data }) {
      const attachments = [];
      const json = JSON.stringify(
        data,
        type >= EVENT && function(key, value) {
          const raw = this[key];
          return isBinary(raw) ? { _placeholder: true, num: attachments.push(raw) - 1 } : value;
        }
      );
      const head = attachments[0] ? `${type + BINARY}${attachments.length}-` : type;
      return [head + (nsp == "/" ? "" : nsp + ",") + id + (json || ""), ...attachments];
    }
  };
  var Decoder = class extends Emitter {
    constructor({ maxAttachments }) {
      super();
      this.max_ = maxAttachments ?? 10;
    }
    add(frame) {
      const pending = this.match_;
      const match = isString(frame) == !pending && (pending || PACKET.exec(frame));
      check(match && !(match[3] > this.max_));
      if (pending) pending.push(frame);
      const complete = match.length == GROUPS + (+match[3] || 0);
      this.match_ = complete ? null : match;
      if (complete) this.fire_("decoded", build(match));
    }
    destroy() {
      this.match_ = null;
    }
  };
  var build = ([, plainType, binaryType2, , nsp = "/", id, json, ...attachments]) => {
    const type = plainType ? +plainType : binaryType2 - BINARY;
    const packet = { type, nsp };
    if (id) packet.id = +id;
    check(PAYLOAD.test(type + json));
    if (json)
      packet.data = JSON.parse(
        json,
        binaryType2 && ((_, value) => {
          if (!value?._placeholder) return value;
          check(isBinary(attachments[value.num]));
          return attachments[value.num];
        })
      );
    check(type != EVENT || !RESERVED.test(packet.data[0]));
    return packet;
  };

  // js/socket.js
  var Socket = class extends Emitter {
    constructor(io2, nsp, options) {
      super();
      const socket = this;
      const opts = socket._opts = options || {};
      const catchAll = new Emitter();
      const acks = socket.acks = {};
      const queue = socket._queue = [];
      let nextId = 0;
      let buffered = 0;
      let joining;
      let pid;
      let offset;
      socket.io = io2;
      socket.nsp = nsp;
      socket.auth = opts.auth;
      socket.connected = socket.recovered = socket.active = false;
      socket.receiveBuffer = [];
      socket.sendBuffer = [];
      socket.flags = {};
      const send = (type, data, id) => io2.send_({ type, nsp, data, id, options: { alone_: type == DISCONNECT } });
      const join = () => {
        if (joining) return;
        const token = joining = {};
        const answer = (data) => {
          if (joining == token) send(CONNECT, pid ? { pid, offset, ...data } : data || void 0);
        };
        if (typeof socket.auth == "function") socket.auth(answer);
        else answer(socket.auth);
      };
      const leave = () => {
        socket.active = joining = false;
        io2.release_();
      };
      const close = (...details) => {
        socket.connected = joining = false;
        socket.receiveBuffer = [];
        buffered = 0;
        delete socket.id;
        socket.fire_("disconnect", ...details);
        for (const id in acks)
          if (!socket.sendBuffer.some((packet) => packet.id == id))
            acks[id](Error("socket has been disconnected"));
      };
      const refuse = (message, data) => socket.fire_("connect_error", Object.assign(Error(message), { data }));
      const tellCatchAll = (kind, args) => catchAll.listeners(kind).forEach((listener) => listener.apply(socket, args));
      const receive = (args) => {
        const last = args.length - 1;
        if (pid && last && isString(args[last])) offset = args[last];
        tellCatchAll("Any", args);
        socket.fire_(...args);
      };
      const sendEvent = (packet) => {
        tellCatchAll("AnyOutgoing", packet.data);
        io2.send_(packet);
      };
      const expectAck = (id, ack, { takesError_: takesError, timeout = opts.ackTimeout }) => {
        const expire = () => {
          socket.sendBuffer = socket.sendBuffer.filter((packet) => packet.id !== id);
          acks[id](Error("operation has timed out"));
        };
        const cancel = timeout != null && later(expire, timeout, io2.opts);
        acks[id] = (...results) => {
          delete acks[id];
          if (cancel) cancel();
          else if (!takesError && results.shift()) return false;
          ack.apply(socket, results);
          return true;
        };
      };
      const enqueue = (args, flags, callback) => {
        let tries = 0;
        const attempt = () => {
          tries++;
          transmit(args, flags, answer);
        };
        const answer = (error, ...results) => {
          if (attempt != queue[0]) return;
          const done = !error || flags.failed_ || tries > opts.retries;
          if (done) queue.shift();
          drain();
          if (done && callback) callback(error, ...results);
          else if (done && error) console.error(error);
        };
        flags.takesError_ = true;
        queue.push(attempt);
        if (!queue[1]) drain();
      };
      const drain = () => {
        if (socket.connected) queue[0]?.();
      };
      const transmit = (data, flags, ack, buffer) => {
        const packet = { type: EVENT, nsp, data, options: { compress: flags.compress !== false } };
        if (ack) expectAck(packet.id = nextId++, ack, flags);
        if (flags.volatile && !io2.engine?.transport.writable) return;
        if (socket.connected && !io2.engine.isStale_())
          try {
            sendEvent(packet);
          } catch (error) {
            flags.failed_ = true;
            if (!acks[packet.id]?.(error)) throw error;
          }
        else if (buffer) socket.sendBuffer.push(packet);
      };
      const each = (buffer, task) => {
        for (const item of buffer.splice(0))
          try {
            task(item);
          } catch (error) {
            if (!acks[item.id]?.(error)) console.error(error);
          }
      };
      socket.ack = (id) => (...answer) => {
        if (id != null) send(ACK, answer, id);
        id = null;
      };
      socket.onevent = ({ id, data }) => {
        const args = [...data];
        if (id != null) args.push(socket.ack(id));
        if (socket.connected) receive(args);
        else socket.receiveBuffer.push(args);
      };
      socket.onpacket = (packet) => {
        const { type, nsp: to, id, data } = packet;
        if (to != nsp) return;
        if (type == EVENT) {
          socket.onevent(packet);
          buffered += packet.size_ + MAX_BYTES / MAX_ITEMS;
          if (!socket.connected && buffered > MAX_BYTES) io2.engine.transport.end_("forced close");
        } else if (type == ACK) {
          acks[id]?.(null, ...data);
        } else if (type == DISCONNECT) {
          leave();
          close("io server disconnect");
        } else if (type == CONNECT_ERROR) {
          leave();
          if (socket.connected) close("io server disconnect");
          refuse([data.message, data].find(isString), data.data);
        } else if (isString(data?.sid)) {
          socket.id = data.sid;
          socket.recovered = pid === (pid = data.pid) && !!pid;
          socket.connected = true;
          each(socket.receiveBuffer, receive);
          each(socket.sendBuffer, sendEvent);
          drain();
          socket.fire_("connect");
        } else {
          refuse("server of Socket.IO 2");
        }
      };
      socket.onopen = join;
      socket.onclose = close;
      socket.onerror = (error) => {
        if (!socket.connected) socket.fire_("connect_error", error);
      };
      socket.connect = socket.open = () => {
        if (!socket.connected) {
          socket.active = true;
          if (!io2._reconnecting) io2.open();
          if (io2._readyState == "open") join();
        }
        return socket;
      };
      socket.disconnect = socket.close = () => {
        if (socket.connected) send(DISCONNECT);
        leave();
        if (socket.connected) close("io client disconnect");
        return socket;
      };
      socket.emit = (...args) => {
        const { flags } = socket;
        socket.flags = {};
        if (RESERVED.test(args[0])) throw Error(`"${args[0]}" is a reserved event name`);
        const ack = typeof args[args.length - 1] == "function" && args.pop();
        (opts.retries && !flags.volatile ? enqueue : transmit)(args, flags, ack, true);
        return socket;
      };
      for (const kind of ["Any", "AnyOutgoing"]) {
        socket["listeners" + kind] = () => catchAll.listeners(kind);
        for (const verb of ["on", "off", "prepend"])
          socket[verb + kind] = (listener) => {
            catchAll[verb](kind, listener);
            return socket;
          };
      }
    }
    get disconnected() {
      return !this.connected;
    }
    get volatile() {
      this.flags.volatile = true;
      return this;
    }
    compress(compress) {
      this.flags.compress = compress;
      return this;
    }
    timeout(timeout) {
      this.flags.timeout = timeout;
      return this;
    }
    send(...args) {
      return this.emit("message", ...args);
    }
    emitWithAck(...args) {
      this.flags.takesError_ = true;
      return new Promise((resolve, reject) => {
        this.emit(...args, (error, value) => error ? reject(error) : resolve(value));
      });
    }
  };

  // js/manager.js
  var DEFAULTS = {
    reconnection: true,
    reconnectionAttempts: Infinity,
    reconnectionDelay: 1e3,
    reconnectionDelayMax: 5e3,
    randomizationFactor: 0.5,
    timeout: 2e4
  };
  var Manager = class extends Emitter {
    constructor(uri, options) {
      super();
      const manager = this;
      const opts = manager.opts = { ...DEFAULTS, ...readOptions(uri, options) };
      const encoder = new (opts.parser?.Encoder || Encoder)();
      const decoder = new (opts.parser?.Decoder || Decoder)(opts);
      let attempts = 0;
      let size = 0;
      let stopped;
      let cleanup;
      manager.uri = uri;
      const nsps = manager.nsps = {};
      manager._readyState = "closed";
      manager._autoConnect = opts.autoConnect !== false;
      for (const name in DEFAULTS) {
        manager[name] = (value) => {
          if (value == null) return opts[name];
          opts[name] = value;
          return manager;
        };
      }
      const tell = (event, ...args) => {
        for (const name in nsps) if (nsps[name].active) nsps[name]["on" + event](...args);
        manager.fire_(event, ...args);
      };
      manager.open = manager.connect = (callback) => {
        if (manager._readyState != "closed") return manager;
        manager._readyState = "opening";
        stopped = false;
        const engine = manager.engine = openEngine(manager.uri, manager.opts);
        const fail = (error) => {
          end("error", error);
          if (callback) callback(error);
          else if (!attempts) reconnect();
        };
        const cancelTimeout = later(
          () => fail(Error("timeout")),
          opts.timeout === false ? Infinity : opts.timeout,
          opts
        );
        let listeners = {
          open() {
            cancelTimeout();
            manager._readyState = "open";
            listeners.error = (error) => tell("error", error);
            listeners.close = closed;
            tell("open");
            callback?.();
          },
          ping: () => manager.fire_("ping"),
          data(frame) {
            size += frame.length ?? frame.byteLength;
            try {
              decoder.add(frame);
            } catch (error) {
              nextTick(() => engine.transport.end_("parse error", error));
            }
          },
          error: fail,
          close: (reason) => fail(Error(reason))
        };
        for (const event in listeners) engine.on(event, (...args) => listeners[event]?.(...args));
        cleanup = () => {
          listeners = {};
          cancelTimeout();
          decoder.destroy?.();
        };
        return manager;
      };
      decoder.on("decoded", (packet) => {
        check(!(packet.data?.length > MAX_ITEMS));
        packet.size_ = size;
        size = 0;
        nextTick(() => manager._readyState == "open" && tell("packet", packet));
      });
      const end = (event, ...details) => {
        cleanup?.();
        manager._readyState = "closed";
        manager.engine?.close();
        tell(event, ...details);
      };
      const closed = (...details) => {
        attempts = 0;
        end("close", ...details);
        reconnect();
      };
      const reconnect = () => {
        if (manager._reconnecting || stopped || !opts.reconnection) return;
        if (attempts >= (opts.reconnectionAttempts || Infinity)) {
          attempts = 0;
          return manager.fire_("reconnect_failed");
        }
        manager._reconnecting = true;
        cleanup = later(
          () => {
            if (opts.reconnection) manager.fire_("reconnect_attempt", attempts);
            manager._reconnecting = false;
            if (!stopped && opts.reconnection) manager.open(reconnected);
          },
          // The jitter comes after the cap, or all clients of a lost server return at one moment.
          Math.min(
            (opts.reconnectionDelay || 1e3) * 2 ** attempts++,
            opts.reconnectionDelayMax || 5e3
          ) * (1 + opts.randomizationFactor * (2 * Math.random() - 1)),
          opts
        );
      };
      const reconnected = (error) => {
        if (error) {
          manager.fire_("reconnect_error", error);
          reconnect();
        } else {
          manager.fire_("reconnect", attempts);
          attempts = 0;
        }
      };
      manager.socket = (nsp, socketOpts) => {
        const socket = nsps[nsp] ||= new Socket(manager, nsp, socketOpts);
        if (manager._autoConnect && !socket.active) socket.connect();
        return socket;
      };
      manager._close = manager.disconnect = () => {
        stopped = true;
        manager._reconnecting = false;
        closed("forced close");
      };
      manager.release_ = () => {
        for (const name in nsps) if (nsps[name].active) return;
        manager._close();
      };
      manager.send_ = (packet) => {
        for (const frame of encoder.encode(packet)) manager.engine.write(frame, packet.options);
      };
      if (manager._autoConnect) manager.open();
    }
  };

  // js/index.js
  var protocol = 5;
  var managers = {};
  var io = (uri, options) => {
    const opts = readOptions(uri, options);
    const [secure, host, nsp] = parseUrl(uri);
    const key = secure + host + opts.path;
    const shared = managers[key];
    const alone = shared?.nsps[nsp] || opts.forceNew || opts.multiplex === false;
    const manager = alone ? new Manager(uri, opts) : managers[key] ||= new Manager(uri, opts);
    return manager.socket(nsp, opts);
  };
  Object.assign(io, { io, connect: io, Manager, Socket, protocol });

  // js/global.js
  if (typeof module == "object" && module.exports) module.exports = io.default = io;
  else globalThis.io = io;
})();
//# sourceMappingURL=socket.io.js.map
