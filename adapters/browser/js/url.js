// A regular expression and not `URL`, because "host:3000" is a valid address here.
const ADDRESS = /^(?:(\w+:)?\/\/)?(?:[^/?#]*@)?([^/?#]*)([^?#]*)\??([^#]*)/;

/** The options may stand in the place of the address. */
export const optionsIn = (uri) => (typeof uri == "object" && uri) || {};

/**
 * Splits an address: `https://host:3000/nsp?x=y`, `//host`, `host:3000`, `/nsp`, or nothing, into an
 * "s" if it is secure, host, namespace, and query to append. What is missing comes from the page.
 */
export const parseUrl = (uri) => {
  const address = typeof uri == "string" ? uri : "";
  // Without a page, addresses are secure, and no address is http://localhost.
  const page = globalThis.location || { protocol: address && "s:" };
  const [, scheme = page.protocol, host, path, query] = ADDRESS.exec(address);
  const secure = /s:$/i.test(scheme);
  return [
    secure ? "s" : "",
    (host || page.host || "localhost").replace(secure ? /:443$/ : /:80$/, ""),
    path || "/",
    query && "&" + query,
  ];
};
