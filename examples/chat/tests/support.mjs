// The server, the browser and the people of the browser tests.
//
// CHAT_SERVER  the chat server's executable; without it the release build of this workspace
// CHROMIUM     the browser's executable; without it /usr/bin/chromium
// SCREENSHOTS  a folder for pictures of the pages; without it none are taken

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const SERVER = process.env.CHAT_SERVER ?? fileURLToPath(new URL("../../../target/release/sockeye-chat", import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const SCREENSHOTS = process.env.SCREENSHOTS;
const PATIENCE = 15_000;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** The chat server as a process that can be killed and started again on the same port. */
class Server {
  #child;

  get address() {
    return `http://127.0.0.1:${this.port}/`;
  }

  async start() {
    this.port ??= await freePort();
    if (!existsSync(SERVER)) {
      throw new Error(`No chat server at ${SERVER}: build the chat example in release mode, or name it in CHAT_SERVER.`);
    }
    this.#child = spawn(SERVER, ["--port", String(this.port)], { stdio: ["ignore", "pipe", "inherit"] });
    await listening(this.#child);
  }

  async kill() {
    if (!this.#child) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.exitCode === null && this.#child.kill("SIGKILL")) await gone;
  }
}

function listening(child) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("The server did not say that it listens.")), PATIENCE);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`The server ended with ${code} before it listened.`)));
    // Reading goes on to the end, so that the pipe never fills up.
    createInterface(child.stdout).on("line", (line) => {
      if (!line.includes("listening on")) return;
      clearTimeout(late);
      resolve();
    });
  });
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Waits for a condition that only the test can tell. */
export async function until(isSo) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; await new Promise((next) => setTimeout(next, 30))) {
    if (await isSo()) return;
  }
  throw new Error(`Not so within ${PATIENCE} ms: ${isSo}`);
}

async function launchBrowser() {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`No browser at ${CHROMIUM}: install Chromium (the package "chromium"), or name one in CHROMIUM.`);
  }
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

/** What any page wrote to its console as an error, over the whole run. */
const problems = [];

export function noProblems() {
  assert.deepEqual(problems, []);
}

/** Opens one browser for the cases of a file, with the first of them. */
export function inBrowser() {
  let opening;
  after(async () => (await opening?.catch(() => null))?.close());

  /** A chat for one case alone: its server, and how people come to it. */
  return async function chat(t) {
    opening ??= launchBrowser();
    const browser = await opening;
    const server = new Server();
    const profiles = [];
    t.after(async () => {
      await Promise.all(profiles.map((profile) => profile.close()));
      await server.kill();
    });
    await server.start();

    const open = (name, options) => Person.open(name, server, browser, profiles, options);
    const join = async (name, options) => {
      const person = await open(name, options);
      await person.signIn();
      return person;
    };
    const joinAll = (names, options) => Promise.all(names.map((name) => join(name, options)));
    return { server, open, join, joinAll };
  };
}

/** One person with a browser profile of their own. */
class Person {
  constructor(name, page, transport) {
    this.name = name;
    this.page = page;
    this.transport = transport;
    this.hasBrokenLine = false;
  }

  /**
   * `options`: { room, query, transport (the one expected in the end), setUp (a function run in the
   * page first), wire (a handler for the page's WebSockets), and what a browser context takes }.
   */
  static async open(name, server, browser, profiles, options = {}) {
    const { room = "Rapids", query = "", transport = "websocket", setUp, wire, ...context } = options;
    const profile = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...context });
    profiles.push(profile);
    const page = await profile.newPage();
    page.setDefaultTimeout(PATIENCE);
    const person = new Person(name, page, transport);
    person.#watch();
    if (setUp) await page.addInitScript(setUp);
    if (wire) await page.routeWebSocket("**", wire);
    const hash = new URLSearchParams({ room });
    await page.goto(`${server.address}${query}#${hash}`);
    return person;
  }

  async signIn() {
    await this.askFor(this.name);
    await this.hasEntered();
  }

  /**
   * In the room, and on the transport to stay on: a page closed or loaded again in the middle of
   * the upgrade leaves its session, and with it its name, to the server's ping timeout.
   */
  async hasEntered() {
    await this.page.locator("#log[aria-busy=false]").waitFor();
    await this.seesState(this.transport);
  }

  async askFor(name) {
    await this.page.getByRole("textbox", { name: "Nickname" }).fill(name);
    await this.page.getByRole("button", { name: "Join the chat" }).click();
  }

  #watch() {
    const note = (text) => {
      // The browser itself reports requests that fail while there is no server.
      const isExpected = this.hasBrokenLine && /ERR_|WebSocket connection/.test(text);
      if (!isExpected) problems.push(`${this.name}: ${text}`);
    };
    this.page.on("console", (line) => line.type() === "error" && note(line.text()));
    this.page.on("pageerror", (error) => note(String(error)));
  }

  message(text) {
    return this.page.locator(".message", { hasText: text });
  }

  async write(text) {
    await this.page.locator("#text").fill(text);
    await this.page.locator("#text").press("Enter");
  }

  async say(text) {
    await this.write(text);
    await this.page.locator(".mine[data-delivery=delivered]", { hasText: text }).waitFor();
  }

  sees(text) {
    return this.message(text).waitFor();
  }

  seesState(state) {
    return this.page.locator(`#state[data-state=${state}]`, { hasText: state }).waitFor();
  }

  seesTyping(text) {
    return this.page.waitForFunction((wanted) => document.querySelector(".typing-text").textContent === wanted, text);
  }

  /** Waits until exactly these people are listed in the room. */
  seesPeople(...names) {
    return this.page.waitForFunction((wanted) => {
      const rows = [...document.querySelectorAll("#people .row-name")].map((row) => row.textContent);
      return rows.length === wanted.length && wanted.every((name) => rows.includes(name));
    }, names);
  }

  texts() {
    return this.page.locator(".message .text").allTextContents();
  }

  /** The boxes of the page that could be scrolled sideways. */
  wideBoxes() {
    return this.page.evaluate(() => {
      const boxes = ["html", "body", "#welcome", "#app", "#conversation", "#log", ".head", "#composer", ".panel"];
      return boxes.filter((box) => {
        const { scrollWidth, clientWidth } = document.querySelector(box);
        return scrollWidth > Math.min(clientWidth, innerWidth);
      });
    });
  }

  /** How far the messages could still be scrolled up and down. */
  scrollRange() {
    return this.page.locator("#log").evaluate(({ scrollTop, scrollHeight, clientHeight }) => {
      return { above: Math.round(scrollTop), below: Math.round(scrollHeight - scrollTop - clientHeight) };
    });
  }

  async shot(name) {
    if (!SCREENSHOTS) return;
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: "disabled" });
  }
}
