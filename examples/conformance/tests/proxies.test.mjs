// The servers behind nginx and HAProxy, which keep connections to them open for later requests of
// anybody.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createServer, connect } from "node:net";
import { once } from "node:events";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ask, next, plain, start, startBlocking } from "./support.mjs";

const io = createRequire(import.meta.url)("client-4.8");
const WITHIN = { timeout: 30_000 };
/** The most that a server takes in one body, by default. */
const MAX_PAYLOAD = 1_000_000;

/** How to start each proxy in the foreground. */
const PROXIES = {
  nginx: (folder, port, upstream) => ({
    // Each file of its own below the folder, as whoever starts it may write nowhere else.
    config: `
      daemon off;
      master_process off;
      pid ${folder}/pid;
      error_log ${folder}/error.log;
      events {}
      http {
        access_log off;
        client_body_temp_path ${folder}/body;
        proxy_temp_path ${folder}/proxy;
        fastcgi_temp_path ${folder}/fastcgi;
        uwsgi_temp_path ${folder}/uwsgi;
        scgi_temp_path ${folder}/scgi;
        client_max_body_size 10m;
        map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
        upstream servers { server 127.0.0.1:${upstream}; keepalive 4; }
        server {
          listen 127.0.0.1:${port};
          location / {
            proxy_pass http://servers;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_next_upstream off;
          }
        }
      }`,
    command: (file) => ["nginx", "-c", file, "-e", `${folder}/error.log`],
  }),
  haproxy: (_, port, upstream) => ({
    config: `
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  retries 0
  http-reuse always
  option forwardfor
frontend web
  bind 127.0.0.1:${port}
  default_backend servers
backend servers
  server one 127.0.0.1:${upstream}
`,
    command: (file) => ["haproxy", "-db", "-q", "-f", file],
  }),
};

/** The servers, and the event that each of them acknowledges with its arguments. */
const SERVERS = {
  "the asynchronous server": {
    start,
    echo: "message-with-ack",
    transports: [["polling"], ["websocket"], ["polling", "websocket"]],
  },
  "the blocking server": { start: startBlocking, echo: "ack", transports: [["polling"]] },
};

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Resolves when somebody listens at the port. */
async function listening(port, proxy) {
  for (;;) {
    assert.equal(proxy.exitCode, null, "the proxy has ended");
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      socket.destroy();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Sends a request on a connection of its own, and resolves to status and body. */
async function exchange(url, method, body) {
  const agent = new Agent();
  const sent = request(url, { method, agent });
  sent.end(body);
  const [response] = await once(sent, "response");
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  agent.destroy();
  return [response.statusCode, text];
}

for (const [name, settings] of Object.entries(PROXIES)) {
  for (const [kind, { start, echo, transports }] of Object.entries(SERVERS)) {
    describe(`${kind} behind ${name}`, () => {
      let server;
      let proxy;
      let folder;
      let url;

      before(async () => {
        server = await start();
        folder = mkdtempSync(join(tmpdir(), "sockeye-proxy-"));
        const port = await freePort();
        const { config, command } = settings(folder, port, new URL(server.url).port);
        const file = join(folder, "configuration");
        writeFileSync(file, config);
        const [program, ...args] = command(file);
        proxy = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
        await once(proxy, "spawn");
        await listening(port, proxy);
        url = `http://127.0.0.1:${port}`;
      });

      after(() => {
        proxy?.kill();
        server?.stop();
        rmSync(folder, { recursive: true, force: true });
      });

      /** Opens a Socket.IO connection, which the test closes. */
      const open = async (t, options) => {
        const socket = io(url, { forceNew: true, ...options });
        t.after(() => socket.close());
        await next(socket, "connect");
        return socket;
      };

      const handshake = async () => {
        const [status, text] = await exchange(`${url}/socket.io/?EIO=4&transport=polling`, "GET");
        assert.equal(status, 200);
        return `${url}/socket.io/?EIO=4&transport=polling&sid=${JSON.parse(text.slice(1)).sid}`;
      };

      for (const chosen of transports) {
        test(`twenty clients over ${chosen.join(" then ")}, twice`, WITHIN, async (t) => {
          for (let round = 0; round < 2; round++) {
            const clients = await Promise.all(
              Array.from({ length: 20 }, () => open(t, { transports: chosen })),
            );
            const values = ["text", { deep: ["\u2028😀"] }, Buffer.alloc(30_000, round)];
            const answers = await Promise.all(
              clients.map((socket) => ask(socket, echo, ...values)),
            );
            for (const answer of answers) assert.deepEqual(plain(answer), plain(values));
            // Half of them go without a word.
            clients.forEach((socket, i) => (i % 2 ? socket.disconnect() : socket.io.engine.close()));
          }
        });
      }

      test("requests that are refused spoil no connection of the pool", WITHIN, async () => {
        const polling = `${url}/socket.io/?EIO=4&transport=polling`;
        for (let round = 0; round < 10; round++) {
          const session = await handshake();
          const refused = [
            [400, `${polling}&sid=nobody`, "POST", "4".padEnd(round * 30_000 + 1, "x")],
            [400, `${polling}&sid=nobody`, "GET"],
            [400, `${url}/socket.io/?EIO=4&transport=carrier-pigeon`, "GET"],
            [400, session, "DELETE"],
            [413, session, "POST", "4".padEnd(MAX_PAYLOAD + 1 + round * 100_000, "x")],
          ];
          for (const [status, ...what] of refused) {
            assert.equal((await exchange(...what))[0], status, what.slice(0, 2).join(" "));
            assert.equal((await exchange(polling, "GET"))[0], 200);
          }
        }
      });

      test("a client that leaves while its poll is held takes nobody along", WITHIN, async (t) => {
        const stays = await open(t, { transports: ["polling"] });
        for (let round = 0; round < 10; round++) {
          const session = await handshake();
          assert.deepEqual(await exchange(session, "POST", "40"), [200, "ok"]);
          // The answers to CONNECT; the poll after them is held.
          await exchange(session, "GET");
          const held = request(session, { agent: new Agent() });
          held.on("error", () => {});
          held.end();
          await once(held, "socket");
          await ask(stays, echo, round);
          held.destroy();
          assert.deepEqual(await ask(stays, echo, round), [round]);
        }
      });
    });
  }
}
