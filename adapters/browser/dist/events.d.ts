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

/**
 * What all objects that emit events have in common; `Own` are those of the object itself.
 *
 * The forms with `this: never` cannot be called. They make an emitter with typed events fit what
 * takes emitters of any events, such as RxJS.
 */
export declare class Emitter<Map extends EventsMap, Own extends EventsMap = {}> {
  on<Event extends EventNames<Own>>(event: Event, listener: Own[Event]): this;
  on<Event extends EventNames<Map>>(event: Event, listener: Map[Event]): this;
  on(this: never, event: string, listener: (...args: any[]) => any): this;
  once<Event extends EventNames<Own>>(event: Event, listener: Own[Event]): this;
  once<Event extends EventNames<Map>>(event: Event, listener: Map[Event]): this;
  once(this: never, event: string, listener: (...args: any[]) => any): this;
  addEventListener<Event extends EventNames<Own>>(event: Event, listener: Own[Event]): this;
  addEventListener<Event extends EventNames<Map>>(event: Event, listener: Map[Event]): this;
  addEventListener(this: never, event: string, listener: (...args: any[]) => any): this;
  /** Removes one listener, those of an event, or all. */
  off(): this;
  off<Event extends EventNames<Own>>(event: Event, listener?: Own[Event]): this;
  off<Event extends EventNames<Map>>(event: Event, listener?: Map[Event]): this;
  off(this: never, event: string, listener: (...args: any[]) => any): this;
  removeListener(): this;
  removeListener<Event extends EventNames<Own>>(event: Event, listener?: Own[Event]): this;
  removeListener<Event extends EventNames<Map>>(event: Event, listener?: Map[Event]): this;
  removeListener(this: never, event: string, listener: (...args: any[]) => any): this;
  removeAllListeners(): this;
  removeAllListeners<Event extends EventNames<Own>>(event: Event, listener?: Own[Event]): this;
  removeAllListeners<Event extends EventNames<Map>>(event: Event, listener?: Map[Event]): this;
  removeAllListeners(this: never, event: string, listener: (...args: any[]) => any): this;
  removeEventListener(): this;
  removeEventListener<Event extends EventNames<Own>>(event: Event, listener?: Own[Event]): this;
  removeEventListener<Event extends EventNames<Map>>(event: Event, listener?: Map[Event]): this;
  removeEventListener(this: never, event: string, listener: (...args: any[]) => any): this;
  listeners<Event extends EventNames<Own>>(event: Event): Own[Event][];
  listeners<Event extends EventNames<Map>>(event: Event): Map[Event][];
  hasListeners(event: EventNames<Map> | EventNames<Own>): boolean;
}
