// What people do in the chat without an async runtime, in a real browser with the page as it is.
//
// CHAT_SERVER names the executable `sockeye-blocking-chat`; for the browser, see support.mjs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inBrowser, noProblems } from "../../chat/tests/support.mjs";

const WITHIN = { timeout: 45_000 };
const chat = inBrowser();

test("two pages see each other's messages and presence, and stay with long-polling", WITHIN, async (t) => {
  const { join } = await chat(t);
  const ada = await join("Ada", { transport: "polling" });
  await ada.seesPeople("Ada");
  const bob = await join("Bob", { transport: "polling" });
  await Promise.all([ada, bob].map((person) => person.seesPeople("Ada", "Bob")));
  await ada.page.locator(".notice", { hasText: "Bob joined" }).waitFor();

  await bob.say("Hello Ada");
  await ada.sees("Hello Ada");
  await ada.say("Hello Bob");
  await bob.sees("Hello Bob");
  assert.deepEqual(await bob.texts(), ["Hello Ada", "Hello Bob"]);
  await Promise.all([ada, bob].map((person) => person.seesState("polling")));

  await bob.page.close();
  await ada.seesPeople("Ada");
  await ada.page.locator(".notice", { hasText: "Bob left" }).waitFor();
});

test("rooms keep their messages apart", WITHIN, async (t) => {
  const { join } = await chat(t);
  const ada = await join("Ada", { transport: "polling", room: "Upstream" });
  const bob = await join("Bob", { transport: "polling", room: "Downstream" });
  await ada.say("In the first");
  await bob.say("In the second");
  assert.deepEqual(await ada.texts(), ["In the first"]);
  assert.deepEqual(await bob.texts(), ["In the second"]);
});

test("no page has written an error to its console", noProblems);
