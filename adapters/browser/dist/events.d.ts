/** Events by name, with the type of their listener. */
export interface EventsMap {
  [event: string]: any;
}

export interface DefaultEventsMap {
  [event: string]: (...args: any[]) => void;
}

export type EventNames<Map extends EventsMap> = keyof Map & (string | symbol);
export type EventParams<Map extends EventsMap, Event extends EventNames<Map>> = Parameters<
  Map[Event]
>;

export type Last<List extends any[]> = List extends [...any[], infer Item]
  ? Item
  : any[] extends List
    ? any
    : unknown;
export type AllButLast<List extends any[]> = List extends [...infer Items, any] ? Items : any[];
/** What an acknowledgement is called with, after the error if a timeout adds one. */
export type AckValue<F> = F extends (...args: infer Args) => any
  ? Args extends [Error, infer Value, ...any[]]
    ? Value
    : Args[0]
  : any;

/** The events whose last parameter is an acknowledgement. */
export type EventNamesWithAck<Map extends EventsMap> = {
  [Event in EventNames<Map>]: Last<Parameters<Map[Event]>> extends (...args: any[]) => any
    ? Event
    : never;
}[EventNames<Map>];

/** Adds the error to the acknowledgements, which is what a timeout does. */
type WithError<F> = F extends (...args: infer Args) => infer Result
  ? (error: Error, ...args: Args) => Result
  : F;
type DecorateLast<List extends any[]> = List extends [...infer Items, infer Item]
  ? [...Items, Item extends (...args: any[]) => any ? WithError<Item> : Item]
  : List;
export type DecorateAcknowledgements<Map extends EventsMap> = {
  [Event in keyof Map]: Map[Event] extends (...args: infer Args) => infer Result
    ? (...args: DecorateLast<Args>) => Result
    : Map[Event];
};

type Listener<Own extends EventsMap, Map extends EventsMap, Event> = Event extends keyof Own
  ? Own[Event]
  : Event extends keyof Map
    ? Map[Event] extends (...args: any[]) => any
      ? Map[Event]
      : (...args: any[]) => void
    : never;

/** What all objects that emit events have in common; `Own` are those of the object itself. */
export declare class Emitter<Map extends EventsMap, Own extends EventsMap = {}> {
  on<Event extends EventNames<Map> | EventNames<Own>>(
    event: Event,
    listener: Listener<Own, Map, Event>,
  ): this;
  once<Event extends EventNames<Map> | EventNames<Own>>(
    event: Event,
    listener: Listener<Own, Map, Event>,
  ): this;
  /** Removes one listener, those of an event, or all. */
  off<Event extends EventNames<Map> | EventNames<Own>>(
    event?: Event,
    listener?: Listener<Own, Map, Event>,
  ): this;
  addEventListener: this["on"];
  removeListener: this["off"];
  removeAllListeners: this["off"];
  removeEventListener: this["off"];
  listeners<Event extends EventNames<Map> | EventNames<Own>>(
    event: Event,
  ): Listener<Own, Map, Event>[];
  hasListeners(event: EventNames<Map> | EventNames<Own>): boolean;
}
