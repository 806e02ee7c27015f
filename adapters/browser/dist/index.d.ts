import type {
  AckValue,
  AllButLast,
  DecorateAcknowledgements,
  DefaultEventsMap,
  Emitter,
  EventNames,
  EventNamesWithAck,
  EventParams,
  EventsMap,
  Last,
} from "./events.js";

export type { DecorateAcknowledgements, DefaultEventsMap, EventsMap };

/** How a transport failed. */
export interface TransportError extends Error {
  type: "TransportError";
  /** The HTTP status, or the error or event beneath. */
  description: any;
  /** The `Response`, with its text in `responseText`, or the `WebSocket`. */
  context?: any;
}

export type DisconnectReason =
  | "io server disconnect"
  | "io client disconnect"
  | "ping timeout"
  | "transport close"
  | "transport error"
  | "parse error"
  | "forced close";

export type DisconnectDescription = Error | { description: string; context?: unknown };

/** An option that is null or undefined means its default. */
type Options<T> = { [Name in keyof T]?: T[Name] | null };

/** How a connection is made. What is changed in `socket.io.opts` counts with the next connection. */
export interface EngineOptions {
  /** Default: `/socket.io`. */
  path: string;
  /** Default: true. */
  addTrailingSlash: boolean;
  /** Sent with every request, besides the query of the address. */
  query: Record<string, any> | string;
  /**
   * In the order of trial; one that is not there, or throws, is passed over. Without any, connecting
   * is an error. Default: `["polling", "websocket"]`.
   */
  transports: ("polling" | "websocket" | (string & {}))[];
  /** Goes on to the next transport when the first one fails. Default: false. */
  tryAllTransports: boolean;
  /** Moves from polling to a WebSocket where that works. Default: true. */
  upgrade: boolean;
  /** Begins with a WebSocket if the last one worked. Default: false. */
  rememberUpgrade: boolean;
  /** Sends binary data as text. Default: false. */
  forceBase64: boolean;
  /** Default: `t`. */
  timestampParam: string;
  /** Adds a unique parameter to each request. Default: for polling only. */
  timestampRequests: boolean;
  /** Sends cookies to other origins; in Node.js, keeps those of the session. Default: false. */
  withCredentials: boolean;
  /** Headers for polling, and in Node.js for WebSockets. */
  extraHeaders: Record<string, string>;
  /** Closes without an event when the page unloads. Default: false. */
  closeOnBeforeunload: boolean;
  /** Options for one transport, by its name. */
  transportOptions: Record<string, Options<EngineOptions>>;
  /** Subprotocols of the WebSocket. */
  protocols: string | string[];
  /**
   * Node.js only: the most bytes of an answer, or of a message of a WebSocket by the package `ws`.
   * Larger ones end the connection. Default: 100 MiB.
   */
  maxPayload: number;
  /** Node.js only: timers and sockets do not keep the process alive. Default: false. */
  autoUnref: boolean;
  /** Node.js only: keeps out of the way of faked timers. Default: false. */
  useNativeTimers: boolean;
  /** Node.js only, and so are the options of TLS that follow. */
  agent: any;
  ca: any;
  cert: any;
  ciphers: string;
  key: any;
  passphrase: string;
  pfx: any;
  rejectUnauthorized: boolean;
}

export interface SocketOptions {
  /** What the server sees as `handshake.auth`; a function is called for every connection. */
  auth:
    | { [key: string]: any }
    | ((callback: (data?: object | null | false | "") => void) => void)
    | null
    | false
    | "";
  /** How often an event is sent again that the server does not acknowledge. Default: 0. */
  retries: number;
  /** Milliseconds to wait for an acknowledgement. Default: for ever. */
  ackTimeout: number;
}

export interface ManagerOptions extends EngineOptions {
  /** Default: true. */
  reconnection: boolean;
  /** Default: Infinity. */
  reconnectionAttempts: number;
  /** Milliseconds before the first attempt; they double with each. Default: 1000. */
  reconnectionDelay: number;
  /** The cap of the delay in milliseconds, before the randomization. Default: 5000. */
  reconnectionDelayMax: number;
  /** How far a delay is spread: with 0.5, from half to one and a half. Default: 0.5. */
  randomizationFactor: number;
  /** Milliseconds to wait for a connection, or false. Default: 20000. */
  timeout: number | false;
  /** Default: true. */
  autoConnect: boolean;
  /**
   * Another encoding of packets; the server has to use it too. Its `Decoder` is made with these
   * options.
   */
  parser: any;
  /**
   * The most binary values of an event or answer; more of them end the connection. Default: 10, as
   * in official servers and clients.
   */
  maxAttachments: number;
  /** Makes a connection of its own. Default: false. */
  forceNew: boolean;
  /** Shares a connection with other namespaces. Default: true. */
  multiplex: boolean;
}

/** What carries a session; its events are those of the session. */
interface Transport extends Emitter<EngineEvents> {
  readonly name: "polling" | "websocket";
  readonly writable: boolean;
  /** The WebSocket, if there is one. */
  readonly ws?: any;
}

export interface EnginePacket {
  type: "open" | "close" | "ping" | "pong" | "message" | "upgrade" | "noop";
  data?: any;
  options?: { compress?: boolean };
}

interface EngineEvents {
  open: () => void;
  handshake: (data: object) => void;
  packet: (packet: EnginePacket) => void;
  packetCreate: (packet: EnginePacket) => void;
  data: (data: any) => void;
  message: (data: any) => void;
  drain: () => void;
  ping: () => void;
  error: (error: Error) => void;
  upgrading: (transport: Transport) => void;
  upgrade: (transport: Transport) => void;
  upgradeError: (error: Error) => void;
  close: (reason: string, description?: DisconnectDescription) => void;
}

