// The official server with the events of `../src/main.rs`.
import { Server } from "socket.io";
import { createServer } from "node:http";

const server = createServer();
const io = new Server(server, {
  serveClient: false,
  httpCompression: false,
  pingInterval: Number(process.env.PING_INTERVAL_MS ?? 25_000),
});

io.on("connection", (socket) => {
  socket.on("echo", (payload) => socket.emit("echo", payload));
  socket.on("ack", (payload, reply) => reply(payload));
  socket.on("broadcast", (payload) => io.emit("broadcast", payload));
  socket.on("join", (room, reply) => {
    socket.join(room);
    reply();
  });
  socket.on("room", (room, payload) => io.to(room).emit("room", payload));
  socket.on("bin", (bytes) => socket.emit("bin", bytes));
});

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  const { address, port } = server.address();
  console.log(`listening on ${address}:${port}`);
});
