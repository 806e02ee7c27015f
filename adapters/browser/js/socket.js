import { Emitter } from "./emitter.js";
import { ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, RESERVED } from "./protocol.js";
import { later } from "#platform";

const popCallback = (args) => (typeof args.at(-1) == "function" ? args.pop() : undefined);

/** The listeners of all events, coming in and going out. */
class CatchAll extends Emitter {
  prepend(kind, listener) {
    this.events_[kind] = [listener, ...this.listeners(kind)];
  }
}

/** The client's side of one namespace. */
export class Socket extends Emitter {
  constructor(io, nsp, opts = {}) {
    super();
    const socket = this;
    const catchAll = new CatchAll();
    const acks = (socket.acks = {});
    const queue = (socket._queue = []);
    let nextId = 0;
    let joining;
    let pid;
    let offset;

    socket.io = io;
    socket.nsp = nsp;
    socket.auth = opts.auth;
    socket.connected = socket.recovered = socket.active = false;
    socket.receiveBuffer = [];
    socket.sendBuffer = [];
    socket.flags_ = {};

    const send = (type, data, rest) => io.send_({ type, nsp, data, ...rest });

    /** Asks for the namespace, once per connection. */
    const join = () => {
      if (joining) return;
      const token = (joining = {});
      const { auth } = socket;
      const answer = (data) => {
        // An asynchronous `auth` may answer when that connection is gone.
        if (joining == token) send(CONNECT, pid ? { pid, offset, ...data } : data);
      };
      if (typeof auth == "function") auth(answer);
      else answer(auth);
    };

    const leave = () => {
      socket.active = joining = false;
      io.release_();
    };

    const close = (...details) => {
      socket.connected = joining = false;
      delete socket.id;
      socket.fire_("disconnect", ...details);
      for (const id in acks)
        // What waits in the buffer will be sent, and may be answered, after the next connect.
        if (!socket.sendBuffer.some((packet) => packet.id == id))
          settle(id, new Error("socket has been disconnected"));
    };

    const refuse = (message, data) =>
      socket.fire_("connect_error", Object.assign(new Error(message), { data }));

    const receive = (args) => {
      const last = args.at(-1);
      // Only a server that recovers sessions appends an offset, and never as the event's name.
      if (pid && args.length > 1 && typeof last == "string") offset = last;
      catchAll.fire_("Any", ...args);
      socket.fire_(...args);
    };

    const sendEvent = ({ data, ...rest }) => {
      catchAll.fire_("AnyOutgoing", ...data);
      send(EVENT, data, rest);
    };

    const expectAck = (id, ack, timeout = opts.ackTimeout) => {
      acks[id] = ack;
      if (timeout === undefined) return;
      const expire = () => {
        socket.sendBuffer = socket.sendBuffer.filter((packet) => packet.id !== id);
        settle(id, new Error("operation has timed out"));
      };
      const cancel = later(expire, timeout, io.opts);
      acks[id] = (...args) => {
        cancel();
        ack.apply(socket, args);
      };
      acks[id].withError_ = true;
    };

    /** Calls the acknowledgement with that id; an error only if it takes one. */
    const settle = (id, error, ...results) => {
      const ack = acks[id];
      delete acks[id];
      if (ack?.withError_) ack.call(socket, error, ...results);
      else if (!error) ack?.apply(socket, results);
    };

    /** Keeps an event until the server acknowledges it or the tries are used up. */
    const enqueue = (args, flags) => {
      const callback = popCallback(args);
      const item = { args_: args, flags_: flags, tries_: 0 };
      const answer = (error, ...results) => {
        if (item != queue[0]) return;
        const done = !error || item.tries_ > opts.retries;
        if (done) queue.shift();
        drain();
        if (done) callback?.(error, ...results);
      };
      answer.withError_ = true;
      args.push(answer);
      queue.push(item);
      if (!queue[1]) drain();
    };

    /** Sends the first event of the queue, possibly not for the first time. */
    const drain = () => {
      const [item] = queue;
      if (!socket.connected || !item) return;
      item.tries_++;
      transmit([...item.args_], item.flags_);
    };

    /** Sends an event; if that cannot be now, and `buffer` is set, with the next connect. */
    const transmit = (args, flags, buffer) => {
      const { engine } = io;
      const packet = { data: args, options: { compress: flags.compress !== false } };
      const ack = popCallback(args);
      if (ack) expectAck((packet.id = nextId++), ack, flags.timeout);
      if (flags.volatile && !engine?.transport.writable) return;
      if (socket.connected && !engine.isStale_()) sendEvent(packet);
      else if (buffer) socket.sendBuffer.push(packet);
    };

    socket.onpacket = ({ type, nsp: to, id, data }) => {
      if (to != nsp) return;
      if (type == EVENT) {
        const args = [...data];
        let answered;
        if (id != null)
          args.push((...answer) => {
            if (!answered) send(ACK, answer, { id });
            answered = true;
          });
        if (socket.connected) receive(args);
        else socket.receiveBuffer.push(args);
      } else if (type == ACK) {
        settle(id, null, ...data);
      } else if (type == DISCONNECT) {
        leave();
        close("io server disconnect");
      } else if (type == CONNECT_ERROR) {
        leave();
        refuse(data.message || data, data.data);
      } else if (data?.sid) {
        socket.id = data.sid;
        socket.recovered = !!pid && pid == data.pid;
        pid = data.pid;
        socket.connected = true;
        socket.receiveBuffer.splice(0).forEach(receive);
        socket.sendBuffer.splice(0).forEach(sendEvent);
        drain();
        socket.fire_("connect");
      } else {
        refuse("the server speaks Socket.IO 2");
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
      const { connected } = socket;
      if (connected) send(DISCONNECT);
      // Before the connection closes, if no other namespace needs it.
      leave();
      if (connected) close("io client disconnect");
      return socket;
    };

    socket.emit = (...args) => {
      if (RESERVED.test(args[0])) throw new Error(`"${args[0]}" is a reserved event name`);
      const { flags_: flags } = socket;
      socket.flags_ = {};
      if (opts.retries && !flags.volatile) enqueue(args, flags);
      else transmit(args, flags, true);
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

    if (io._autoConnect) socket.open();
  }

  get disconnected() {
    return !this.connected;
  }

  get volatile() {
    this.flags_.volatile = true;
    return this;
  }

  compress(compress) {
    this.flags_.compress = compress;
    return this;
  }

  timeout(timeout) {
    this.flags_.timeout = timeout;
    return this;
  }

  send(...args) {
    return this.emit("message", ...args);
  }

  emitWithAck(...args) {
    return new Promise((resolve, reject) => {
      const ack = (error, value) => (error ? reject(error) : resolve(value));
      ack.withError_ = true;
      this.emit(...args, ack);
    });
  }
}