/** One session of the transport beneath the namespaces. */
export interface Engine extends Emitter<EngineEvents> {
  readonly id: string;
  readonly opts: Partial<EngineOptions>;
  readonly readyState: "opening" | "open" | "closing" | "closed";
  readonly transport: Transport;
  readonly writeBuffer: EnginePacket[];
  binaryType: "arraybuffer" | "nodebuffer";
  write(data: any, options?: { compress?: boolean }): this;
  send(data: any, options?: { compress?: boolean }): this;
  close(): this;
}

interface ManagerEvents {
  open: () => void;
  error: (error: Error) => void;
  ping: () => void;
  packet: (packet: { type: number; nsp: string; id?: number; data?: any }) => void;
  close: (reason: string, description?: DisconnectDescription) => void;
  reconnect_attempt: (attempt: number) => void;
  reconnect: (attempt: number) => void;
  reconnect_error: (error: Error) => void;
  reconnect_failed: () => void;
}

export declare class Manager<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
> extends Emitter<{}, ManagerEvents> {
  constructor(uri?: string | Options<ManagerOptions> | null, opts?: Options<ManagerOptions> | null);
  engine: Engine;
  /** A change counts with the next connection. */
  uri: string;
  opts: Options<ManagerOptions>;
  open(callback?: (error?: Error) => void): this;
  connect(callback?: (error?: Error) => void): this;
  /** Closes the connection, with the reason "forced close" for all its sockets. */
  disconnect(): void;
  socket(nsp: string, opts?: Options<SocketOptions> | null): Socket<ListenEvents, EmitEvents>;
  reconnection(): boolean;
  reconnection(value: boolean): this;
  reconnectionAttempts(): number;
  reconnectionAttempts(value: number): this;
  reconnectionDelay(): number;
  reconnectionDelay(value: number): this;
  reconnectionDelayMax(): number;
  reconnectionDelayMax(value: number): this;
  randomizationFactor(): number;
  randomizationFactor(value: number): this;
  timeout(): number | false;
  timeout(value: number | false): this;
}

interface SocketEvents {
  connect: () => void;
  connect_error: (error: Error & Partial<TransportError> & { data?: any }) => void;
  disconnect: (reason: DisconnectReason, description?: DisconnectDescription) => void;
}

export declare class Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
> extends Emitter<ListenEvents, SocketEvents> {
  private constructor();
  readonly io: Manager<ListenEvents, EmitEvents>;
  /** The id that the server knows the socket by; undefined while disconnected. */
  readonly id: string | undefined;
  readonly connected: boolean;
  readonly disconnected: boolean;
  /** Whether the socket is connected, or will be without a further call. */
  readonly active: boolean;
  /** Whether the last connection went on where the one before had ended. */
  readonly recovered: boolean;
  auth: SocketOptions["auth"] | undefined;
  /** What the next event will be sent with. */
  readonly flags: { volatile?: boolean; compress?: boolean; timeout?: number };
  receiveBuffer: readonly any[];
  sendBuffer: readonly { data: any[]; id?: number }[];

  connect(): this;
  open(): this;
  disconnect(): this;
  close(): this;
  emit<Event extends EventNames<EmitEvents>>(
    event: Event,
    ...args: EventParams<EmitEvents, Event>
  ): this;
  emitWithAck<Event extends EventNamesWithAck<EmitEvents>>(
    event: Event,
    ...args: AllButLast<EventParams<EmitEvents, Event>>
  ): Promise<AckValue<Last<EventParams<EmitEvents, Event>>>>;
  send(...args: any[]): this;
  /** Handles an event of the server's; libraries replace it or call through. */
  onevent(packet: { type: number; nsp: string; id?: number; data: any[] }): void;
  /** Returns the function that answers the event with that id. */
  ack(id: number): (...args: any[]) => void;

  /** Drops the next event if it cannot be sent at once. */
  get volatile(): this;
  compress(compress: boolean): this;
  /** Limits the time in milliseconds that the next event waits for its acknowledgement. */
  timeout(timeout: number): Socket<ListenEvents, DecorateAcknowledgements<EmitEvents>>;

  onAny(listener: (event: string, ...args: any[]) => void): this;
  prependAny(listener: (event: string, ...args: any[]) => void): this;
  offAny(listener?: (...args: any[]) => void): this;
  listenersAny(): ((...args: any[]) => void)[];
  onAnyOutgoing(listener: (event: string, ...args: any[]) => void): this;
  prependAnyOutgoing(listener: (event: string, ...args: any[]) => void): this;
  offAnyOutgoing(listener?: (...args: any[]) => void): this;
  listenersAnyOutgoing(): ((...args: any[]) => void)[];
}

export declare namespace Socket {
  export { DisconnectDescription, DisconnectReason };
}

interface Lookup {
  /** Returns a socket for the address; namespaces of one server share a connection. */
  <ListenEvents extends EventsMap = DefaultEventsMap, EmitEvents extends EventsMap = ListenEvents>(
    uri?: string | Options<ManagerOptions & SocketOptions> | null,
    opts?: Options<ManagerOptions & SocketOptions> | null,
  ): Socket<ListenEvents, EmitEvents>;
  io: Lookup;
  connect: Lookup;
  Manager: typeof Manager;
  Socket: typeof Socket;
  protocol: number;
}

/** The version of the Socket.IO protocol. */
export declare const protocol: number;
export declare const io: Lookup;
export { io as connect, io as default };
