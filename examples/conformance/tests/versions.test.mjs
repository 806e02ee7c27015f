// Published clients of several versions against the conformance server (contract B).

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { ask, next, plain, start } from "./support.mjs";

const require = createRequire(import.meta.url);
const VERSIONS = ["2.5", "3.1", "4.0", "4.4", "4.8"];
const TRANSPORTS = [["polling", "websocket"], ["websocket"], ["polling"]];
const WITHIN = { timeout: 20_000 };

let server;
let url;

before(async () => {
  server = await start();
  url = server.url;
});

after(() => server.stop());

for (const version of VERSIONS) {
  for (const transports of TRANSPORTS) {
    describe(`socket.io-client ${version} over ${transports.join(" then ")}`, () => {
      const io = require(`client-${version}`);
      /** Opens a connection, which the test closes. */
      const open = async (t, path = "", options = {}) => {
        const socket = io(url + path, { transports, forceNew: true, ...options });
        t.after(() => socket.close());
        const auth = next(socket, "auth");
        await next(socket, "connect");
        return Object.assign(socket, { hello: await auth });
      };
      const old = version === "2.5";

      test("text, JSON, unicode and binary come back as they were", WITHIN, async (t) => {
        const socket = await open(t);
        const values = ["text", 1.5, null, true, [1, [2]], { "é€😀": { deep: ["\u2028"] } }];
        const binary = { a: [Buffer.from([1, 2, 3]), { b: Buffer.alloc(3000, 7) }] };
        const back = next(socket, "message-back");
        socket.emit("message", ...values, binary);
        assert.deepEqual(plain((await back).slice(0, values.length + 1)), plain([...values, binary]));
      });

      test("acknowledgements go both ways, with binary", WITHIN, async (t) => {
        const socket = await open(t);
        const answer = await ask(socket, "message-with-ack", 1, { x: Buffer.from("bin") });
        assert.deepEqual(plain(answer), plain([1, { x: Buffer.from("bin") }]));
        socket.on("question", (what, ack) => ack("because", Buffer.from(what)));
        const answered = next(socket, "answer");
        socket.emit("ask", "why");
        assert.deepEqual(plain((await answered)[0]), plain(["because", Buffer.from("why")]));
      });

      test("1,000 events arrive in order across an upgrade", WITHIN, async (t) => {
        const socket = await open(t);
        const seen = [];
        const done = new Promise((resolve) => {
          socket.on("n", (n) => seen.push(n) === 1000 && resolve());
        });
        socket.emit("burst-mixed", 1000, "n");
        await done;
        assert.deepEqual(seen, Array.from({ length: 1000 }, (_, n) => n));
      });

      test("namespaces, dynamic ones included, and refusals with data", WITHIN, async (t) => {
        const query = old ? "?token=secret" : "";
        const admin = await open(t, `/admin${query}`, { auth: { token: "secret" } });
        const info = (await ask(admin, "info"))[0];
        assert.equal(info.nsp, "/admin");
        assert.equal(info.protocol, old ? 3 : 4);
        assert.equal(info.sid, admin.id);
        assert.equal((await ask(await open(t, "/dynamic-7"), "info"))[0].nsp, "/dynamic-7");
        assert.deepEqual(await refusal(t, "/admin"), old ? { code: "E_AUTH" } : ["not authorized", { code: "E_AUTH" }]);
        assert.deepEqual(await refusal(t, "/nowhere"), old ? { message: "Invalid namespace" } : ["Invalid namespace", undefined]);
      });

      const refusal = async (t, path) => {
        const socket = io(url + path, { transports, forceNew: true });
        t.after(() => socket.close());
        const [error] = await next(socket, old ? "error" : "connect_error");
        return old ? error : [error.message, error.data];
      };

      test("rooms reach whom they mean, once", WITHIN, async (t) => {
        const room = `room ${version} ${transports}`;
        const [ann, bob, eve] = await Promise.all([open(t), open(t), open(t)]);
        for (const socket of [ann, bob]) await ask(socket, "join", room);
        const heard = [];
        for (const [name, socket] of Object.entries({ ann, bob, eve })) {
          socket.on("hey", (what) => heard.push(`${name} ${what}`));
        }
        await ask(ann, "room-emit", { via: "socket", to: [room, bob.id], event: "hey", args: [1] });
        await ask(ann, "room-emit", { via: "nsp", to: [room], except: [ann.id], event: "hey", args: [2] });
        await Promise.all([ann, bob, eve].map((socket) => ask(socket, "rooms")));
        assert.deepEqual(heard, ["bob 1", "bob 2"]);
        for (const socket of [ann, bob]) socket.on("vote", (ack) => ack(socket.id));
        const [votes] = await ask(ann, "room-ack", { to: [room], event: "vote", args: [], timeout: 5000 });
        assert.deepEqual([votes.error, votes.responses.sort()], [null, [ann.id, bob.id].sort()]);
      });

      test("disconnections have their reasons on both sides", WITHIN, async (t) => {
        const tag = `tag ${version} ${transports}`;
        const path = old ? `/custom?tag=${encodeURIComponent(tag)}` : "/custom";
        const witness = await open(t);
        const leaver = await open(t, path, { auth: { tag } });
        leaver.disconnect();
        const removed = await open(t, path, { auth: { tag } });
        const reason = next(removed, "disconnect");
        removed.emit("server-disconnect", false);
        assert.equal((await reason)[0], "io server disconnect");
        let noted = [];
        while (noted.length < 2) {
          // What an old client says behind the name is said to the main namespace too.
          const all = (await ask(witness, "get-disconnects", tag))[0];
          noted = all.filter((entry) => entry.nsp === "/custom");
        }
        const reasons = noted.map((entry) => entry.reason).sort();
        assert.deepEqual(reasons, ["client namespace disconnect", "server namespace disconnect"]);
      });

      if (version === "4.8") {
        test("a client that was cut off recovers what it has missed", WITHIN, async (t) => {
          const socket = await open(t, "", { reconnectionDelay: 300 });
          const id = socket.id;
          await ask(socket, "set-data", { kept: true });
          await ask(socket, "join", "somewhere");
          const missed = next(socket, "missed");
          socket.emit("later", 100, "missed", "while away");
          await ask(socket, "rooms");
          socket.io.engine.close();
          await next(socket, "connect");
          assert.equal(socket.recovered, true);
          assert.equal((await missed)[0], "while away");
          const [info] = await ask(socket, "info");
          assert.deepEqual([info.sid, info.recovered, info.data], [id, true, { kept: true }]);
          assert.deepEqual(info.rooms, [id, "somewhere"].sort());
        });
      }
    });
  }
}
