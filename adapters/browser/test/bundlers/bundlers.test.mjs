// A sample, built by the bundlers that people use, and run.

import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, parse } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import commonjs from "@rollup/plugin-commonjs";
import resolve from "@rollup/plugin-node-resolve";
import { rollup } from "rollup";
import * as vite from "vite";
import webpack from "webpack";
import { echoServer, project, run } from "./project.mjs";

const { build: esbuild } = createRequire(new URL("../../package.json", import.meta.url))("esbuild");

const SAMPLE = `
  const socket = io(globalThis.ADDRESS, { transports: globalThis.TRANSPORTS });
  socket.emitWithAck("echo", "hello").then((answer) => {
    console.log(answer, "by", socket.io.engine.transport.name);
    socket.disconnect();
  });
`;
const FILES = {
  "by-import.mjs": `import { io } from "sockeye-client";${SAMPLE}`,
  "by-require.cjs": `const { io } = require("sockeye-client");${SAMPLE}`,
};
const WS = pathToFileURL(createRequire(new URL("../../package.json", import.meta.url)).resolve("ws"));

const server = echoServer();

/** Runs what was built, and resolves to what it prints. */
const start = (folder, file, transports, asPage) => {
  // A page has a WebSocket, and so have later versions of Node.js.
  const first = `globalThis.ADDRESS = ${JSON.stringify(server.address)};
    globalThis.TRANSPORTS = ${JSON.stringify(transports)};
    ${asPage ? `globalThis.WebSocket = (await import(${JSON.stringify(String(WS))})).default;` : ""}`;
  const data = `data:text/javascript,${encodeURIComponent(first)}`;
  return run("node", ["--import", data, file], { cwd: folder });
};

const byWebpack = (target) => async (folder, entry, out) => {
  const stats = await new Promise((resolve, reject) =>
    webpack(
      {
        context: folder,
        entry: `./${entry}`,
        mode: "production",
        target,
        optimization: { minimize: target != "node" },
        output: { path: folder, filename: out },
      },
      (error, stats) => (error ? reject(error) : resolve(stats)),
    ),
  );
  assert.deepEqual(stats.toJson({ all: false, errors: true }).errors, []);
};

const byVite = (ssr) => async (folder, entry, out) => {
  await vite.build({
    root: folder,
    configFile: false,
    logLevel: "silent",
    ssr: { noExternal: true },
    build: {
      ssr,
      outDir: ".",
      emptyOutDir: false,
      modulePreload: false,
      rollupOptions: { input: join(folder, entry), output: { entryFileNames: out } },
    },
  });
};

const byRollup = (options, plugins) => async (folder, entry, out) => {
  const bundle = await rollup({
    input: join(folder, entry),
    plugins: [resolve(options), ...plugins],
    external: [/^node:/],
    onwarn: (warning) => assert.fail(warning.message),
  });
  await bundle.write({ file: join(folder, out), format: "es" });
};

const byEsbuild = (platform) => (folder, entry, out) =>
  esbuild({
    absWorkingDir: folder,
    entryPoints: [entry],
    outfile: out,
    bundle: true,
    platform,
    format: platform == "node" ? "cjs" : "esm",
    logLevel: "silent",
  });

const byParcel = async (folder, entry, out) => {
  const [parcel, config] = ["parcel/lib/bin.js", "@parcel/config-default"].map((file) =>
    createRequire(import.meta.url).resolve(file),
  );
  const options = ["--config", config, "--no-cache", "--no-source-maps", "--dist-dir", "parcel"];
  await run("node", [parcel, "build", entry, ...options], { cwd: folder });
  await rename(join(folder, "parcel", `${parse(entry).name}.js`), join(folder, out));
};

const FOR_PAGES = [
  ["webpack", byWebpack("web"), "out.cjs"],
  ["webpack for old browsers", byWebpack(["web", "es5"]), "out.cjs"],
  ["vite", byVite(false), "out.mjs"],
  ["rollup", byRollup({ browser: true }, []), "out.mjs"],
  ["esbuild", byEsbuild("browser"), "out.mjs"],
  ["parcel", byParcel, "out.cjs"],
];
const FOR_NODE = [
  ["webpack", byWebpack("node"), "out.cjs"],
  ["vite", byVite(true), "out.mjs"],
  ["rollup", byRollup({ exportConditions: ["node"], preferBuiltins: true }, [commonjs()]), "out.mjs"],
  ["esbuild", byEsbuild("node"), "out.cjs"],
];

for (const [name, build, out] of FOR_PAGES)
  test(`${name} builds for pages`, async (t) => {
    const folder = await project(t, FILES);
    for (const entry of name == "rollup" ? ["by-import.mjs"] : ["by-import.mjs", "by-require.cjs"]) {
      await build(folder, entry, out);
      for (const transport of ["polling", "websocket"])
        assert.equal(await start(folder, out, [transport], true), `hello by ${transport}\n`, entry);
    }
  });

for (const [name, build, out] of FOR_NODE)
  for (const ws of [false, true])
    test(`${name} builds for Node.js ${ws ? "with" : "without"} ws`, async (t) => {
      const folder = await project(t, FILES, { ws });
      const entries = name == "rollup" ? ["by-import.mjs"] : ["by-import.mjs", "by-require.cjs"];
      for (const entry of entries) {
        await build(folder, entry, out);
        const transport = ws ? "websocket" : "polling";
        assert.equal(await start(folder, out, [transport]), `hello by ${transport}\n`, entry);
      }
    });
