/** The messages of a room on the page: order, grouping, days, scrolling. */

import { avatar, find, h, icon, linked } from "./dom.js";

const GROUP_WITHIN = 5 * 60_000;
const NEAR_BOTTOM = 60;
const PICTURES = ["image/jpeg", "image/png", "image/webp", "image/gif"];
const DELIVERY = {
  waiting: ["clock", "Waiting for the connection"],
  sending: ["clock", "Sending"],
  delivered: ["check", "Delivered"],
  failed: ["alert", "Not delivered"],
};

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const dayName = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export class Timeline {
  #log = find("#log");
  #list = find("#entries");
  #button = find("#to-latest");
  #views = new Map();
  #days = new Map();
  #room = null;
  #atBottom = true;
  #lastTop = 0;
  #unseen = 0;
  #actions;

  /** `actions`: { retry(item), discard(item), answer(name), enlarge(item, url) }. */
  constructor(actions) {
    this.#actions = actions;
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#button.addEventListener("click", () => this.toLatest(true));
    // Pictures that load and keyboards that open change sizes without a scroll event.
    const sizes = new ResizeObserver(() => this.#atBottom && this.toLatest());
    sizes.observe(this.#log);
    sizes.observe(this.#list);
  }

  /** `isLoaded` is false while the server's history of the room is on its way. */
  show(room, items, isLoaded) {
    const isOther = room !== this.#room;
    if (isOther) this.#leave(room);
    const wasAtBottom = this.#atBottom;
    const before = new Set(this.#views.keys());
    this.#dropAllBut(items);
    this.#place(this.#nodes(items));
    this.#log.setAttribute("aria-busy", String(!isLoaded));
    find("#nothing-yet").hidden = !isLoaded || items.some((item) => item.kind !== "notice");

    const fresh = isOther ? [] : items.filter((item) => !before.has(item) && item.kind !== "notice");
    if (wasAtBottom || fresh.some((item) => item.mine && item.delivery !== "delivered")) this.toLatest();
    else this.#announce(fresh.length);
  }

  refresh(item) {
    this.#views.get(item)?.refresh();
  }

  toLatest(smoothly = false) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#log.scrollTo({ top: this.#log.scrollHeight, behavior: smoothly && !calm ? "smooth" : "instant" });
    if (!smoothly) this.#atBottom = true;
    this.#announce(-this.#unseen);
  }

  #leave(room) {
    this.#room = room;
    this.#dropAllBut([]);
    this.#list.replaceChildren();
    this.#atBottom = true;
    this.#announce(-this.#unseen);
    find("#nothing-yet").textContent = `Nothing has been said in ${room} yet. Say hello!`;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    if (scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM) this.#atBottom = true;
    // Only a reader moves up; being far from the end can also be a picture that has just loaded.
    else if (scrollTop < this.#lastTop) this.#atBottom = false;
    this.#lastTop = scrollTop;
    if (this.#atBottom) this.#unseen = 0;
    this.#announce(0);
  }

  #announce(more) {
    this.#unseen += more;
    this.#button.hidden = this.#atBottom;
    this.#button.classList.toggle("fresh", this.#unseen > 0);
    const count = this.#unseen === 1 ? "1 new message" : `${this.#unseen} new messages`;
    find("span", this.#button).textContent = this.#unseen > 0 ? count : "Latest messages";
  }

  #dropAllBut(items) {
    const kept = new Set(items);
    for (const [item, view] of this.#views) {
      if (kept.has(item)) continue;
      view.release();
      this.#views.delete(item);
    }
  }

  /** The elements of the items in order, with a line for every new day. */
  #nodes(items) {
    const nodes = [];
    let previous = null;
    for (const item of items) {
      const at = item.at ?? Date.now();
      const day = new Date(at).toDateString();
      const isNewDay = day !== previous?.day;
      if (isNewDay) nodes.push(this.#dayLine(day, at));
      const view = this.#view(item);
      view.group(isNewDay || startsGroup(item, at, previous));
      nodes.push(view.root);
      previous = { item, at, day };
    }
    return nodes;
  }

  #view(item) {
    if (!this.#views.has(item)) {
      const make = item.kind === "notice" ? noticeView : messageView;
      this.#views.set(item, make(item, this.#actions));
    }
    return this.#views.get(item);
  }

  #dayLine(day, at) {
    if (!this.#days.has(day)) this.#days.set(day, h("li", { className: "day" }, h("span")));
    const line = this.#days.get(day);
    line.firstChild.textContent = dayText(at);
    return line;
  }

  /** Elements that are in place already are not touched: a live region must not read them again. */
  #place(nodes) {
    const wanted = new Set(nodes);
    for (const child of [...this.#list.children]) if (!wanted.has(child)) child.remove();
    nodes.forEach((node, index) => {
      const there = this.#list.children[index];
      if (there !== node) this.#list.insertBefore(node, there ?? null);
    });
  }
}

function startsGroup(item, at, previous) {
  const other = previous?.item;
  return !other || other.kind === "notice" || other.from !== item.from || other.to !== item.to
    || at - previous.at > GROUP_WITHIN;
}

function dayText(at) {
  const day = new Date(at).toDateString();
  if (day === new Date().toDateString()) return "Today";
  if (day === new Date(Date.now() - 86_400_000).toDateString()) return "Yesterday";
  return dayName.format(at);
}

function noticeView(item) {
  const root = h("li", { className: "notice" }, item.text);
  return { root, group() {}, release() {}, refresh: () => (root.textContent = item.text) };
}

function messageView(item, actions) {
  const { body, release } = bodyOf(item, actions);
  const time = h("time");
  const tick = h("span", { className: "tick" });
  const failure = h("p", { className: "failure" });
  const bubble = h("div", { className: "bubble" }, body, h("span", { className: "meta" }, time, item.mine ? tick : null));
  const root = h("li", { className: `message is-${item.kind}` }, avatar(item.from),
    h("div", { className: "stack" }, byline(item, actions), bubble, failure));
  root.classList.toggle("mine", item.mine);

  const refresh = () => {
    showTime(time, item.at);
    if (!item.mine) return;
    root.dataset.delivery = item.delivery;
    showTick(tick, item.delivery);
    showFailure(failure, item, actions);
  };
  refresh();
  return { root, release, refresh, group: (starts) => root.classList.toggle("starts", starts) };
}

function bodyOf(item, actions) {
  if (item.kind !== "picture") {
    return { body: h("p", { className: "text" }, linked(item.text)), release() {} };
  }
  // The type comes from another person: only what can do no more than show a picture.
  if (!PICTURES.includes(item.type)) {
    return { body: h("p", { className: "text" }, `${item.name} is not a picture this page can show.`), release() {} };
  }
  const url = URL.createObjectURL(new Blob([item.data], { type: item.type }));
  const image = h("img", { src: url, alt: `Picture: ${item.name}` });
  const body = h("button", { type: "button", className: "picture-button", "aria-haspopup": "dialog" }, image);
  body.addEventListener("click", () => actions.enlarge(item, url));
  return { body, release: () => URL.revokeObjectURL(url) };
}

function byline(item, actions) {
  const author = h("span", { className: "author" }, item.mine ? "You" : item.from);
  const line = h("p", { className: "byline" }, author);
  if (item.kind !== "whisper") return line;
  const whom = item.mine ? `privately to ${item.to}` : "privately to you";
  line.append(h("span", { className: "private" }, icon("lock"), whom));
  if (!item.mine) {
    const answer = h("button", { type: "button", className: "link-button" }, "Reply");
    answer.addEventListener("click", () => actions.answer(item.from));
    line.append(answer);
  }
  return line;
}

function showTime(time, at) {
  const moment = new Date(at ?? Date.now());
  time.textContent = clock.format(moment);
  time.dateTime = moment.toISOString();
  time.title = exact.format(moment);
}

function showTick(tick, delivery) {
  const [sign, words] = DELIVERY[delivery];
  tick.title = words;
  tick.replaceChildren(icon(sign), h("span", { className: "visually-hidden" }, words));
}

function showFailure(line, item, actions) {
  if (item.delivery !== "failed") return line.replaceChildren();
  const retry = h("button", { type: "button", className: "link-button" }, "Try again");
  const discard = h("button", { type: "button", className: "link-button" }, "Discard");
  retry.addEventListener("click", () => actions.retry(item));
  discard.addEventListener("click", () => actions.discard(item));
  line.replaceChildren(h("span", {}, `Not delivered: ${item.reason}`), retry, discard);
}
