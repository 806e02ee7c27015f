// What a page leaves to the browser. One jar a session, so that two users never share cookies.
const jars = new WeakMap();

// What browsers keep at least, and most servers take.
const MAX_COOKIES = 50;
const MAX_LENGTH = 4096;

/** The parts of `name=value`; the value is undefined without "=". */
const split = (text) => {
  const [name, ...value] = text.split("=");
  return [name.trim(), value.length ? value.join("=").trim() : undefined];
};

const isExpired = (attributes) => {
  const values = Object.fromEntries(
    attributes.map(split).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const maxAge = values["max-age"];
  return maxAge === undefined ? Date.parse(values.expires) <= Date.now() : !(maxAge > 0);
};

/**
 * Remembers the cookies of a response's `Set-Cookie` headers, and forgets the expired ones. Too long
 * ones are ignored, and too many displace the oldest.
 */
export const storeCookies = (session, headers = []) => {
  const jar = jars.get(session) || new Map();
  jars.set(session, jar);
  for (const header of headers) {
    const [pair, ...attributes] = header.split(";");
    const [name, value] = split(pair);
    if (!name || value === undefined || pair.length > MAX_LENGTH) continue;
    jar.delete(name);
    if (isExpired(attributes)) continue;
    jar.set(name, value);
    if (jar.size > MAX_COOKIES) jar.delete(jar.keys().next().value);
  }
};

/** Returns the `cookie` header of a request as an object, empty without cookies. */
export const cookieHeader = (session) => {
  const jar = jars.get(session);
  return jar?.size ? { cookie: [...jar].map((pair) => pair.join("=")).join("; ") } : {};
};
