export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;
export const ACK = 3;
export const CONNECT_ERROR = 4;

/** Events that only the client itself tells of. */
export const RESERVED = /^(connect(_error)?|disconnect(ing)?|(new|remove)Listener)$/;

/**
 * The most arguments of an event or an answer, for functions cannot be called with many more; and
 * the most events that are kept until the server has let the client in.
 */
export const MAX_ITEMS = 10_000;

/** The most bytes of the events that are kept so. */
export const MAX_BYTES = 1e8;
