/** Small helpers for building the page. Text goes in as text nodes, never as HTML. */

const SVG = "http://www.w3.org/2000/svg";

export const find = (selector, within = document) => within.querySelector(selector);

/** Makes an element: `h("a", { href, "aria-current": "page" }, "text", child)`. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A round sign for a person: the same name has the same colour everywhere. */
export function avatar(name) {
  const sign = h("span", { className: "avatar", "aria-hidden": "true" }, initials(name));
  sign.style.setProperty("--hue", hue(name));
  return sign;
}

export function hue(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  // Steps of 24 degrees keep two different colours apart.
  return (hash % 15) * 24;
}

function initials(name) {
  const words = name.trim().split(/\s+/);
  const first = [...words[0]][0] ?? "?";
  const last = words.length > 1 ? [...words.at(-1)][0] : "";
  return (first + last).toUpperCase();
}

/** Text with its web addresses made into links; every other scheme stays text. */
export function linked(text) {
  const parts = document.createDocumentFragment();
  let done = 0;
  for (const match of text.matchAll(/\bhttps?:\/\/[^\s<>"]+/gi)) {
    const address = withoutTail(match[0]);
    if (!URL.canParse(address)) continue;
    parts.append(text.slice(done, match.index), link(address));
    done = match.index + address.length;
  }
  parts.append(text.slice(done));
  return parts;
}

function link(address) {
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address);
}

/** A full stop or a closing bracket after an address belongs to the sentence. */
function withoutTail(address) {
  let kept = address.replace(/[.,;:!?'*_]+$/, "");
  if (kept.endsWith(")") && !kept.includes("(")) kept = kept.slice(0, -1);
  return kept;
}
