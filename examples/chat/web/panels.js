/** Everything around the messages: sign-in, rooms, people, drawers, state, toasts, the large picture. */

import { avatar, find, h, icon } from "./dom.js";

const STATES = {
  websocket: "Connected over WebSocket",
  polling: "Connected over HTTP long-polling",
  connecting: "Connecting to the server",
  reconnecting: "The connection is lost; trying again",
  offline: "This device has no network",
};

export function showState(state) {
  for (const sign of document.querySelectorAll(".state")) {
    sign.dataset.state = state;
    sign.title = STATES[state] ?? state;
    find(".state-label", sign).textContent = state;
  }
}

/** The strip above the messages; an empty text takes it away. */
export function showBanner(text) {
  const banner = find("#banner");
  banner.textContent = text;
  banner.hidden = !text;
}

let toastTimer;

export function toast(text) {
  const sign = find("#toast");
  sign.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (sign.textContent = ""), 6_000);
}

export function askName(name, error = "") {
  const field = find("#nickname");
  find("#welcome").hidden = false;
  find("#app").hidden = true;
  find("#sign-in-error").textContent = error;
  field.setAttribute("aria-invalid", String(Boolean(error)));
  field.value ||= name;
  field.focus();
  setJoining(false);
}

export const showJoining = () => setJoining(true);

function setJoining(isJoining) {
  const button = find("#sign-in button");
  button.textContent = isJoining ? "Joining …" : "Join the chat";
  button.disabled = isJoining;
}

export function showChat(name) {
  find("#welcome").hidden = true;
  find("#app").hidden = false;
  find("#my-name").textContent = name;
  find("#my-avatar").replaceChildren(avatar(name));
}

export function onSignIn(use) {
  find("#sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = find("#nickname").value.trim();
    if (name) use(name);
    else askName("", "Please write a nickname first.");
  });
}

export function onNewRoom(open) {
  const field = find("#new-room-name");
  find("#new-room").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = field.value.trim();
    field.value = "";
    if (name) open(name);
    else field.focus();
  });
}

export const roomAddress = (room) => `#${new URLSearchParams({ room })}`;

export function showRooms(rooms, current) {
  const known = rooms.some(({ name }) => name === current);
  const all = known || !current ? rooms : [...rooms, { name: current, people: 1 }];
  const keys = all.map(({ name, people }) => ({ key: name, people }));
  sync(find("#rooms"), keys, roomRow, (row, { key, people }) => {
    const link = row.firstChild;
    find(".count", link).textContent = people || "";
    find(".visually-hidden", link).textContent = people === 0 ? "empty" : people === 1 ? "person" : "people";
    if (key === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
}

function roomRow({ key }) {
  return h("li", {}, h("a", { href: roomAddress(key), className: "row" }, icon("hash"),
    h("span", { className: "row-name" }, key), h("span", { className: "count" }), h("span", { className: "visually-hidden" })));
}

export function showPeople(people, me, whisper) {
  const others = people.filter((name) => name !== me).sort((a, b) => a.localeCompare(b));
  const keys = [me, ...others].map((key) => ({ key, me }));
  sync(find("#people"), keys, (entry) => personRow(entry, whisper), () => {});
  find("#people-count").textContent = people.length;
  find("#room-people").textContent = people.length === 1 ? "Only you are here" : `${people.length} people here`;
  find("#open-people").title = `${people.length} people here`;
}

function personRow({ key, me }, whisper) {
  const name = h("span", { className: "row-name" }, key);
  if (key === me) return h("li", {}, h("span", { className: "row" }, avatar(key), name, h("small", {}, "you")));
  const button = h("button", { type: "button", className: "row", title: `Write privately to ${key}` }, avatar(key), name, icon("lock"));
  button.addEventListener("click", () => whisper(key));
  return h("li", {}, button);
}

/** Makes the list show the entries while rows that stay keep their element, and so the focus. */
function sync(list, entries, make, update) {
  const rows = new Map([...list.children].map((row) => [row.dataset.key, row]));
  const wanted = entries.map((entry) => {
    const row = rows.get(entry.key) ?? make(entry);
    row.dataset.key = entry.key;
    update(row, entry);
    return row;
  });
  for (const row of [...list.children]) if (!wanted.includes(row)) row.remove();
  wanted.forEach((row, index) => {
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
  });
}

/** A panel that is a drawer while the media query holds, and in its place otherwise. */
function drawer(panel, button, query) {
  const narrow = matchMedia(query);
  const set = (isOpen) => {
    const covers = isOpen && narrow.matches;
    panel.classList.toggle("open", covers);
    panel.inert = narrow.matches && !isOpen;
    button.setAttribute("aria-expanded", String(covers));
    find("#conversation").inert = covers;
    find("#scrim").hidden = !covers;
    if (covers) find(".close-panel", panel).focus();
  };
  const close = () => {
    if (!panel.classList.contains("open")) return;
    set(false);
    button.focus();
  };
  button.addEventListener("click", () => set(true));
  find(".close-panel", panel).addEventListener("click", close);
  find("#scrim").addEventListener("click", close);
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
  narrow.addEventListener("change", () => set(false));
  set(false);
  return close;
}

const closers = [
  drawer(find("#rooms-panel"), find("#open-rooms"), "(max-width: 719px)"),
  drawer(find("#people-panel"), find("#open-people"), "(max-width: 1039px)"),
];

export function closeDrawers() {
  for (const close of closers) close();
}

export function enlarge({ name, from }, url) {
  const box = find("#lightbox");
  Object.assign(find("img", box), { src: url, alt: name });
  find("span", box).textContent = `${name}, from ${from}`;
  Object.assign(find("a", box), { href: url, download: name });
  box.showModal();
}

find("#lightbox").addEventListener("click", (event) => {
  if (!event.target.closest("a, img")) find("#lightbox").close();
});
