import { createHash } from "node:crypto";
import { parse } from "acorn";
import { analyze } from "eslint-scope";
import { deflateRaw } from "pako";

// The likeliest come last, since of two that do equally well the later one stays.
const LETTERS = [..."etrnosaicldpufhygmwbvkxSBEOATj_$CDLMqPzQRFIGHJKNUVWXYZ"].reverse();
const PASSES = 5;

/** Calls `visit` with each node of the tree. */
const walk = (node, visit) => {
  visit(node);
  for (const child of Object.values(node).flat()) if (child?.type) walk(child, visit);
};

/** The scopes in which no other variable may have the name of this one. */
const scopesOf = ({ scope, references }) => {
  const scopes = new Set([scope]);
  for (const { from } of references)
    for (let inner = from; inner != scope; inner = inner.upper) scopes.add(inner);
  return scopes;
};

/** What has a name of one letter: each variable, and each private member. */
const namesIn = (code, members) => {
  const ast = parse(code, { ecmaVersion: 2022, sourceType: "module", ranges: true });
  const { scopes } = analyze(ast, { ecmaVersion: 2022, sourceType: "module" });
  const variables = scopes
    .flatMap(({ variables }) => variables)
    .filter(({ name, identifiers }) => identifiers.length && name.length == 1)
    .map((variable) => {
      const nodes = [...variable.identifiers, ...variable.references.map((r) => r.identifier)];
      const places = [...new Set(nodes.map(({ start }) => start))];
      return { letter: variable.name, places, scope: variable.scope, scopes: scopesOf(variable) };
    });

  const privates = members.map((letter) => ({ letter, places: [] }));
  walk(ast, ({ type, computed, property, key, shorthand }) => {
    const name = type == "MemberExpression" ? property : key;
    const member = computed ? undefined : privates.find(({ letter }) => letter == name?.name);
    if (member && shorthand) throw new Error("a member and a variable in one place");
    member?.places.push(name.start);
  });

  for (const one of variables)
    one.rivals = variables.filter(
      (other) => other != one && (one.scopes.has(other.scope) || other.scopes.has(one.scope)),
    );
  for (const one of privates) one.rivals = privates.filter((other) => other != one);
  return [...variables, ...privates];
};

/**
 * Gives the variables and private `members` of a minified script the letters with which it
 * compresses best, as far as trying one after the other finds them. Nothing moves, so that the
 * source map holds.
 *
 * The search takes a minute or two, so its result for the last version of the script is given as
 * `known`, and returned with the new script.
 */
export const rename = (code, members, known) => {
  const names = namesIn(code, members);
  const hash = createHash("sha256").update(code).digest("hex");
  const bytes = Buffer.from(code);
  // Not by `node:zlib`, whose result depends on the machine.
  const measure = () => deflateRaw(bytes, { level: 9 }).length;
  const set = (name, letter) => {
    name.letter = letter;
    for (const place of name.places) bytes[place] = letter.charCodeAt();
  };
  const isKnown = known?.hash == hash;
  if (isKnown) names.forEach((name, at) => set(name, known.letters[at]));
  let best = measure();
  for (let pass = 0; pass < (isKnown ? 0 : PASSES); pass++)
    for (const name of names)
      for (const letter of LETTERS) {
        const { letter: old, rivals } = name;
        const swapped = rivals.filter((rival) => rival.letter == letter);
        const isFree = swapped.every((rival) =>
          rival.rivals.every((other) => other == name || other.letter != old),
        );
        if (letter == old || !isFree) continue;
        set(name, letter);
        for (const rival of swapped) set(rival, old);
        const size = measure();
        if (size <= best) {
          best = size;
        } else {
          set(name, old);
          for (const rival of swapped) set(rival, letter);
        }
      }
  for (const { letter, rivals } of names)
    if (rivals.some((rival) => rival.letter == letter)) throw new Error("a name stands for two");
  const letters = names.map(({ letter }) => letter).join("");
  return { code: bytes.toString(), found: { hash, letters } };
};
