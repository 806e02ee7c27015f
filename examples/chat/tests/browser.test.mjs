// What people do in the chat, in a real browser against the real server (see support.mjs).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { drawing, gif, keepPictures, lastPicture } from "./pictures.mjs";
import { inBrowser, noProblems, until } from "./support.mjs";

const WITHIN = { timeout: 45_000 };
/** Several cases at a time, each with a server of its own. */
const chat = inBrowser();

describe("people in the chat", { concurrency: 3 }, () => {
  test("two pages see each other's messages, presence and typing", WITHIN, async (t) => {
    const { join } = await chat(t);
    const ada = await join("Ada");
    await ada.seesPeople("Ada");
    const bob = await join("Bob");
    await Promise.all([ada, bob].map((person) => person.seesPeople("Ada", "Bob")));
    await ada.page.locator(".notice", { hasText: "Bob joined" }).waitFor();

    await bob.page.locator("#text").pressSequentially("Hel");
    await ada.seesTyping("Bob is typing");
    await bob.say("Hello Ada");
    await ada.sees("Hello Ada");
    await ada.seesTyping("");
    await bob.page.locator("#text").pressSequentially("An unfinished");
    await ada.seesTyping("Bob is typing");
    await ada.say("Hello Bob");
    await bob.sees("Hello Bob");
    await ada.seesTyping("");

    await bob.page.close();
    await ada.seesPeople("Ada");
    await ada.page.locator(".notice", { hasText: "Bob left" }).waitFor();
  });

  test("a nickname in use is refused with a reason, and another one is let in", WITHIN, async (t) => {
    const { open, join } = await chat(t);
    await join("Ada");
    const other = await open("Ada");
    await other.askFor("Ada");
    await other.page.waitForFunction(() => document.querySelector("#sign-in-error").textContent.length > 0);
    await other.shot("sign-in");
    other.name = "Ada Two";
    await other.signIn();
    await other.seesPeople("Ada", "Ada Two");
  });

  test("a page that is loaded again signs in by itself with the same name and room", WITHIN, async (t) => {
    const { joinAll } = await chat(t);
    const room = "A quiet room";
    const [ada] = await joinAll(["Ada", "Bob"], { room });
    await ada.say("Before");
    await ada.page.reload();
    await ada.hasEntered();
    await ada.sees("Before");
    await ada.seesPeople("Ada", "Bob");
    assert.equal(await ada.page.locator("#room-name").textContent(), room);
  });

  test("an own message has a tick once the server has it, and a way to try again if it was refused", WITHIN, async (t) => {
    const { joinAll } = await chat(t);
    const [ada, bob] = await joinAll(["Ada", "Bob"]);
    await ada.say("Are you there?");
    const tick = ada.message("Are you there?").locator(".tick");
    assert.equal(await tick.getAttribute("title"), "Delivered");

    await ada.page.locator("#people").getByRole("button", { name: "Bob" }).click();
    await bob.page.close();
    await ada.seesPeople("Ada");
    await ada.write("Too late");
    const failed = ada.page.locator(".mine[data-delivery=failed]", { hasText: "Too late" });
    await failed.getByRole("button", { name: "Try again" }).waitFor();
    await ada.shot("not-delivered");
    await failed.getByRole("button", { name: "Discard" }).click();
    await failed.waitFor({ state: "detached" });
  });

  test("a private message reaches only its addressee", WITHIN, async (t) => {
    const { joinAll } = await chat(t);
    const [ada, bob, cleo] = await joinAll(["Ada", "Bob", "Cleo"]);
    await ada.page.locator("#people").getByRole("button", { name: "Bob" }).click();
    await ada.say("Cake for Cleo on Saturday?");
    await bob.message("Cake for Cleo on Saturday?").getByText("privately to you").waitFor();
    await bob.page.getByRole("button", { name: "Reply" }).click();
    await bob.say("I will bake");
    await ada.sees("I will bake");
    await ada.page.locator("#text").press("Escape");
    await ada.say("See you all on Saturday");

    await cleo.sees("See you all on Saturday");
    assert.deepEqual(await cleo.texts(), ["See you all on Saturday"]);
    await ada.shot("private-message");
  });

  test("a picture arrives bit for bit over both transports and is shown", WITHIN, async (t) => {
    const { join, joinAll } = await chat(t);
    const options = { setUp: keepPictures };
    const [ada, bob] = await joinAll(["Ada", "Bob"], options);
    const cleo = await join("Cleo", { ...options, query: "?transports=polling", transport: "polling" });
    const sent = gif();
    await ada.page.locator("#file").setInputFiles({ name: "moving.gif", mimeType: "image/gif", buffer: sent });
    await ada.page.locator(".is-picture[data-delivery=delivered]").waitFor();
    const dora = await join("Dora", options);
    for (const person of [bob, cleo, dora]) {
      const { type, bytes } = await lastPicture(person);
      assert.equal(type, "image/gif");
      assert.ok(bytes.equals(sent), `${person.name} has ${bytes.length} other bytes than the ${sent.length} sent`);
    }
  });

  test("a large picture is made smaller before it is sent, and opens large", WITHIN, async (t) => {
    const { joinAll } = await chat(t);
    const [ada, bob] = await joinAll(["Ada", "Bob"], { setUp: keepPictures });
    const buffer = await drawing(ada, 2400, 1200);
    await bob.page.locator("#file").setInputFiles({ name: "dawn.png", mimeType: "image/png", buffer });
    const received = await lastPicture(ada);
    const shown = await lastPicture(bob);
    assert.ok(received.bytes.equals(shown.bytes), "both have the same picture");
    assert.ok(received.bytes.length <= 600_000);

    const small = ada.page.locator(".picture-button");
    await small.click();
    const large = ada.page.locator("#lightbox img");
    await large.waitFor();
    assert.equal(await large.evaluate((image) => image.naturalWidth), 1280);
    await ada.shot("picture-large");
    await ada.page.keyboard.press("Escape");
    await large.waitFor({ state: "hidden" });
    await ada.shot("picture");
  });

  test("the last messages of a room are there on entering, in order", WITHIN, async (t) => {
    const { join } = await chat(t);
    const ada = await join("Ada");
    for (const text of ["One", "Two", "Three"]) await ada.say(text);
    const bob = await join("Bob");
    await bob.sees("Three");
    assert.deepEqual(await bob.texts(), ["One", "Two", "Three"]);
  });

  test("rooms keep their messages apart and are listed with their people", WITHIN, async (t) => {
    const { join } = await chat(t);
    const [first, second] = ["Upstream", "Downstream"];
    const ada = await join("Ada", { room: first });
    const bob = await join("Bob", { room: second });
    await ada.say("In the first");
    await ada.page.locator("#rooms a", { hasText: second }).click();
    await ada.seesPeople("Ada", "Bob");
    await ada.say("In the second");
    await bob.sees("In the second");
    assert.deepEqual(await bob.texts(), ["In the second"]);
    assert.deepEqual(await ada.texts(), ["In the second"]);
    await ada.page.locator("#rooms a[aria-current=page]", { hasText: second }).locator(".count", { hasText: "2" }).waitFor();

    await ada.page.goBack();
    await ada.sees("In the first");
    await bob.seesPeople("Bob");
  });

  test("user text with HTML is shown as text, and only web addresses become links", WITHIN, async (t) => {
    const { joinAll } = await chat(t);
    const [eve, bob] = await joinAll(["<b>Eve</b>", "Bob"]);
    const text = `<img src=x onerror="window.broken = true"><b>hi</b> javascript:alert(1) https://example.org/a?b=1.`;
    await eve.say(text);
    await bob.sees("<b>hi</b>");
    assert.deepEqual(await bob.texts(), [text]);
    assert.equal(await bob.page.locator(".author").last().textContent(), "<b>Eve</b>");
    assert.equal(await bob.page.locator("#entries b, #entries img, #people b").count(), 0);
    assert.equal(await bob.page.evaluate(() => window.broken), undefined);
    const links = bob.page.locator(".text a");
    assert.deepEqual(await links.evaluateAll((all) => all.map((link) => link.href)), ["https://example.org/a?b=1"]);
  });

  test("a reader who has scrolled up or looked away is told of new messages, and stays there", WITHIN, async (t) => {
    const { joinAll } = await chat(t);
    const options = { viewport: { width: 800, height: 500 } };
    const [ada, bob] = await joinAll(["Ada", "Bob"], options);
    for (let line = 1; line <= 12; line += 1) await bob.say(`Line ${line}\n…`);
    await ada.sees("Line 12");
    await ada.page.locator("#log").hover();
    await ada.page.mouse.wheel(0, -5_000);
    await until(async () => (await ada.scrollRange()).above === 0);
    await bob.say("News");
    const button = ada.page.getByRole("button", { name: "1 new message" });
    await button.waitFor();
    assert.equal((await ada.scrollRange()).above, 0);
    await button.click();
    await button.waitFor({ state: "hidden" });
    await until(async () => (await ada.scrollRange()).below < 2);

    const hide = (isHidden) => ada.page.evaluate((value) => {
      Object.defineProperty(document, "hidden", { value, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
    await hide(true);
    await bob.say("First");
    await bob.say("Second");
    await ada.page.waitForFunction(() => document.title.startsWith("(2) "));
    await hide(false);
    await ada.page.waitForFunction(() => document.title.startsWith("Rapids"));
  });
});

test("no page has written an error to its console", noProblems);
