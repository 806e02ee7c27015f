// A browser, and pages that have the client loaded.
//
// CHROMIUM  the browser's executable; without it /usr/bin/chromium

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { after } from "node:test";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--no-first-run",
  // Pages that a test makes up count as public, and those may not reach servers on this machine.
  "--disable-features=LocalNetworkAccessChecks",
];
export const PATIENCE = 10_000;

/** The bundle in `dist/` of that name. */
export const bundle = (name) => readFile(new URL(`../../dist/${name}`, import.meta.url));

const LOADERS = {
  "socket.io.esm.min.js": (name) =>
    `<script type="module">import { io } from "/${name}"; window.io = io;</script>`,
};
const usual = (name) => `<script src="/${name}"></script>`;

/** Opens one browser for the tests of a file, with the first of them. */
export const inBrowser = () => {
  let opening;
  after(async () => (await opening)?.close());

  const launch = () => {
    if (!existsSync(CHROMIUM))
      throw new Error(`no browser at ${CHROMIUM}; install Chromium, or name one in CHROMIUM`);
    return chromium.launch({
      executablePath: CHROMIUM,
      args: FLAGS,
      // Pages go to the back-forward cache, as they do for users.
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
  };

  /** Opens a page of the server's that has `io`; it complains of errors when the test is over. */
  return async (server, { client = "socket.io.min.js", mayFail = false } = {}) => {
    opening ??= launch();
    const context = await (await opening).newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (line) => {
      if (line.type() == "error" && !mayFail) problems.push(line.text());
    });
    server.pages.push(async () => {
      await context.close();
      assert.deepEqual(problems, []);
    });
    const loader = (LOADERS[client] ?? usual)(client);
    const body = `<!doctype html><link rel="icon" href="data:,">${loader}`;
    await page.route(`${server.origin}/`, (route) =>
      route.fulfill({ contentType: "text/html", body }),
    );
    const script = await bundle(client);
    await page.route(`${server.origin}/${client}`, (route) =>
      route.fulfill({ contentType: "text/javascript", body: script }),
    );
    await page.goto(`${server.origin}/`);
    await page.waitForFunction(() => "io" in window);
    return page;
  };
};

/** Connects the page as `window.socket`, and waits until the transport is the expected one. */
export const connect = (page, transports, namespace = "/") =>
  page.evaluate(
    ([transports, namespace]) =>
      new Promise((resolve) => {
        const socket = (window.socket = io(namespace, {
          transports,
          reconnectionDelay: 50,
          reconnectionDelayMax: 100,
        }));
        window.seen = [];
        socket.onAny((event, ...args) => seen.push([event, ...args]));
        socket.on("disconnect", (reason) => seen.push(["disconnect", reason]));
        const { engine } = socket.io;
        if (transports.length > 1) engine.on("upgrade", () => resolve());
        else socket.once("connect", () => resolve());
      }),
    [transports, namespace],
  );
