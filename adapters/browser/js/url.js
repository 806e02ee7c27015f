import { isString } from "./engine/packet.js";

// A regular expression and not `URL`, because "host:3000" is a valid address here. As there, a
// backslash ends the host.
const ADDRESS = /^(?:(\w+:)?\/\/)?(?:[^/?#\\]*@)?([^/?#\\]*)([^?#]*)\??([^#]*)/;

/**
 * The options that are given, without those that are null or undefined, and with a path. They may
 * stand in the place of the address.
 */
export const readOptions = (uri, opts) => {
  const options = { ...((typeof uri == "object" && uri) || opts) };
  for (const name in options) if (options[name] == null) delete options[name];
  options.path ||= "/socket.io";
  return options;
};

/**
 * Splits an address: `https://host:3000/nsp?x=y`, `//host`, `host:3000`, `:3000`, `/nsp`, or
 * nothing, into an "s" if it is secure, host, namespace, and query. What is missing comes from the
 * page.
 */
export const parseUrl = (uri) => {
  const [, scheme, host, path, query] = ADDRESS.exec(isString(uri) ? uri : "");
  const isOfPage = !host || host[0] == ":";
  // Without a page, addresses are secure, and no address is http://localhost.
  const page = globalThis.location || { protocol: !isOfPage && "https:" };
  const secure = /[ps]s:$/i.test(scheme || page.protocol);
  const start = isOfPage ? (host ? page.hostname : page.host) || "localhost" : "";
  return [
    secure ? "s" : "",
    (start + host).replace(secure ? /:443$/ : /:80$/, ""),
    path || "/",
    query,
  ];
};

/** Reads a query, an object or a text; "+" is no space in it. */
export const readQuery = (query) =>
  Object.fromEntries(
    new URLSearchParams(isString(query) ? query.replace(/\+/g, "%2B") : query),
  );
