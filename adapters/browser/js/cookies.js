// What a page leaves to the browser. One jar a session, so that two users never share cookies.
const jars = new WeakMap();

const isExpired = (attributes) => {
  const value = (name) => attributes.match(new RegExp(`;\\s*${name}=([^;]*)`, "i"))?.[1];
  const maxAge = value("max-age");
  return maxAge === undefined ? Date.parse(value("expires")) <= Date.now() : !(maxAge > 0);
};

/** Remembers the cookies of a response's `Set-Cookie` headers, and forgets the expired ones. */
export const storeCookies = (session, headers = []) => {
  const jar = jars.get(session) || new Map();
  jars.set(session, jar);
  for (const header of headers) {
    const [, name, value] = /^\s*([^=;]+?)\s*=\s*([^;]*)/.exec(header) || [];
    if (!name) continue;
    if (isExpired(header)) jar.delete(name);
    else jar.set(name, value.trim());
  }
};

/** Returns the `cookie` header of a request as an object, empty without cookies. */
export const cookieHeader = (session) => {
  const jar = jars.get(session);
  return jar?.size ? { cookie: [...jar].map((pair) => pair.join("=")).join("; ") } : {};
};
