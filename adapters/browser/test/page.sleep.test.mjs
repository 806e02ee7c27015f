// Pages that sleep, are hidden, or are left and come back to.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect, inBrowser, PATIENCE } from "./page/browser.mjs";
import { serve, SERVERS } from "./page/servers.mjs";

const TRANSPORTS = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
};
const WITHIN = { timeout: 3 * PATIENCE };
const open = inBrowser();

/** Opens a page that is in the room "here", and one that sees who is. */
const openBoth = async (t, name, transports) => {
  const server = await serve(t, name);
  const witness = await open(server);
  await connect(witness, ["websocket"]);
  const page = await open(server, { mayFail: true });
  await connect(page, transports);
  const id = await page.evaluate(async () => {
    await socket.emitWithAck("join", "here");
    return socket.id;
  });
  /** Resolves when the server has given the page up. */
  const gone = async () => {
    const here = () => witness.evaluate(() => socket.timeout(9000).emitWithAck("sockets", "here"));
    while ((await here()).includes(id));
  };
  return { server, page, gone };
};

/** The page has noticed that its connection is gone, and made another one. */
const isBack = async (page) => {
  await page.waitForFunction(() => seen.some(([event]) => event == "disconnect"));
  const answer = await page.evaluate(() => socket.emitWithAck("message-with-ack", "back"));
  assert.equal(answer, "back");
  const events = await page.evaluate(() => seen.map(([event]) => event));
  assert.equal(events.filter((event) => event == "disconnect").length, 1);
};

for (const name of SERVERS)
  describe(`a page with ${name}`, { concurrency: 6 }, () => {
    for (const [way, transports] of Object.entries(TRANSPORTS)) {
      test(`that slept longer than the server waits connects again by ${way}`, WITHIN, async (t) => {
        const { page, gone } = await openBoth(t, name, transports);
        const debug = await page.context().newCDPSession(page);
        await debug.send("Debugger.enable");
        const stopped = new Promise((resolve) => debug.once("Debugger.paused", resolve));
        await debug.send("Debugger.pause");
        await stopped;
        await gone();
        await debug.send("Debugger.disable");
        await isBack(page);
      });

      test(`whose timers are late, as in a hidden tab, stays connected by ${way}`, WITHIN, async (t) => {
        const server = await serve(t, name);
        const page = await open(server);
        await page.evaluate(() => {
          const { setTimeout } = window;
          window.setTimeout = (task, delay) => setTimeout(task, delay + 60_000);
        });
        await connect(page, transports);
        await page.evaluate(
          () =>
            new Promise((resolve) => {
              let pings = 0;
              socket.io.on("ping", () => ++pings == 3 && resolve());
            }),
        );
        await page.evaluate(() => socket.emitWithAck("info"));
        const events = await page.evaluate(() => seen.map(([event]) => event));
        assert.ok(!events.includes("disconnect"));
      });

      test(`from the back-forward cache connects again by ${way}`, WITHIN, async (t) => {
        const { server, page, gone } = await openBoth(t, name, transports);
        await page.evaluate(() =>
          addEventListener("pageshow", ({ persisted }) => (window.persisted = persisted)),
        );
        const other = `${server.origin}/other`;
        await page.route(other, (route) => route.fulfill({ contentType: "text/html", body: "" }));
        await page.goto(other);
        await gone();
        await page.goBack({ waitUntil: "commit" });
        await page.waitForFunction(() => window.persisted);
        await isBack(page);
      });
    }
  });
