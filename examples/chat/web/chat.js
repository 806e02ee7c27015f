/** The chat: who I am, which room I am in, and what the server says about both. */

import { ask, socket, watchState } from "./connection.js";
import { Composer } from "./composer.js";
import { find } from "./dom.js";
import { Outbox, received, Transcript } from "./messages.js";
import * as panels from "./panels.js";
import { Timeline } from "./timeline.js";

const NAME_KEY = "sockeye-chat.nickname";
const HOME = "Lobby";
const TYPING_FORGOTTEN = 6_000;
/** After a reload or a broken line the server may hold the old session, and so the name, for a while. */
const TRIES_AFTER_RELOAD = 5;
const TRIES_AFTER_BREAK = 60;
const TRY_AGAIN = 1_000;

const me = { name: "", wanted: recall(), tries: TRIES_AFTER_RELOAD };
const place = { room: "", people: [], isIn: false, isMoving: false };
const typers = new Map();
let rooms = [];
let unread = 0;

const transcript = new Transcript();
const outbox = new Outbox(changed);
const timeline = new Timeline({
  answer: (name) => composer.whisper(name),
  enlarge: panels.enlarge,
  discard(item) {
    outbox.discard(item);
    transcript.remove(item);
    draw();
  },
  retry(item) {
    outbox.retry(item);
    sendWaiting();
  },
});
const composer = new Composer({
  text: (text, to) => say(to ? { kind: "whisper", room: null, to, text } : { kind: "text", room: place.room, text }),
  picture: (picture) => say({ kind: "picture", room: place.room, ...picture }),
  typing: (on) => place.isIn && socket.emit("typing", on),
  problem: panels.toast,
});

/* ---- signing in and entering rooms ---- */

async function signIn() {
  const name = me.wanted;
  if (!name || !socket.connected) return;
  const answer = await ask("sign in", name).catch(() => null);
  if (!answer) return again(signIn);
  if (answer.error) return refused(answer.error);
  Object.assign(me, { name: answer.name, wanted: answer.name, tries: TRIES_AFTER_BREAK });
  remember(me.name);
  rooms = answer.rooms;
  panels.showChat(me.name);
  await enter(roomInAddress());
}

function refused(error) {
  if (me.tries-- > 0) {
    panels.showBanner("Signing you in again …");
    return again(signIn);
  }
  const name = me.wanted;
  Object.assign(me, { name: "", wanted: "" });
  panels.askName(name, error);
}

function recall() {
  try {
    return localStorage.getItem(NAME_KEY) ?? "";
  } catch {
    return ""; // storage can be switched off
  }
}

function remember(name) {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // the name is asked for again next time
  }
}

/** Once more in a while, unless the connection is new by then: that begins anew by itself. */
function again(step) {
  const { id } = socket;
  setTimeout(() => socket.connected && socket.id === id && step(), TRY_AGAIN);
}

async function enter(room) {
  const former = place.room;
  place.isMoving ||= place.isIn && room !== former;
  Object.assign(place, { room, isIn: false, people: room === former ? place.people : [me.name] });
  forgetTypers();
  composer.setRoom(room);
  draw();
  drawPlace();
  if (!socket.connected || !me.name) return;

  const answer = await ask("enter", room).catch(() => null);
  if (place.room !== room) return;
  if (!answer) return again(() => place.room === room && enter(room));
  if (answer.error) return notEntered(room, former, answer.error);
  arrived(answer);
}

function arrived({ room, people, history: said }) {
  Object.assign(place, { room, people, isIn: true, isMoving: false });
  for (const item of transcript.merge(room, said, me.name)) timeline.refresh(item);
  if (roomInAddress() !== room) history.replaceState(null, "", panels.roomAddress(room));
  panels.showBanner("");
  draw();
  drawPlace();
  sendWaiting();
  composer.focus();
}

function notEntered(room, former, error) {
  panels.toast(`${room}: ${error}`);
  const back = former && former !== room ? former : HOME;
  if (back !== room) location.replace(panels.roomAddress(back));
}

function roomInAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("room")?.trim() || HOME;
}

