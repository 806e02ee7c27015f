import { connect } from "#platform";
import { encode, isString } from "./packet.js";

/** One WebSocket; binary packets travel as binary frames. */
export const websocket = (transport, opts, session) => {
  let socket;
  let closed;

  const fail = (error) => transport.fail_("websocket error", error, socket, !socket);

  transport.open_ = async (onopen) => {
    try {
      socket = transport.ws = await connect(transport, opts, session);
      socket.binaryType = "arraybuffer";
      socket.onopen = onopen;
      socket.onmessage = ({ data }) => transport.frame_(data);
      socket.onerror = fail;
      socket.onclose = (context) =>
        transport.end_("transport close", {
          description: "websocket connection closed",
          context,
        });
      if (closed) socket.close();
    } catch (error) {
      // Not before somebody listens.
      await null;
      fail(error);
    }
  };

  transport.send_ = async (packets) => {
    try {
      for (const packet of packets) {
        const asText = isString(packet.data) || opts.forceBase64;
        socket.send(asText ? await encode(packet) : packet.data, packet.options);
      }
      return packets.length;
    } catch (error) {
      fail(error);
    }
  };

  transport.close_ = () => {
    closed = true;
    socket?.close();
  };
};
