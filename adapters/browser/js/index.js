import { Manager } from "./manager.js";
import { Socket } from "./socket.js";
import { parseUrl, readOptions } from "./url.js";

const protocol = 5;
const managers = {};

/** Returns a socket for the address; namespaces of one server share a connection. */
const io = (uri, options) => {
  const opts = readOptions(uri, options);
  const [secure, host, nsp] = parseUrl(uri);
  const key = secure + host + opts.path;
  const shared = managers[key];
  const alone = shared?.nsps[nsp] || opts.forceNew || opts.multiplex === false;
  const manager = alone ? new Manager(uri, opts) : (managers[key] ||= new Manager(uri, opts));
  return manager.socket(nsp, opts);
};

Object.assign(io, { io, connect: io, Manager, Socket, protocol });

export { io, io as connect, io as default, Manager, Socket, protocol };
