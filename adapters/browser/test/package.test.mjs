// The package as npm would publish it, in a folder where somebody has installed it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "acorn";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const NAMES = ["Manager", "Socket", "connect", "io", "protocol"];

let folder;
let files;

const run = (program, args, cwd = folder) =>
  execFileSync(program, args, { cwd, encoding: "utf8" });

const write = (name, text) => writeFileSync(join(folder, name), text);

before(() => {
  folder = mkdtempSync(join(tmpdir(), "sockeye-client-"));
  const installed = join(folder, "node_modules/sockeye-client");
  mkdirSync(installed, { recursive: true });
  const options = ["--json", "--silent", "--pack-destination", folder];
  const said = JSON.parse(run("npm", ["pack", ...options], root));
  const [{ filename, files: listed }] = Object.values(said);
  files = listed.map(({ path }) => path);
  run("tar", ["-xzf", join(folder, filename), "-C", installed, "--strip-components=1"]);
});

after(() => rmSync(folder, { recursive: true }));

test("what is needed is in the package, and no more", () => {
  const bundles = files.filter((file) => /^dist\/socket\.io/.test(file));
  assert.equal(bundles.length, 8);
  const others = files.filter((file) => !bundles.includes(file)).sort();
  assert.deepEqual(others, [
    "README.md",
    "dist/browser.js",
    "dist/browser.mjs",
    "dist/events.d.ts",
    "dist/index.d.ts",
    "dist/node.cjs",
    "dist/node.mjs",
    "dist/package.json",
    "events.d.ts",
    "index.d.ts",
    "package.json",
  ]);
});

test("Node.js finds it by require() and by import", () => {
  const required = "const io = require('sockeye-client'); typeof io + Object.keys(io).sort()";
  assert.equal(run("node", ["-p", required]).trim(), `function${[...NAMES, "default"].sort()}`);
  write(
    "imported.mjs",
    `import io, { connect, io as same, Manager, Socket, protocol } from "sockeye-client";
     console.log(io == same && io == connect && !!(Manager && Socket), protocol);`,
  );
  assert.equal(run("node", ["imported.mjs"]).trim(), "true 5");
  write(
    "both.mjs",
    `import { createRequire } from "node:module";
     import { io } from "sockeye-client";
     console.log(createRequire(import.meta.url)("sockeye-client").io == io);`,
  );
  assert.equal(run("node", ["both.mjs"]).trim(), "true", "one list of connections for both");
});

test("bundlers that know no exports find a file for pages in CommonJS, and one with modules", () => {
  const read = (file) => readFileSync(join(folder, "node_modules/sockeye-client", file), "utf8");
  const fields = JSON.parse(read("package.json"));
  assert.equal(fields.browser, fields["react-native"]);
  for (const [file, sourceType] of [
    [fields.browser, "script"],
    [fields.module, "module"],
  ]) {
    const code = read(file);
    assert.ok(!code.includes("node:http"), file);
    // What webpack 4 understands.
    parse(code, { ecmaVersion: 2018, sourceType });
  }
});

test("bundlers for pages find it by require() and by import", async () => {
  for (const text of [
    'import { io } from "sockeye-client"; globalThis.found = io;',
    'globalThis.found = require("sockeye-client").io;',
  ]) {
    write("page.js", text);
    const options = { bundle: true, platform: "browser", write: false, absWorkingDir: folder };
    const { outputFiles } = await build({ entryPoints: ["page.js"], ...options });
    const code = outputFiles[0].text;
    assert.ok(code.includes("new WebSocket"), "the code for pages");
    assert.ok(!code.includes("node:http"), "no code for Node.js");
    new Function("globalThis", code)(Object.assign(Object.create(globalThis)));
  }
});

test("TypeScript finds its types, however the project is set up", () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const sample = `import { io, type Socket } from "sockeye-client";
    export const socket: Socket = io("https://example.com");
    // @ts-expect-error no such method
    socket.nothing();`;
  write("sample.mts", sample);
  write("sample.cts", sample);
  write("sample.ts", sample);
  const options = ["--noEmit", "--strict", "--target", "es2020", "--lib", "es2020"];
  for (const [module, resolution, ...samples] of [
    ["nodenext", "nodenext", "sample.mts", "sample.cts"],
    ["esnext", "bundler", "sample.ts"],
  ])
    run("node", [tsc, ...options, "--module", module, "--moduleResolution", resolution, ...samples]);
});

test("the map of each bundle names sources that it carries", () => {
  const maps = files.filter((file) => file.endsWith(".map"));
  for (const file of maps) {
    const map = JSON.parse(readFileSync(join(folder, "node_modules/sockeye-client", file)));
    assert.ok(map.sources.length > 5 && map.sourcesContent.every(Boolean), file);
  }
});
