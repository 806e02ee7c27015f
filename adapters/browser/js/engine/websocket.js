import { env } from "../env.js";
import { encode, isText, transportError } from "./packet.js";

/** One WebSocket; binary packets travel as binary frames. */
export const websocket = (transport) => {
  let socket;
  let closed;

  const fail = (error) =>
    transport.end_(transportError("websocket error: " + (error.message || ""), error, socket));

  transport.open_ = async () => {
    try {
      socket = await env.connect_(transport.url_(), transport);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => transport.ready_();
      socket.onmessage = ({ data }) => transport.frame_(data);
      socket.onerror = fail;
      socket.onclose = (event) =>
        transport.end_(0, { description: "websocket connection closed", context: event });
      if (closed) socket.close();
    } catch (error) {
      fail(error);
    }
  };

  transport.send_ = async (packets) => {
    transport.writable = false;
    let count = 0;
    try {
      for (const packet of packets) {
        const { data } = packet;
        const text = isText(data) || transport.opts_.forceBase64;
        socket.send(text ? await encode(packet) : data, packet.options);
        count++;
      }
    } catch (error) {
      return fail(error);
    }
    transport.writable = true;
    transport.drain_(count);
  };

  transport.close_ = () => {
    closed = true;
    socket?.close();
  };
};
