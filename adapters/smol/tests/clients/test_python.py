"""The published Python client against a Sockeye server.

Needs the packages of `requirements.txt`, and the example `peer`, as built by cargo, in the
environment variable SOCKEYE_PEER. Run with `python -m unittest`.
"""

import asyncio
import os
import unittest

import engineio
import socketio

PEER = os.environ["SOCKEYE_PEER"]
PATIENCE = 10
# By default this client gives up on answers to polls that hold more than 16 packets.
engineio.payload.Payload.max_decode_packets = 10_000
TRANSPORTS = (None, ["polling"], ["websocket"])


class Peer:
    """A server of its own for each test."""

    async def start(self, address="127.0.0.1:0"):
        self.process = await asyncio.create_subprocess_exec(
            PEER, address, stdout=asyncio.subprocess.PIPE
        )
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        self.address = line.decode().removeprefix("listening on ").strip()
        return self

    async def stop(self):
        self.process.kill()
        await self.process.wait()


class Client:
    """A client that keeps what it hears."""

    def __init__(self, **options):
        self.io = socketio.AsyncClient(**options)
        self.heard = {}
        self.io.on("disconnect", lambda reason: self._hear("disconnect", reason))
        self.io.on("question", lambda a, b: (a * 2, b + b))

    async def connect(self, peer, transports=None, namespace="/", **options):
        self.io.on("*", self._hear, namespace=namespace)
        await self.io.connect(
            f"http://{peer.address}", transports=transports, namespaces=[namespace], **options
        )
        return self

    async def hear(self, event):
        """Waits for an event; gives its arguments."""
        return await asyncio.wait_for(self._queue(event).get(), PATIENCE)

    def _hear(self, event, *args):
        self._queue(event).put_nowait(list(args))

    def _queue(self, event):
        return self.heard.setdefault(event, asyncio.Queue())


class EachTransport(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.peer = await Peer().start()
        self.clients = []

    async def asyncTearDown(self):
        for client in self.clients:
            await client.io.disconnect()
        await self.peer.stop()

    async def connected(self, transports, **options):
        client = await Client(reconnection=False).connect(self.peer, transports, **options)
        self.clients.append(client)
        return client

    async def test_values_come_back_as_they_were_sent(self):
        for transports in TRANSPORTS:
            client = await self.connected(transports)
            for args in (
                ("hello",),
                ("\u20ac \U0001f642 \u0000", 2, True, None, {"three": [4.5]}),
                (b"\x00\x1e\xff", {"deep": [b"one", {"deeper": b"two"}]}, b"three"),
                ("x" * 500_000,),
            ):
                with self.subTest(transports=transports, args=repr(args)[:60]):
                    await client.io.emit("echo", args)
                    self.assertEqual(await client.hear("echo"), list(args))
                    answer = await client.io.call("ack", args, timeout=PATIENCE)
                    self.assertEqual(answer, args[0] if len(args) == 1 else args)

    async def test_the_server_gets_an_acknowledgement(self):
        for transports in TRANSPORTS:
            with self.subTest(transports=transports):
                client = await self.connected(transports)
                await client.io.emit("ask me", (21, b"ab"))
                self.assertEqual(await client.hear("answered"), [42, b"abab"])

    async def test_rooms_and_broadcasts_reach_whom_they_are_for(self):
        for transports in TRANSPORTS:
            with self.subTest(transports=transports):
                inside, outside = [await self.connected(transports) for _ in range(2)]
                await inside.io.call("join", "kitchen", timeout=PATIENCE)
                await outside.io.call("to room", ("kitchen", "dinner"), timeout=PATIENCE)
                self.assertEqual(await inside.hear("room"), ["dinner"])
                await inside.io.call("to all", b"news", timeout=PATIENCE)
                self.assertEqual(await inside.hear("all"), [b"news"])
                self.assertEqual(await outside.hear("all"), [b"news"])
                await inside.io.call("to others", "secret", timeout=PATIENCE)
                self.assertEqual(await outside.hear("others"), ["secret"])
                await inside.io.call("ack", timeout=PATIENCE)
                self.assertTrue(inside._queue("others").empty())
                self.assertTrue(outside._queue("room").empty())

    async def test_a_namespace_gets_the_credentials(self):
        for transports in TRANSPORTS:
            with self.subTest(transports=transports):
                client = await self.connected(
                    transports, namespace="/custom", auth={"token": "abc"}
                )
                self.assertEqual(await client.hear("auth"), [{"token": "abc"}])

    async def test_a_thousand_messages_arrive_in_order(self):
        for transports in TRANSPORTS:
            with self.subTest(transports=transports):
                client = await self.connected(transports)
                await client.io.emit("numbers", 1000)
                for number in range(1000):
                    await client.io.emit("echo", number)
                for number in range(1000):
                    self.assertEqual(await client.hear("echo"), [number])
                    self.assertEqual(await client.hear("number"), [number])

    async def test_a_client_is_told_that_the_server_disconnects_it(self):
        for transports in TRANSPORTS:
            with self.subTest(transports=transports):
                observer = await self.connected(None)
                client = await self.connected(transports)
                await client.io.emit("kick me")
                self.assertEqual(await client.hear("disconnect"), ["server disconnect"])
                left = await observer.hear("left")
                self.assertEqual(left[1], "server namespace disconnect")

    async def test_a_client_that_disconnects_is_seen_to_leave(self):
        for transports in TRANSPORTS:
            with self.subTest(transports=transports):
                observer = await self.connected(None)
                client = await self.connected(transports)
                await client.io.disconnect()
                left = await observer.hear("left")
                # By WebSocket this client hangs up before it has sent its goodbye.
                self.assertIn(left[1], ("client namespace disconnect", "transport close"))

    async def test_a_client_reconnects_after_a_restart(self):
        for transports in TRANSPORTS:
            with self.subTest(transports=transports):
                first = await Peer().start()
                client = await Client(reconnection_delay=0.02).connect(first, transports)
                await first.stop()
                await client.hear("disconnect")
                again = asyncio.Event()
                client.io.on("connect", again.set)
                second = await Peer().start(first.address)
                await asyncio.wait_for(again.wait(), PATIENCE)
                self.assertEqual(await client.io.call("ack", "back", timeout=PATIENCE), "back")
                await client.io.disconnect()
                await second.stop()
