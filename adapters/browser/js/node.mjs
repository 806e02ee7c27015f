// The same as by require(), so that both share their connections.
import io from "./node.cjs";

export const { connect, Manager, protocol, Socket } = io;
export { io, io as default };
