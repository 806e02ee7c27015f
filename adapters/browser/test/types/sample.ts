// What the compiler has to take, and what it has to refuse. It is checked, not run.

import io, {
  connect,
  Manager,
  protocol,
  Socket,
  type DisconnectDescription,
  type DisconnectReason,
  type EventsMap,
  type ManagerOptions,
  type SocketOptions,
  type TransportError,
} from "sockeye-client";

interface FromServer {
  news: (text: string, at: number) => void;
  picture: (data: ArrayBuffer) => void;
  question: (text: string, reply: (answer: number, sure: boolean) => void) => void;
  nothing: () => void;
}

interface FromClient {
  hello: (name: string, options?: { loud: boolean }) => void;
  upload: (file: Blob | ArrayBuffer) => void;
  add: (a: number, b: number, reply: (sum: number) => void) => void;
  find: (what: string, reply: (error: Error, found: string[]) => void) => void;
  ping: (reply: () => void) => void;
  leave: () => void;
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Equal<A, B>) => {};

declare const process: { env: Record<string, string | undefined> };
const loose = connect();
const socket: Socket<FromServer, FromClient> = io("https://example.com/nsp", {
  auth: { token: "abc" },
  transports: ["websocket"],
  retries: 3,
  ackTimeout: 1000,
});

// Events of the server.
socket.on("news", (text, at) => {
  same<typeof text, string>(true);
  same<typeof at, number>(true);
});
socket.once("picture", (data) => same<typeof data, ArrayBuffer>(true));
socket.on("question", (text, reply) => {
  reply(text.length, true);
  // @ts-expect-error the answer is a number
  reply("4", true);
  // @ts-expect-error an argument is missing
  reply(4);
});
const listener = (text: string) => text;
socket.off("news", listener).off("news").off();
// @ts-expect-error there is no such event
socket.on("olds", () => {});
// @ts-expect-error the second argument is a number
socket.on("news", (text: string, at: string) => at);
// @ts-expect-error an event of the other direction
socket.on("hello", () => {});

// Events of the socket itself.
socket.on("connect", () => same<typeof socket.id, string | undefined>(true));
socket.on("disconnect", (reason, details) => {
  same<typeof reason, DisconnectReason>(true);
  same<typeof details, DisconnectDescription | undefined>(true);
  // @ts-expect-error there is no such reason
  if (reason == "boredom") return;
});
socket.on("connect_error", (error) => {
  same<typeof error.message, string>(true);
  const { description }: Partial<TransportError> = error;
  console.log(description, error.data);
});

// Events of the client.
socket.emit("hello", "Ann").emit("hello", "Bob", { loud: true });
socket.emit("upload", new ArrayBuffer(8));
socket.emit("add", 1, 2, (sum) => same<typeof sum, number>(true));
// @ts-expect-error there is no such event
socket.emit("goodbye");
// @ts-expect-error an event of the other direction
socket.emit("news", "text", 1);
// @ts-expect-error the name is missing
socket.emit("hello");
// @ts-expect-error the option is a boolean
socket.emit("hello", "Ann", { loud: "very" });
// @ts-expect-error the acknowledgement is missing
socket.emit("add", 1, 2);
// @ts-expect-error a sum is no string
socket.emit("add", 1, 2, (sum: string) => sum);
socket.volatile.compress(false).emit("hello", "Ann");

// Acknowledgements as promises.
const answers = async () => {
  const sum = await socket.emitWithAck("add", 1, 2);
  same<typeof sum, number>(true);
  const found = await socket.emitWithAck("find", "x");
  same<typeof found, string[]>(true);
  const later = await socket.timeout(1000).emitWithAck("add", 1, 2);
  same<typeof later, number>(true);
  await socket.emitWithAck("ping");
  // @ts-expect-error this event has no acknowledgement
  await socket.emitWithAck("hello", "Ann");
  // @ts-expect-error this event has no arguments at all
  await socket.emitWithAck("leave");
  // @ts-expect-error an argument is missing
  await socket.emitWithAck("add", 1);
  // @ts-expect-error the acknowledgement is the promise
  await socket.emitWithAck("add", 1, 2, () => {});
};

