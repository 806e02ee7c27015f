import { once } from "node:events";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

/**
 * A server that says what a test tells it to: it opens sessions, joins them to every namespace asked
 * for, and keeps a record of what comes in.
 */
export const scripted = async (t, { frame, handshake, join = true } = {}) => {
  const outbox = [];
  const sockets = new Set();
  let waiting;
  let upgraded;

  const self = {
    /** What each POST held. */
    posts: [],
    /** Requests under way, and the most there were at one time. */
    running: { GET: 0, POST: 0 },
    most: { GET: 0, POST: 0 },
    /** What came over WebSockets. */
    frames: [],
    /** Milliseconds that each POST takes. */
    delay: 0,
    status: 200,
    probe: "3probe",
    /** Called with each frame of either transport. */
    receive: () => {},

    send(...frames) {
      if (upgraded) return frames.forEach((frame) => upgraded.send(frame));
      outbox.push(...frames);
      waiting?.();
    },
  };

  const packet = (frame) => {
    const [, nsp] = /^40(\/[^,]*,)?/.exec(frame) || [];
    if (join && frame.startsWith("40")) self.send(`40${nsp || ""}{"sid":"s${nsp || ""}"}`);
    self.receive(frame);
  };

  const open = (upgrades) => {
    const base = { sid: "e", upgrades, pingInterval: 25000, pingTimeout: 20000, maxPayload: 1e6 };
    return frame ?? "0" + JSON.stringify({ ...base, ...handshake });
  };

  const get = async (request, response) => {
    if (!request.url.includes("sid=")) return response.end(open(["websocket"]));
    if (!outbox.length) await new Promise((resolve) => (waiting = resolve));
    waiting = undefined;
    response.end(outbox.splice(0).join("\x1e"));
  };

  const post = async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    self.posts.push(body);
    if (self.delay) await new Promise((resolve) => setTimeout(resolve, self.delay).unref());
    response.statusCode = self.status;
    response.end(self.status == 200 ? "ok" : "refused");
    if (self.status == 200) body.split("\x1e").forEach(packet);
  };

  const http = createServer((request, response) => {
    const { method } = request;
    self.most[method] = Math.max(self.most[method], ++self.running[method]);
    response.on("close", () => self.running[method]--);
    (method == "POST" ? post : get)(request, response);
  });

  const wss = new WebSocketServer({ server: http });
  wss.on("connection", (ws, request) => {
    sockets.add(ws);
    self.ws = ws;
    if (!request.url.includes("sid=")) {
      upgraded = ws;
      ws.send(open([]));
    }
    ws.on("message", (data, isBinary) => {
      const frame = isBinary ? data : data.toString();
      self.frames.push(frame);
      if (frame == "2probe") {
        ws.send(self.probe);
        // As servers do, so that the client's GET ends.
        self.send("6");
      } else if (frame == "5") {
        upgraded = ws;
        if (outbox.length) self.send(...outbox.splice(0));
      } else if (!isBinary) packet(frame);
    });
  });

  http.listen(0);
  await once(http, "listening");
  t.after(() => {
    for (const ws of sockets) ws.terminate();
    http.closeAllConnections();
    http.close();
  });
  self.url = `http://localhost:${http.address().port}`;
  return self;
};
