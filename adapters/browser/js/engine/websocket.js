import { connect } from "#platform";
import { encode, isText, transportError } from "./packet.js";

/** One WebSocket; binary packets travel as binary frames. */
export const websocket = (transport, opts, session) => {
  let socket;
  let closed;

  const fail = (error) =>
    transport.end_(
      transportError(
        "websocket error" + (error.message ? ": " + error.message : ""),
        error,
        socket,
      ),
    );

  transport.open_ = async (onopen) => {
    try {
      socket = await connect(transport, opts, session);
      socket.binaryType = "arraybuffer";
      socket.onopen = onopen;
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
    for (const packet of packets) {
      const asText = isText(packet.data) || opts.forceBase64;
      socket.send(asText ? await encode(packet) : packet.data, packet.options);
    }
    await null;
    transport.writable = true;
    transport.drain_(packets.length);
  };

  transport.close_ = () => {
    closed = true;
    socket?.close();
  };
};
