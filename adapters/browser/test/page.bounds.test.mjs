// What a server can make a page spend.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, inBrowser, PATIENCE } from "./page/browser.mjs";
import { scripted } from "./scripted.mjs";

const WITHIN = { timeout: 3 * PATIENCE };
const open = inBrowser();

test("a long answer of polling leaves a page its turns", WITHIN, async (t) => {
  const pages = [];
  t.after(() => Promise.all(pages.map((close) => close())));
  const server = await scripted(t);
  const page = await open({ origin: server.url, pages }, { mayFail: true });
  await connect(page, ["polling"]);
  await page.evaluate(() => {
    window.received = [];
    window.turns = 0;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      turns++;
      if (received.length < 5000) port2.postMessage(0);
    };
    socket.once("number", () => port2.postMessage(0));
    socket.on("number", (number) => received.push(number));
  });
  const numbers = Array.from({ length: 5000 }, (_, i) => i);
  server.send(...numbers.map((number) => `42["number",${number}]${"\x1e6".repeat(9)}`));
  await page.waitForFunction(() => received.length == 5000);
  assert.deepEqual(await page.evaluate(() => received), numbers);
  const turns = await page.evaluate(() => window.turns);
  assert.ok(turns >= 10, `${turns} turns in 50,000 packets`);
});
