/** The one socket of the page, what people see of its state, and calls that wait for an answer. */

const TRANSPORTS = ["polling", "websocket"];
const ANSWER_WITHIN = 10_000;
const PICTURE_WITHIN = 30_000;

export const socket = globalThis.io({
  ...chosenTransports(),
  reconnectionDelay: 500,
  reconnectionDelayMax: 3_000,
});

/** `?transports=polling` (or `websocket`) lets people see one transport alone. */
function chosenTransports() {
  const asked = new URLSearchParams(location.search).get("transports") ?? "";
  const transports = asked.split(",").filter((name) => TRANSPORTS.includes(name));
  return transports.length > 0 ? { transports } : {};
}

/** Emits and waits for the server's answer; rejects when there is none. */
export function ask(event, ...values) {
  if (!socket.connected) return Promise.reject(new Error("not connected"));
  const patience = event === "picture" ? PICTURE_WITHIN : ANSWER_WITHIN;
  return socket.timeout(patience).emitWithAck(event, ...values);
}

/** Calls `show` with websocket, polling, connecting, reconnecting or offline on every change. */
export function watchState(show) {
  let before = "connecting";
  const waiting = () => show(navigator.onLine ? before : "offline");

  socket.on("connect", () => {
    before = "reconnecting";
    show(socket.io.engine.transport.name);
    socket.io.engine.on("upgrade", (transport) => show(transport.name));
  });
  socket.on("disconnect", (reason) => {
    waiting();
    // The client library leaves it to the page to come back after a server has hung up.
    if (reason === "io server disconnect") connectSoon();
  });
  socket.on("connect_error", () => {
    waiting();
    if (!socket.active) connectSoon();
  });
  addEventListener("offline", waiting);
  addEventListener("online", () => {
    if (socket.connected) show(socket.io.engine.transport.name);
    else waiting();
  });
  waiting();
}

function connectSoon() {
  setTimeout(() => socket.connect(), 1_000);
}
