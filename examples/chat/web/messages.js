/** What was said, and what is still to be sent. No page in here: only data. */

import { ask } from "./connection.js";

const KEPT = 400;

/**
 * An item is { kind, room, from, at, id, … } of the kind "text", "picture", "whisper" or "notice".
 * Own items also have `mine` and `delivery`: waiting, sending, delivered or failed.
 */
export class Transcript {
  #rooms = new Map();
  #whispers = [];

  /** Everything to show in a room, in order. Whispers follow their reader from room to room. */
  in(room) {
    return [...this.#list(room), ...this.#whispers].sort(inOrder);
  }

  /** Adds an item unless it is known; says whether it was new. */
  add(item) {
    const list = item.kind === "whisper" ? this.#whispers : this.#list(item.room);
    if (item.id !== undefined && list.some((known) => isSame(known, item))) return false;
    list.push(item);
    while (list.length > KEPT) list.shift();
    return true;
  }

  /** Adds the server's history of a room to what is known; answers with own items found in it. */
  merge(room, history, me) {
    const confirmed = [];
    for (const entry of history) {
      if (this.#list(room).some((known) => isSame(known, entry))) continue;
      const item = received(entry, room, me);
      const unsure = this.#list(room).find((own) => isUnconfirmed(own, item));
      if (unsure) confirmed.push(confirm(unsure, entry));
      else this.add(item);
    }
    return confirmed;
  }

  /** "Ada joined": two such lines in a row about one person become one. */
  note(room, who, text) {
    const shown = this.in(room).filter((item) => item.at !== undefined);
    const last = shown.at(-1);
    if (last?.kind === "notice" && last.who === who) {
      last.text = text;
      return last;
    }
    const notice = { kind: "notice", room, who, text, at: Math.max(Date.now(), last?.at ?? 0) };
    this.#list(room).push(notice);
    return notice;
  }

  remove(item) {
    const list = item.kind === "whisper" ? this.#whispers : this.#list(item.room);
    const index = list.indexOf(item);
    if (index >= 0) list.splice(index, 1);
  }

  /**
   * For an item of this moment: notices have the time of this machine's clock,
   * and if that is fast they must still stand before what came after them.
   */
  settle(item) {
    const lists = item.room ? [this.#list(item.room)] : this.#rooms.values();
    for (const list of lists) {
      for (const other of list) {
        if (other.kind === "notice" && other.at >= item.at) other.at = item.at - 1;
      }
    }
  }

  #list(room) {
    if (!this.#rooms.has(room)) this.#rooms.set(room, []);
    return this.#rooms.get(room);
  }
}

/** An item made of what the server sent. */
export function received(entry, room, me) {
  const kind = entry.to !== undefined ? "whisper" : entry.data !== undefined ? "picture" : "text";
  const item = { ...entry, kind, room: kind === "whisper" ? null : room, mine: entry.from === me };
  if (item.mine) item.delivery = "delivered";
  return item;
}

/** Ids start anew with the server, so the time is part of the identity. */
function isSame(a, b) {
  return a.id === b.id && a.at === b.at;
}

/** Whether `own` was sent, its answer was lost, and `item` is what the server made of it. */
function isUnconfirmed(own, item) {
  if (!own.sent || own.delivery === "delivered") return false;
  if (own.from !== item.from || own.kind !== item.kind) return false;
  return own.kind === "picture"
    ? own.name === item.name && own.data.byteLength === item.data.byteLength
    : own.text === item.text;
}

/** What has not been delivered has not happened yet: it comes last. */
function inOrder(a, b) {
  return (a.at ?? Infinity) - (b.at ?? Infinity) || order(a) - order(b);
}

function order(item) {
  if (item.kind === "notice") return Number.MAX_SAFE_INTEGER;
  return item.id ?? item.sequence;
}

function confirm(item, { id, at }) {
  return Object.assign(item, { id, at, delivery: "delivered", attempt: null });
}

/** Own messages on their way: they wait while there is no connection and go out in order after. */
export class Outbox {
  #items = [];
  #sequence = 0;
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  add(item) {
    Object.assign(item, { mine: true, delivery: "waiting", sequence: ++this.#sequence });
    this.#items.push(item);
  }

  /** Sends what is meant for this room, and the whispers. */
  flush(room) {
    this.#items = this.#items.filter((item) => item.delivery !== "delivered");
    for (const item of this.#items) {
      const isForHere = item.kind === "whisper" || item.room === room;
      if (item.delivery === "waiting" && isForHere) this.#deliver(item);
    }
  }

  /** The connection is gone: what had no answer goes out again later, unless history has it. */
  suspend() {
    for (const item of this.#items) {
      if (item.delivery !== "sending") continue;
      item.attempt = null;
      item.delivery = "waiting";
      this.#changed(item);
    }
  }

  retry(item) {
    item.delivery = "waiting";
    this.#changed(item);
  }

  discard(item) {
    this.#items = this.#items.filter((other) => other !== item);
  }

  async #deliver(item) {
    const attempt = (item.attempt = {});
    item.delivery = "sending";
    item.sent = true;
    this.#changed(item);
    const answer = await ask(...request(item)).catch(() => ({ error: "the server did not answer" }));
    if (item.attempt !== attempt) return;
    if (answer.error) Object.assign(item, { delivery: "failed", reason: answer.error });
    else confirm(item, answer);
    this.#changed(item);
  }
}

function request(item) {
  if (item.kind === "whisper") return ["whisper", item.to, item.text];
  if (item.kind === "picture") return ["picture", item.name, item.type, item.data];
  return ["say", item.text];
}
