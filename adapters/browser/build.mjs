// Builds dist/. With --check, compares what it would write with what is there.
import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";
import { rename } from "./names.mjs";

const root = new URL(".", import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));
const check = process.argv.includes("--check");
const { version } = JSON.parse(await readFile(path("package.json"), "utf8"));
// Bytes of the minified bundles, compressed, that they may not exceed.
const LIMITS = {
  "socket.io.min.js": 5500,
  "socket.io.esm.min.js": 5500,
  "socket.io.msgpack.min.js": 6500,
};

// The letters that `names.mjs` has found.
const names = JSON.parse(await readFile(path("names.json"), "utf8").catch(() => "{}"));

const page = (entry, file, format, minified) => ({
  entryPoints: [path(`js/${entry}.js`)],
  outfile: path(`dist/${file}`),
  format,
  minifySyntax: minified,
  // Members whose names end in an underscore are private.
  mangleProps: minified
    ? /[^_]_$|^_(autoConnect|pingTimeoutTime|queue|readyState|reconnecting)$/
    : undefined,
  mangleCache: {},
  sourcemap: true,
});

// Bundlers minify by themselves. Some of them, such as webpack 4, know no syntax after ES2018.
const forBundlers = (entry, file, format) => ({
  entryPoints: [path(`js/${entry}.js`)],
  outfile: path(`dist/${file}`),
  format,
  target: "es2018",
});

const bundles = [
  page("global", "socket.io.js", "iife", false),
  page("global", "socket.io.min.js", "iife", true),
  page("index", "socket.io.esm.min.js", "esm", true),
  { ...page("global", "socket.io.msgpack.min.js", "iife", true), conditions: ["msgpack"] },
  forBundlers("index", "browser.mjs", "esm"),
  forBundlers("global", "browser.js", "cjs"),
  {
    entryPoints: [path("js/global.js")],
    outfile: path("dist/node.cjs"),
    format: "cjs",
    platform: "node",
    external: ["ws"],
  },
];

/** Shortens what esbuild made once more: its local names cost a tenth of the size. */
const shorten = async (files, mangled) => {
  const [map, code] = files.map(({ text }) => text);
  const name = files[1].path.slice(path("dist/").length);
  const result = await minify(code, {
    module: true,
    ecma: 2022,
    compress: {
      lhs_constants: false,
      passes: 3,
      pure_getters: true,
      reduce_funcs: false,
      unsafe_arrows: true,
    },
    format: { comments: /^!/ },
    sourceMap: { content: map, filename: name, url: `${name}.map` },
  });
  const renamed = rename(result.code, mangled, names[name]);
  names[name] = renamed.found;
  return [
    { path: files[0].path, contents: Buffer.from(result.map) },
    { path: files[1].path, contents: Buffer.from(renamed.code + "\n") },
  ];
};

// In dist/, where scripts are CommonJS, the types are for require().
const copies = ["index.d.ts", "events.d.ts", "js/node.mjs"].map(async (name) => ({
  path: path(`dist/${basename(name)}`),
  contents: await readFile(path(name)),
}));

let stale = false;

/** Writes a file, or says that it is out of date. */
const put = async ({ path: file, contents }) => {
  if (!check) return writeFile(file, contents);
  const current = await readFile(file).catch(() => Buffer.alloc(0));
  if (current.equals(contents)) return;
  stale = true;
  console.error(`${file.slice(path("").length)} is out of date; run "npm run build"`);
};

for (const file of await Promise.all(copies)) await put(file);
for (const options of bundles) {
  const built = await build({
    bundle: true,
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: { js: `/*! sockeye-client ${version}, MIT OR Apache-2.0 */` },
    // The bundle for pages also loads in CommonJS.
    logOverride: { "commonjs-variable-in-esm": "silent" },
    absWorkingDir: path("."),
    write: false,
    ...options,
  });
  const outputFiles = options.minifySyntax
    ? await shorten(built.outputFiles, Object.values(built.mangleCache))
    : built.outputFiles;
  for (const file of outputFiles) {
    await put(file);
    const { contents } = file;
    const name = file.path.slice(path("dist/").length);
    if (name.endsWith(".map")) continue;
    const size = gzipSync(contents, { level: 9 }).length;
    console.log(`${name}: ${contents.length} bytes, ${size} gzipped`);
    if (size > LIMITS[name]) {
      stale = true;
      console.error(`dist/${name} is larger than ${LIMITS[name]} bytes`);
    }
  }
}
const contents = Buffer.from(`${JSON.stringify(names, null, 2)}\n`);
await put({ path: path("names.json"), contents });
process.exitCode = stale ? 1 : 0;
