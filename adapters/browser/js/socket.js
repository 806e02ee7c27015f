import { Emitter } from "./emitter.js";
import { isString } from "./engine/packet.js";
import {
  ACK,
  CONNECT,
  CONNECT_ERROR,
  DISCONNECT,
  EVENT,
  MAX_BYTES,
  MAX_ITEMS,
  RESERVED,
} from "./protocol.js";
import { later } from "#platform";

/** The client's side of one namespace. */
export class Socket extends Emitter {
  constructor(io, nsp, options) {
    super();
    const socket = this;
    const opts = (socket._opts = options || {});
    const catchAll = new Emitter();
    const acks = (socket.acks = {});
    const queue = (socket._queue = []);
    let nextId = 0;
    let buffered = 0;
    let joining;
    let pid;
    let offset;

    socket.io = io;
    socket.nsp = nsp;
    socket.auth = opts.auth;
    socket.connected = socket.recovered = socket.active = false;
    socket.receiveBuffer = [];
    socket.sendBuffer = [];
    socket.flags = {};

    // Official servers drop events that come in one request with a DISCONNECT.
    const send = (type, data, id) =>
      io.send_({ type, nsp, data, id, options: { alone_: type == DISCONNECT } });

    /** Asks for the namespace, once per connection. */
    const join = () => {
      if (joining) return;
      const token = (joining = {});
      const answer = (data) => {
        // An asynchronous `auth` may answer when that connection is gone.
        if (joining == token) send(CONNECT, pid ? { pid, offset, ...data } : data || undefined);
      };
      if (typeof socket.auth == "function") socket.auth(answer);
      else answer(socket.auth);
    };

    const leave = () => {
      socket.active = joining = false;
      io.release_();
    };

    const close = (...details) => {
      socket.connected = joining = false;
      socket.receiveBuffer = [];
      buffered = 0;
      delete socket.id;
      socket.fire_("disconnect", ...details);
      for (const id in acks)
        // What waits in the buffer will be sent, and may be answered, after the next connect.
        if (!socket.sendBuffer.some((packet) => packet.id == id))
          acks[id](Error("socket has been disconnected"));
    };

    const refuse = (message, data) =>
      socket.fire_("connect_error", Object.assign(Error(message), { data }));

    const tellCatchAll = (kind, args) =>
      catchAll.listeners(kind).forEach((listener) => listener.apply(socket, args));

    const receive = (args) => {
      const last = args.length - 1;
      // Only a server that recovers sessions appends an offset, and never as the event's name.
      if (pid && last && isString(args[last])) offset = args[last];
      tellCatchAll("Any", args);
      socket.fire_(...args);
    };

    const sendEvent = (packet) => {
      tellCatchAll("AnyOutgoing", packet.data);
      io.send_(packet);
    };

    /**
     * Keeps `ack` for one answer or error, and says whether it takes that. One that is limited in
     * time always takes an error.
     */
    const expectAck = (id, ack, { takesError_: takesError, timeout = opts.ackTimeout }) => {
      const expire = () => {
        socket.sendBuffer = socket.sendBuffer.filter((packet) => packet.id !== id);
        acks[id](Error("operation has timed out"));
      };
      const cancel = timeout != null && later(expire, timeout, io.opts);
      acks[id] = (...results) => {
        delete acks[id];
        if (cancel) cancel();
        else if (!takesError && results.shift()) return false;
        ack.apply(socket, results);
        return true;
      };
    };

    /** Keeps an event until the server acknowledges it or the tries are used up. */
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

    /** Sends the first event of the queue, possibly not for the first time. */
    const drain = () => {
      if (socket.connected) queue[0]?.();
    };

    /** Sends an event; if that cannot be now, and `buffer` is set, with the next connect. */
    const transmit = (data, flags, ack, buffer) => {
      const packet = { type: EVENT, nsp, data, options: { compress: flags.compress !== false } };
      if (ack) expectAck((packet.id = nextId++), ack, flags);
      if (flags.volatile && !io.engine?.transport.writable) return;
      if (socket.connected && !io.engine.isStale_())
        try {
          sendEvent(packet);
        } catch (error) {
          flags.failed_ = true;
          if (!acks[packet.id]?.(error)) throw error;
        }
      else if (buffer) socket.sendBuffer.push(packet);
    };

    /** Empties a buffer. One that fails, because it cannot be encoded, does so alone. */
    const each = (buffer, task) => {
      for (const item of buffer.splice(0))
        try {
          task(item);
        } catch (error) {
          if (!acks[item.id]?.(error)) console.error(error);
        }
    };

    /** Returns the function that answers an event of the server's. */
    socket.ack =
      (id) =>
      (...answer) => {
        if (id != null) send(ACK, answer, id);
        id = null;
      };

    // Libraries replace this method, so nothing else handles events.
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
        // A server that never lets the client join would fill the memory. Each event counts 10 kB
        // more than it has, so that their number has a bound, too.
        buffered += packet.size_ + MAX_BYTES / MAX_ITEMS;
        if (!socket.connected && buffered > MAX_BYTES) io.engine.transport.end_("forced close");
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
        // The same id as before; of what type it is, nobody has checked.
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
        if (!io._reconnecting) io.open();
        if (io._readyState == "open") join();
      }
      return socket;
    };

    socket.disconnect = socket.close = () => {
      if (socket.connected) send(DISCONNECT);
      // Before the connection closes, if no other namespace needs it.
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
      this.emit(...args, (error, value) => (error ? reject(error) : resolve(value)));
    });
  }
}
