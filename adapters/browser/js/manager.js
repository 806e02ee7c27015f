import { Emitter } from "./emitter.js";
import { openEngine } from "./engine/engine.js";
import { check } from "./engine/packet.js";
import { Decoder, Encoder } from "#parser";
import { MAX_ITEMS } from "./protocol.js";
import { later, nextTick } from "#platform";
import { Socket } from "./socket.js";
import { readOptions } from "./url.js";

const DEFAULTS = {
  reconnection: true,
  reconnectionAttempts: Infinity,
  reconnectionDelay: 1000,
  reconnectionDelayMax: 5000,
  randomizationFactor: 0.5,
  timeout: 20000,
};

/** One connection and the namespaces that share it; connects again when it breaks. */
export class Manager extends Emitter {
  constructor(uri, options) {
    super();
    const manager = this;
    const opts = (manager.opts = { ...DEFAULTS, ...readOptions(uri, options) });
    const encoder = new (opts.parser?.Encoder || Encoder)();
    const decoder = new (opts.parser?.Decoder || Decoder)(opts);
    let attempts = 0;
    let size = 0;
    let stopped;
    // Ends what is under way: a connection, or the wait for the next attempt.
    let cleanup;

    manager.uri = uri;
    const nsps = (manager.nsps = {});
    manager._readyState = "closed";
    manager._autoConnect = opts.autoConnect !== false;

    for (const name in DEFAULTS) {
      manager[name] = (value) => {
        if (value == null) return opts[name];
        opts[name] = value;
        return manager;
      };
    }

    /** Tells the sockets, and then the application. */
    const tell = (event, ...args) => {
      for (const name in nsps) if (nsps[name].active) nsps[name]["on" + event](...args);
      manager.fire_(event, ...args);
    };

    /** Connects, unless that is done or under way. `callback` gets the error, if there is one. */
    manager.open = manager.connect = (callback) => {
      if (manager._readyState != "closed") return manager;
      manager._readyState = "opening";
      stopped = false;
      const engine = (manager.engine = openEngine(manager.uri, manager.opts));
      const fail = (error) => {
        end("error", error);
        if (callback) callback(error);
        else if (!attempts) reconnect();
      };

      const cancelTimeout = later(
        () => fail(Error("timeout")),
        opts.timeout === false ? Infinity : opts.timeout,
        opts,
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
            // After what came before, but not after what is queued: a server that errs may never take
            // that.
            nextTick(() => engine.transport.end_("parse error", error));
          }
        },
        error: fail,
        close: (reason) => fail(Error(reason)),
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
      // In a microtask of its own, so that what a listener throws is not taken for a parse error; by
      // then the connection may be gone.
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
          (opts.reconnectionDelay || 1000) * 2 ** attempts++,
          opts.reconnectionDelayMax || 5000,
        ) *
          (1 + opts.randomizationFactor * (2 * Math.random() - 1)),
        opts,
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

    /** Returns the socket of a namespace, making it if need be. */
    manager.socket = (nsp, socketOpts) => {
      const socket = (nsps[nsp] ||= new Socket(manager, nsp, socketOpts));
      if (manager._autoConnect && !socket.active) socket.connect();
      return socket;
    };

    manager._close = manager.disconnect = () => {
      stopped = true;
      manager._reconnecting = false;
      closed("forced close");
    };

    /** Closes when no namespace is in use any more. */
    manager.release_ = () => {
      for (const name in nsps) if (nsps[name].active) return;
      manager._close();
    };

    manager.send_ = (packet) => {
      for (const frame of encoder.encode(packet)) manager.engine.write(frame, packet.options);
    };

    if (manager._autoConnect) manager.open();
  }
}
