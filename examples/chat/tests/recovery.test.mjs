// Transports, lost connections and small screens, in a real browser against the real server.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inBrowser, noProblems } from "./support.mjs";

const WITHIN = { timeout: 45_000 };
/** Several cases at a time, each with a server of its own. */
const chat = inBrowser();

describe("connections and small screens", { concurrency: 3 }, () => {
  test("pages show their transport, and chat across transports and without WebSocket", WITHIN, async (t) => {
    const { join } = await chat(t);
    const setUp = () => Object.defineProperty(window, "WebSocket", { value: undefined });
    const usual = await join("Usual", { transport: "websocket" });
    const forced = await join("Forced", { transport: "polling", query: "?transports=polling" });
    const direct = await join("Direct", { transport: "websocket", query: "?transports=websocket" });
    const bare = await join("Bare", { transport: "polling", setUp });
    const all = [usual, forced, direct, bare];
    for (const speaker of all) await speaker.say(`From ${speaker.name}`);
    for (const reader of all) await Promise.all(all.map(({ name }) => reader.sees(`From ${name}`)));
  });

  test("a page that was offline shows what it missed once, and sends what was typed meanwhile", WITHIN, async (t) => {
    const { joinAll } = await chat(t);
    const [ada, bob] = await joinAll(["Ada", "Bob"]);
    await ada.say("Before");
    await bob.sees("Before");
    ada.hasBrokenLine = true;
    await ada.page.context().setOffline(true);
    await ada.seesState("offline");
    await bob.say("Meanwhile");
    await ada.write("Typed offline");
    await ada.page.locator("[data-delivery=waiting]", { hasText: "Typed offline" }).waitFor();
    await ada.page.context().setOffline(false);
    await ada.seesState("websocket");
    await bob.sees("Typed offline");
    await ada.page.locator("[data-delivery=delivered]", { hasText: "Typed offline" }).waitFor();
    for (const person of [ada, bob]) assert.deepEqual(await person.texts(), ["Before", "Meanwhile", "Typed offline"]);
  });

  test("a message whose answer was lost with the connection is neither lost nor sent twice", WITHIN, async (t) => {
    const { join } = await chat(t);
    let isCut = false;
    let cut;
    const wire = (page) => {
      const line = page.connectToServer();
      line.onMessage((data) => isCut || page.send(data));
      cut = () => Promise.all([page.close(), line.close()]);
    };
    const ada = await join("Ada", { wire, query: "?transports=websocket" });
    const bob = await join("Bob");
    isCut = true;
    await ada.write("Only once");
    await bob.sees("Only once");
    await ada.page.locator("[data-delivery=sending]", { hasText: "Only once" }).waitFor();
    isCut = false;
    await cut();
    await ada.page.locator("[data-delivery=delivered]", { hasText: "Only once" }).waitFor();
    await bob.say("Indeed");
    await ada.sees("Indeed");
    for (const person of [ada, bob]) assert.deepEqual(await person.texts(), ["Only once", "Indeed"]);
  });

  test("after the server was killed and restarted both pages recover and messages flow", WITHIN, async (t) => {
    const { server, joinAll } = await chat(t);
    const [ada, bob] = await joinAll(["Ada", "Bob"]);
    await ada.say("Before the restart");
    await bob.sees("Before the restart");
    ada.hasBrokenLine = bob.hasBrokenLine = true;
    await server.kill();
    await Promise.all([ada, bob].map((person) => person.seesState("reconnecting")));
    await ada.write("Typed while the server was away");
    await ada.page.locator("[data-delivery=waiting]").waitFor();
    await ada.shot("reconnecting");

    await server.start();
    await Promise.all([ada, bob].map((person) => person.seesState("websocket")));
    await Promise.all([ada, bob].map((person) => person.seesPeople("Ada", "Bob")));
    await bob.sees("Typed while the server was away");
    await bob.say("And on we go");
    await ada.sees("And on we go");
    const all = ["Before the restart", "Typed while the server was away", "And on we go"];
    for (const person of [ada, bob]) assert.deepEqual(await person.texts(), all);
  });

  test("nothing scrolls sideways at 390 px, and rooms and people open as drawers", WITHIN, async (t) => {
    const { open, join } = await chat(t);
    const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
    const room = "A room with a name this long 32c";
    const ada = await open("Ada with a name of 24 ch", { room, ...phone });
    assert.deepEqual(await ada.wideBoxes(), []);
    await ada.shot("phone-sign-in");
    await ada.signIn();
    const bob = await join("WWWWWWWWWWWWWWWWWWWWWWWW", { room });
    await bob.say("w".repeat(400));
    await bob.say("https://example.org/" + "long/".repeat(60));
    await bob.page.locator("#people").getByRole("button", { name: "Ada" }).click();
    await bob.say("And one for you alone.");
    await ada.sees("And one for you alone.");
    await ada.say("Short.");
    assert.deepEqual(await ada.wideBoxes(), []);
    await ada.shot("phone");

    for (const drawer of ["Rooms", "People"]) {
      const button = ada.page.getByRole("button", { name: drawer, exact: true });
      await button.click();
      const close = ada.page.getByRole("button", { name: `Close ${drawer.toLowerCase()}` });
      await close.waitFor();
      assert.ok(await close.evaluate((element) => element === document.activeElement), "the focus is in the drawer");
      assert.deepEqual(await ada.wideBoxes(), []);
      await ada.shot(`phone-${drawer.toLowerCase()}`);
      await ada.page.keyboard.press("Escape");
      await close.waitFor({ state: "hidden" });
    }
    await ada.page.emulateMedia({ colorScheme: "dark" });
    await ada.shot("phone-dark");
  });
});

test("no page has written an error to its console", noProblems);
