// Builds dist/. With --check, compares what it would write with what is there.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = new URL(".", import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));
const check = process.argv.includes("--check");
const { version } = JSON.parse(await readFile(path("package.json"), "utf8"));
const limit = 5000;

const browser = (entry, file, format, minify) => ({
  entryPoints: [path(`js/${entry}.js`)],
  outfile: path(`dist/${file}`),
  format,
  minify,
  // Members whose names end in an underscore are private.
  mangleProps: minify ? /[^_]_$/ : undefined,
  sourcemap: true,
});

const bundles = [
  browser("global", "socket.io.js", "iife", false),
  browser("global", "socket.io.min.js", "iife", true),
  browser("index", "socket.io.esm.min.js", "esm", true),
  {
    entryPoints: [path("js/node.js")],
    outfile: path("dist/node.cjs"),
    format: "cjs",
    platform: "node",
    external: ["ws"],
  },
];

let stale = false;
for (const options of bundles) {
  const { outputFiles } = await build({
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
