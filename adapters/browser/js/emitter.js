/** The event emitter under every public object, with the method names Socket.IO users know. */
export class Emitter {
  constructor() {
    this.off();
  }

  on(event, listener) {
    // A new array each time, so that a running `fire_` keeps the list it began with.
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
    // Without a prototype, or an event could be called "constructor".
    if (event === undefined) this.events_ = { __proto__: null };
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
}

const proto = Emitter.prototype;
// Calls the listeners. `Socket` overrides `emit()` to send, so nothing here calls that.
proto.fire_ = proto.emit;
proto.addEventListener = proto.on;
proto.removeListener = proto.removeAllListeners = proto.removeEventListener = proto.off;
