// A regular expression and not `URL`, because "host:3000" is a valid address here.
const split = (uri) => /^(?:(?:(\w+):)?\/\/(?:[^@/?#]*@)?)?([^/?#]*)([^?#]*)\??([^#]*)/.exec(uri);

/** The options may stand in the place of the address. */
export const optionsIn = (uri) => (typeof uri == "object" && uri) || {};

/**
 * Splits an address: `https://host:3000/nsp?x=y`, `//host`, `host:3000`, `/nsp`, or nothing. What is
 * missing comes from the page.
 */
export const parseUrl = (uri) => {
  const page = split(globalThis.location?.origin || "https://localhost");
  const [, scheme = page[1], host, path, query] = split(typeof uri == "string" ? uri : "");
  const secure = /s$/i.test(scheme);
  return {
    secure_: secure ? "s" : "",
    host_: (host || page[2]).replace(secure ? /:443$/ : /:80$/, ""),
    path_: path || "/",
    query_: query && "&" + query,
  };
};
