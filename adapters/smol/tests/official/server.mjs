// The official server with the events that `tests/client` expects: `node server.mjs 3000`.

import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, {
  pingInterval: 300,
  pingTimeout: 500,
  connectionStateRecovery: {},
});

function events(socket) {
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("ack", (...args) => {
    const answer = args.pop();
    answer(...args);
  });
  socket.on("swallow", () => {});
  socket.on("ask me", async (...args) => {
    const answer = await new Promise((resolve) => {
      socket.emit("question", ...args, (...answer) => resolve(answer));
    });
    socket.emit("answered", ...answer);
  });
  socket.on("numbers", (count) => {
    for (let n = 0; n < count; n += 1) {
      socket.emit("number", n);
    }
  });
  socket.on("transport", (answer) => answer(socket.conn.transport.name));
  socket.on("kick me", () => socket.disconnect());
  // The connection breaks, and then something is sent to those who were in the room.
  socket.on("cut me off", (room, words) => {
    socket.join(room);
    socket.emit("joined");
    setTimeout(() => {
      socket.conn.close();
      setTimeout(() => words.forEach((word) => io.to(room).emit("word", word)), 50);
    }, 50);
  });
}

io.on("connection", events);
io.of("/custom").on("connection", (socket) => {
  socket.emit("auth", socket.handshake.auth);
  events(socket);
});
io.of("/watched").on("connection", (socket) => {
  socket.on("tell", (n) => socket.broadcast.emit("told", n));
  socket.on("disconnect", (reason) => socket.broadcast.emit("gone", reason));
});
io.of("/secret").use((socket, next) => {
  const error = new Error("not authorized");
  error.data = { code: 7 };
  next(socket.handshake.auth.token === "let me in" ? undefined : error);
});

http.listen(Number(process.argv[2]), "127.0.0.1", () => {
  console.log(`listening on ${http.address().port}`);
});
