import { connect } from "#platform";
import { encode, isString } from "./packet.js";

/** One WebSocket; binary packets travel as binary frames. */
export const websocket = (transport, opts, session) => {
  let socket;

  const fail = (error) => transport.fail_("websocket error", error, socket, !socket);

  transport.open_ = async (onopen) => {
    try {
      socket = transport.ws = connect(transport, opts, session);
      socket.binaryType = "arraybuffer";
      socket.onopen = onopen;
      socket.onmessage = ({ data }) => transport.frame_(data);
      socket.onerror = fail;
      socket.onclose = (context) =>
        transport.end_("transport close", {
          description: "websocket connection closed",
          context,
        });
    } catch (error) {
      // The `await` is for those who only then begin to listen.
      fail(await error);
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

  transport.close_ = () => socket?.close();
};
