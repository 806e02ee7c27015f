// Builds dist/. With --check, compares what it would write with what is there.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const root = new URL(".", import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));
const check = process.argv.includes("--check");
const { version } = JSON.parse(await readFile(path("package.json"), "utf8"));
// Bytes of a minified bundle, compressed.
const limit = 5600;

const page = (entry, file, format, minified) => ({
  entryPoints: [path(`js/${entry}.js`)],
  outfile: path(`dist/${file}`),
  format,
  minifySyntax: minified,
  // Members whose names end in an underscore are private.
  mangleProps: minified
    ? /[^_]_$|^_(autoConnect|pingTimeoutTime|queue|readyState|reconnecting)$/
    : undefined,
  sourcemap: true,
});

const bundles = [
  page("global", "socket.io.js", "iife", false),
  page("global", "socket.io.min.js", "iife", true),
  page("index", "socket.io.esm.min.js", "esm", true),
  {
    entryPoints: [path("js/index.js")],
    outfile: path("dist/node.cjs"),
    format: "cjs",
    platform: "node",
    external: ["ws"],
  },
];

/** Shortens what esbuild made once more: its local names cost a twentieth of the size. */
const shorten = async (files) => {
  const [map, code] = files.map(({ text }) => text);
  const name = files[1].path.slice(path("dist/").length);
  const result = await minify(code, {
    module: true,
    ecma: 2020,
    compress: { passes: 3, pure_getters: true, unsafe_arrows: true },
    format: { comments: /^!/ },
    sourceMap: { content: map, filename: name, url: `${name}.map` },
  });
  return [
    { path: files[0].path, contents: Buffer.from(result.map) },
    { path: files[1].path, contents: Buffer.from(result.code + "\n") },
  ];
};

let stale = false;
for (const options of bundles) {
  const built = await build({
    bundle: true,
    target: "es2020",
    charset: "utf8",
    legalComments: "none",
    banner: { js: `/*! sockeye-client ${version}, MIT OR Apache-2.0 */` },
    // The bundle for pages also loads in CommonJS.
    logOverride: { "commonjs-variable-in-esm": "silent" },
    absWorkingDir: path("."),
    write: false,
    ...options,
  });
  const outputFiles = options.minifySyntax ? await shorten(built.outputFiles) : built.outputFiles;
  for (const { path: file, contents } of outputFiles) {
    const name = file.slice(path("dist/").length);
    if (check) {
      const current = await readFile(file).catch(() => Buffer.alloc(0));
      if (!current.equals(contents)) {
        stale = true;
        console.error(`dist/${name} is out of date; run "npm run build"`);
      }
    } else {
      await writeFile(file, contents);
    }
    if (name.endsWith(".map")) continue;
    const size = gzipSync(contents, { level: 9 }).length;
    console.log(`${name}: ${contents.length} bytes, ${size} gzipped`);
    if (name.endsWith(".min.js") && size > limit) {
      stale = true;
      console.error(`dist/${name} is larger than ${limit} bytes`);
    }
  }
}
process.exitCode = stale ? 1 : 0;
