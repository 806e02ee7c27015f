// What strangers may do to each of the examples without harm to it or to others.
//
// During each attack, and after it, the example is there, lets newcomers in, and keeps little of what
// comes.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { frame, PollingClient, request, start, upgrade, WebSocketClient, Wire } from "./wire.mjs";

const WITHIN = { timeout: 60_000 };
/** More than any of them needs. The floods send more, or have more sent. */
const MEMORY = 224 << 20;
const ANY_PORT = { env: { PORT: "0" } };

const EXAMPLES = {
  chat: { options: { args: ["--port", "0"] }, clients: [WebSocketClient, PollingClient], isChat: true },
  "blocking-chat": { options: { args: ["--port", "0"] }, clients: [PollingClient], isChat: true },
  embed: { options: { args: ["127.0.0.1:0"] }, clients: [WebSocketClient] },
  conformance: { options: ANY_PORT, clients: [WebSocketClient, PollingClient] },
  "bench-server": { options: ANY_PORT, clients: [WebSocketClient, PollingClient] },
};

/** Connections that are made, used and reset. */
async function each(port, count, use = () => {}) {
  const wires = Array.from({ length: count }, () => new Wire(port));
  await Promise.all(wires.map((wire) => wire.opened()));
  wires.forEach(use);
  return wires;
}

const resetAll = (wires) => wires.forEach((wire) => wire.reset());

/** Clients that send 80 megabytes each, if they are taken, and read nothing. */
async function flood(port, message) {
  const bytes = Buffer.concat(Array(Math.ceil(100_000 / message.length)).fill(message));
  const clients = await Promise.all(Array.from({ length: 5 }, () => WebSocketClient.join(port)));
  return clients.map(({ wire }) => wire.stopReading().pour(bytes, 800));
}