/* ---- own messages ---- */

function say(content) {
  const item = { from: me.name, ...content };
  outbox.add(item);
  transcript.add(item);
  draw();
  sendWaiting();
}

function sendWaiting() {
  if (place.isIn) outbox.flush(place.room);
}

function changed(item) {
  if (item.delivery === "delivered") {
    transcript.settle(item);
    draw();
  }
  timeline.refresh(item);
}

/* ---- what the server tells ---- */

function heard(entry) {
  // While moving from room to room it is not said which of the two this belongs to;
  // what is new in the one entered comes with its history.
  if (place.isMoving && entry.to === undefined) return;
  const item = received(entry, place.room, me.name);
  transcript.settle(item);
  if (!transcript.add(item)) return;
  if (document.hidden) unread += 1;
  typed({ name: item.from, on: false });
  draw();
  drawTitle();
}

function joined({ name }) {
  if (place.isMoving) return;
  place.people = [...place.people.filter((other) => other !== name), name];
  moved(name, "joined");
}

function left({ name }) {
  if (place.isMoving) return;
  place.people = place.people.filter((other) => other !== name);
  moved(name, "left");
}

function moved(name, what) {
  typed({ name, on: false });
  if (name !== me.name) timeline.refresh(transcript.note(place.room, name, `${name} ${what}`));
  draw();
  drawPlace();
}

function typed({ name, on }) {
  clearTimeout(typers.get(name));
  typers.delete(name);
  if (on && !place.isMoving) typers.set(name, setTimeout(() => typed({ name, on: false }), TYPING_FORGOTTEN));
  drawTypers();
}

function forgetTypers() {
  for (const name of [...typers.keys()]) typed({ name, on: false });
}

socket.on("message", heard);
socket.on("picture", heard);
socket.on("whisper", heard);
socket.on("typing", typed);
socket.on("joined", joined);
socket.on("left", left);
socket.on("rooms", (changed) => {
  const others = rooms.filter((room) => !changed.some(({ name }) => name === room.name));
  const there = changed.filter(({ people }) => people !== null);
  rooms = [...others, ...there].sort((a, b) => (a.name < b.name ? -1 : 1));
  drawPlace();
});
socket.on("connect", signIn);
socket.on("disconnect", () => {
  Object.assign(place, { isIn: false, isMoving: false });
  outbox.suspend();
  forgetTypers();
  panels.showBanner("The connection is lost. What you write now is sent when it is back.");
});

/* ---- the page ---- */

function draw() {
  timeline.show(place.room, transcript.in(place.room), place.isIn);
}

function drawPlace() {
  find("#room-name").textContent = place.room;
  panels.showRooms(rooms, place.room);
  panels.showPeople(place.people, me.name, (name) => {
    panels.closeDrawers();
    composer.whisper(name);
  });
  drawTitle();
}

function drawTitle() {
  const count = unread > 0 ? `(${unread}) ` : "";
  document.title = place.room ? `${count}${place.room} · Sockeye chat` : "Sockeye chat";
}

function drawTypers() {
  const names = [...typers.keys()];
  const who = names.length > 3 ? "Several people" : names.join(", ").replace(/, (?!.*, )/, " and ");
  find("#typing").classList.toggle("on", names.length > 0);
  find("#typing .typing-text").textContent = who && `${who} ${names.length > 1 ? "are" : "is"} typing`;
}

panels.onSignIn((name) => {
  Object.assign(me, { wanted: name, tries: 0 });
  panels.showJoining();
  signIn();
});
panels.onNewRoom((name) => {
  location.hash = panels.roomAddress(name);
});
find("#rooms").addEventListener("click", panels.closeDrawers);
find("#change-name").addEventListener("click", () => {
  // Nothing of the former person may stay, so the page starts anew.
  remember("");
  location.reload();
});
addEventListener("hashchange", () => {
  if (me.name && roomInAddress() !== place.room) enter(roomInAddress());
  panels.closeDrawers();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) unread = 0;
  drawTitle();
});
watchState(panels.showState);
panels.askName(me.wanted);
if (me.wanted) panels.showJoining();