// With a timeout, the error comes first.
socket.timeout(1000).emit("add", 1, 2, (error, sum) => {
  same<typeof error, Error>(true);
  same<typeof sum, number>(true);
});
socket.timeout(1000).emit("hello", "Ann");
// @ts-expect-error the error comes first
socket.timeout(1000).emit("add", 1, 2, (sum: number) => sum);
// @ts-expect-error milliseconds are a number
socket.timeout("1000");

// Everything at once.
socket.onAny((event, ...args) => console.log(event.length, args.length));
socket.prependAnyOutgoing((event) => event.length).offAnyOutgoing();

// Wrappers that are generic in the event.
const anyEvent = <Event extends string>(event: Event) => {
  loose.on(event, (x: any) => x);
  loose.once(event, (...args: any[]) => args);
  loose.off(event);
};
const pass = <Event extends keyof FromServer>(event: Event, listener: FromServer[Event]) => {
  socket.on(event, listener).once(event, listener).off(event, listener);
};
pass("news", (text, at) => text.length + at);
// @ts-expect-error the second argument is a number
pass("news", (text: string, at: string) => at);
function generic<L extends EventsMap, E extends keyof L & string>(
  emitter: Socket<L>,
  event: E,
  listener: L[E],
) {
  emitter.on(event, listener);
  emitter.off(event, listener);
}
generic(socket as Socket<FromServer>, "picture", (data) => same<typeof data, ArrayBuffer>(true));

// What RxJS asks of an emitter for `fromEvent()`, in each of its forms.
interface EventTargetLike<E> {
  addEventListener(type: string, listener: ((event: E) => void) | null, options?: boolean): void;
  removeEventListener(type: string, listener: ((event: E) => void) | null, options?: boolean): void;
}
interface JQueryLike<This, T> {
  on: (event: string, handler: (this: This, value: T, ...args: any[]) => any) => void;
  off: (event: string, handler: (this: This, value: T, ...args: any[]) => any) => void;
}
declare function fromEvent<T>(target: EventTargetLike<T>, event: string): T;
declare function fromJQuery<T>(target: JQueryLike<any, T>, event: string): T;
fromEvent(socket, "news");
fromJQuery(socket, "news");
fromEvent(loose, "anything");
fromJQuery(loose, "anything");

// Sockets of typed events where any are taken.
const untyped: Socket = socket;
const typedAgain: Socket<FromServer, FromClient> = untyped;
void typedAgain;

// State.
same<typeof socket.connected, boolean>(true);
same<typeof socket.recovered, boolean>(true);
// @ts-expect-error the server gives the id
socket.id = "mine";
// @ts-expect-error namespaces of a manager make sockets
new Socket();

// The manager.
const options: Partial<ManagerOptions & SocketOptions> = { reconnectionDelay: 10, timeout: false };
const manager = new Manager<FromServer, FromClient>("https://example.com", options);
manager.on("reconnect_attempt", (attempt) => same<typeof attempt, number>(true));
manager.on("reconnect_failed", () => {});
manager.reconnection(false).reconnectionAttempts(3);
same<ReturnType<typeof manager.socket>, Socket<FromServer, FromClient>>(true);
manager.socket("/nsp", { auth: (give) => give({ token: 1 }) }).emit("ping", () => {});
manager.engine.on("upgrade", (transport) => console.log(transport.name));
manager.engine.transport.on("error", (error) => console.log(error.message));
// @ts-expect-error there is no such event of a manager
manager.on("news", () => {});
// @ts-expect-error there is no such option
new Manager({ reconnectionDalay: 10 });

new Manager({ path: null, query: "a=1", transports: undefined, maxAttachments: 20 }).disconnect();
io("ws://localhost", { auth: null, path: process.env.UNSET, reconnectionDelayMax: null });
io(null, { auth: (give) => give(null) }).io.uri = "https://other.example";

// Without types, all events may be anything.
loose.on("anything", (a, b) => a + b);
loose.emit("anything", 1, "two", () => {});
export const whatever: Promise<any> = loose.emitWithAck("anything");
export const version: number = protocol;
export { answers, anyEvent };
