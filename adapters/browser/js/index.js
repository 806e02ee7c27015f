import { Manager } from "./manager.js";
import { Socket } from "./socket.js";
import { optionsIn, parseUrl } from "./url.js";

const protocol = 5;
const managers = {};

/** Returns a socket for the address; namespaces of one server share a connection. */
const io = (uri, opts = optionsIn(uri)) => {
  const { secure_, host_, path_ } = parseUrl(uri);
  const key = secure_ + host_ + opts.path;
  const shared = managers[key];
  const alone = opts.forceNew || opts.multiplex === false || shared?.nsps[path_];
  const manager = alone ? new Manager(uri, opts) : (managers[key] ||= new Manager(uri, opts));
  return manager.socket(path_, opts);
};

Object.assign(io, { io, connect: io, Manager, Socket, protocol });

export { io, io as connect, io as default, Manager, Socket, protocol };