const PLAIN = {
  async "connections that say nothing, or half of something"({ port }) {
    const halves = ["", "G", "GET / HTTP/1.1\r\nHost", "\x16\x03\x01\x02\x00\x01", "\0\0\0\0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
    resetAll(await each(port, 90, (wire, index) => wire.send(halves[index % halves.length])));
  },

  async "heads without measure"({ port }) {
    const long = "x".repeat(300_000);
    const heads = [
      `GET /socket.io/?${long} HTTP/1.1\r\n`,
      `GET / HTTP/1.1\r\nCookie: ${long}\r\n\r\n`,
      `GET / HTTP/1.1\r\n${"A: b\r\n".repeat(50_000)}\r\n`,
      upgrade("", `Sec-WebSocket-Protocol: ${" ".repeat(300_000)}\r\n`),
    ];
    resetAll(await each(port, 20, (wire, index) => wire.send(heads[index % heads.length])));
  },

  async "bodies that are not what they say"({ port }) {
    const post = "POST /socket.io/?EIO=4&transport=polling&sid=unknown HTTP/1.1\r\nHost: test\r\n";
    const bodies = [
      `${post}Content-Length: 1000000000000000\r\n\r\nhello`,
      `${post}Content-Length: -1\r\n\r\nhello`,
      `${post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx`,
      `${post}Transfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(20_000)}`,
      `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n`,
    ];
    resetAll(await each(port, 30, (wire, index) => wire.send(bodies[index % bodies.length])));
  },
};

const POLLING = {
  async "sessions that nobody uses"({ port }) {
    for (const wire of await each(port, 20)) {
      for (let count = 0; count < 25; count += 1) assert.equal((await wire.send(request("GET", "")).answer()).status, 200);
      wire.reset();
    }
  },

  async "events by long-polling whose answers nobody fetches"({ port }) {
    const event = `42${JSON.stringify(["echo", "x".repeat(900)])}`;
    const body = Array(900).fill(event).join("\x1e");
    for (let count = 0; count < 5; count += 1) {
      const client = await PollingClient.join(port);
      for (let posts = 0; posts < 10; posts += 1) client.say(body);
      await client.posts.answer();
      client.leave();
    }
  },
};

const WEBSOCKETS = {
  async "frames that are none"({ port }) {
    const frames = [
      [0x81, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], // two gigabytes
      [0x81, 0x05, 1, 2, 3, 4, 5], // not masked
      [0xf1, 0x80, 0, 0, 0, 0], // with an extension
      [0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0], // a long ping
      [0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe], // not UTF-8
      [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed], // closed with 1005
      [0x80, 0x80, 0, 0, 0, 0], // goes on with nothing
    ];
    for (const bytes of frames) (await WebSocketClient.join(port)).wire.send(Buffer.from(bytes));
    resetAll(await each(port, 10, (wire) => wire.send(Buffer.concat([Buffer.from(upgrade()), Buffer.alloc(10_000)]))));
  },

  async "packets that are none"({ port }) {
    const deep = "[".repeat(50_000);
    const packets = [
      "", "4", "9", "4x", "42", "42[]", "42{}", "42[1", `42${deep}`, `42["echo",${deep}`, "42[null]", "49",
      "4599999999-[\"echo\",{\"_placeholder\":true,\"num\":0}]", "450-[\"echo\"]", "4651-[]",
      "42/nowhere,[\"echo\"]", `42["${"x".repeat(100_000)}"]`, `42${"9".repeat(100_000)}["echo"]`,
      "42[\"connect\"]", "42[\"__proto__\",{\"__proto__\":[]}]", "43123[]", "44{}", "40{\"pid\":1}",
      "451-[\"echo\",{\"_placeholder\":true,\"num\":\"splice\"}]",
    ];
    for (const packet of packets) {
      (await WebSocketClient.join(port)).say(packet);
      (await WebSocketClient.join(port)).say(packet).wire.send(frame(2, Buffer.alloc(1_000)));
    }
  },

  async "pings whose answers nobody reads"({ port }) {
    return flood(port, frame(9, Buffer.alloc(100)));
  },

  async "events whose answers nobody reads"({ port }) {
    return flood(port, frame(1, `42${JSON.stringify(["echo", "x".repeat(900)])}`));
  },

  async "namespaces without end"({ port }) {
    const client = await WebSocketClient.join(port);
    for (let count = 0; count < 2_000; count += 1) client.say(`40/none-${count},{"a":"${"x".repeat(100)}"}`);
    await client.packet("44/none-0,");
  },
};

for (const [name, { options, clients, isChat }] of Object.entries(EXAMPLES)) {
  describe(`${name} under attack`, { concurrency: 1 }, () => {
    const check = async (server, what) => {
      for (const Client of clients) {
        const newcomer = await Client.join(server.port);
        newcomer.leave();
      }
      assert.ok(server.isAlive(), what);
      assert.ok(server.memory() < MEMORY, `${what}: ${server.memory()} bytes`);
    };
    const attacks = {
      ...PLAIN,
      ...(clients.includes(PollingClient) ? POLLING : {}),
      ...(clients.includes(WebSocketClient) ? WEBSOCKETS : {}),
    };

    test("it survives what the catalogue has", WITHIN, async (t) => {
      const server = await start(name, options);
      t.after(() => server.stop());
      for (const [what, attack] of Object.entries(attacks)) {
        const wires = (await attack(server)) ?? [];
        // As long as more of it is taken in.
        const poured = () => wires.reduce((sum, wire) => sum + wire.poured, 0);
        for (let before = -1; before !== poured(); ) {
          before = poured();
          for (let round = 0; round < 5; round += 1) await check(server, what);
        }
        t.diagnostic(`${what}: ${poured()} taken, ${server.memory() >> 20} MiB`);
        resetAll(wires);
      }
    });

    test("it goes on when there were no descriptors left", WITHIN, async (t) => {
      const server = await start(name, { ...options, descriptors: 100 });
      t.after(() => server.stop());
      const wires = await each(server.port, 150, (wire) => wire.send("GET / HTTP/1.1\r\n"));
      resetAll(wires);
      // It learns of their end one by one.
      for (;;) {
        const isLetIn = await clients[0].join(server.port).then((client) => client.leave() ?? true, () => false);
        if (isLetIn) break;
      }
      await check(server, "connections beyond the descriptors");
    });

    if (!isChat) return;
    const [Client] = clients;

    /** Emits and waits for the acknowledgement. */
    const asks = (client, ...event) => {
      const id = (client.asked = (client.asked ?? 0) + 1);
      client.say(`42${id}${JSON.stringify(event)}`);
      return client.packet(`43${id}[`).then((text) => JSON.parse(text.slice(text.indexOf("[")))[0]);
    };
    const person = async (server, called) => {
      const client = await Client.join(server.port);
      assert.equal((await asks(client, "sign in", called)).name, called);
      return client;
    };

    test("entering the room that one is in tells nobody anything", WITHIN, async (t) => {
      const server = await start(name, options);
      t.after(() => server.stop());
      const [ada, bob] = [await person(server, "Ada"), await person(server, "Bob")];
      await asks(ada, "enter", "Lobby");
      await asks(bob, "enter", "Lobby");
      assert.deepEqual(JSON.parse((await ada.packet("42[\"joined\"")).slice(2))[1], { name: "Bob" });
      for (let count = 0; count < 20; count += 1) await asks(bob, "enter", "Lobby");
      await asks(bob, "say", "hello");
      assert.match(await ada.packet("42"), /^42\["message"/);
    });

    test("names are short, can be read, and can be told apart", WITHIN, async (t) => {
      const server = await start(name, options);
      t.after(() => server.stop());
      const [alice, other] = [await person(server, "Alice"), await Client.join(server.port)];
      const names = ["x".repeat(900_000), "", "\u200b", "Al\u200bice", "\u202eecilA", "\u3164", "\u0301", "ALICE", "AIice", "\u0410lice", "Ali\0ce"];
      for (const called of names) assert.ok((await asks(other, "sign in", called)).error, called.slice(0, 20));
      await asks(alice, "enter", "Lobby");
      for (const room of ["y".repeat(900_000), "L0bby", "Lob\u00adby"]) assert.ok((await asks(alice, "enter", room)).error);
      assert.ok((await asks(alice, "say", "z".repeat(900_000))).error);
      assert.ok((await asks(other, "say", "not signed in")).error);
      await check(server, "names");
    });

    test("a flood of a client's waits, and nobody else with it", WITHIN, async (t) => {
      const server = await start(name, options);
      t.after(() => server.stop());
      const [flood, ada, bob] = [await person(server, "Flood"), await person(server, "Ada"), await person(server, "Bob")];
      for (const client of [flood, ada, bob]) await asks(client, "enter", "Lobby");
      const said = `42${JSON.stringify(["say", "x".repeat(1_000)])}`;
      if (Client === PollingClient) flood.say(Array(900).fill(said).join("\x1e"));
      else for (let count = 0; count < 5_000; count += 1) flood.say(said);
      await asks(ada, "say", "still here");
      let heard = 0;
      for (let text = ""; !text.includes("still here"); heard += 1) text = await bob.packet("42[\"message\"");
      assert.ok(heard <= 110, `${heard} messages`);
      flood.leave();
      await check(server, "a flood");
    });
  });
}
