"""The published Python clients, the one with threads and the one for asyncio, against the
conformance server (contract B).

Needs the packages of `requirements.txt` and the server, as built by cargo in release mode or named
by the environment variable CONFORMANCE_SERVER. Run with `python -m unittest`.
"""

import asyncio
import os
import pathlib
import queue
import subprocess
import threading
import unittest
import warnings

import engineio
import socketio

ROOT = pathlib.Path(__file__).resolve().parents[3]
SERVER = os.environ.get("CONFORMANCE_SERVER", ROOT / "target/release/sockeye-conformance")
PATIENCE = 10
# By default these clients give up on answers to polls that hold more than 16 packets.
engineio.payload.Payload.max_decode_packets = 10_000
LOOP = asyncio.new_event_loop()
TRANSPORTS = {"upgrade": None, "websocket": ["websocket"], "polling": ["polling"]}


def in_loop(coroutine):
    """Runs what an asyncio client does where the thread of a test can wait for it."""
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result(2 * PATIENCE)


KINDS = {
    "threads": (lambda **options: socketio.Client(handle_sigint=False, **options), lambda it: it),
    "asyncio": (lambda **options: socketio.AsyncClient(handle_sigint=False, **options), in_loop),
}


def complain(loop, context):
    if not context["message"].startswith("Unclosed"):
        loop.default_exception_handler(context)


def setUpModule():
    global server
    # Where a connection fails, these clients forget to close what is beneath it.
    warnings.simplefilter("ignore", ResourceWarning)
    LOOP.set_exception_handler(complain)
    threading.Thread(target=LOOP.run_forever, daemon=True).start()
    server = Server()


def tearDownModule():
    server.stop()


class Server:
    def __init__(self, port=0):
        try:
            self.process = subprocess.Popen(
                [SERVER],
                env={**os.environ, "CONTRACT": "b", "PORT": str(port)},
                stdout=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise SystemExit(f"{error}; build the server, or set CONFORMANCE_SERVER") from error
        self.port = int(self.process.stdout.readline().rpartition(":")[2])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Client:
    """A client of either kind that keeps what it hears."""

    def __init__(self, kind, transports, **options):
        make, self.run = KINDS[kind]
        self.io = make(**options)
        self.transports = transports
        self.heard = {}

    def connect(self, *namespaces, query="", to=None, **options):
        self.namespaces = namespaces or ("/",)
        for namespace in self.namespaces:
            for event in ("connect", "disconnect", "connect_error"):
                self.io.on(event, self._listener(namespace, event), namespace)
            # Servers that recover sessions add an offset to what wants no answer.
            self.io.on("*", lambda event, *args, n=namespace: self._put(n, event, args), namespace)
        self.io.on("question", lambda *args: args[::-1], self.namespaces[0])
        url = (to or server).url + query
        connecting = self.io.connect(
            url, transports=self.transports, namespaces=list(self.namespaces), **options
        )
        self.run(connecting)
        return self

    def answers(self, event, answer):
        """Acknowledges an event of that name with an answer, later ones too."""
        self.io.on(event, lambda *_: answer, self.namespaces[0])

    def keeps_waiting(self, event):
        """Acknowledges an event only when the event that is returned is set."""
        released = threading.Event()

        async def wait(*_):
            await asyncio.to_thread(released.wait, PATIENCE)

        asynchronous = isinstance(self.io, socketio.AsyncClient)
        waiter = wait if asynchronous else lambda *_: released.wait(PATIENCE)
        self.io.on(event, waiter, self.namespaces[0])
        return released

    @property
    def sid(self):
        return self.io.get_sid(self.namespaces[0])

    def emit(self, event, *args, namespace=None):
        self.run(self.io.emit(event, args, namespace or self.namespaces[0]))

    def call(self, event, *args, namespace=None, timeout=PATIENCE):
        where = namespace or self.namespaces[0]
        return self.run(self.io.call(event, args, namespace=where, timeout=timeout))

    def disconnect(self):
        self.run(self.io.disconnect())

    def hear(self, event, count, namespace=None):
        """Waits for an event; gives that many of its arguments."""
        waiting = self._queue(namespace or self.namespaces[0], event)
        return list(waiting.get(timeout=PATIENCE)[:count])

    def has_heard(self, event, namespace=None):
        return not self._queue(namespace or self.namespaces[0], event).empty()

    def _listener(self, namespace, event):
        return lambda *args: self._put(namespace, event, args)

    def _put(self, namespace, event, args):
        self._queue(namespace, event).put(args)

    def _queue(self, namespace, event):
        return self.heard.setdefault((namespace, event), queue.Queue())


class Contract:
    """What holds for each kind of client on each transport."""

    def client(self, **options):
        client = Client(self.kind, TRANSPORTS[self.transport], reconnection=False, **options)
        self.addCleanup(client.disconnect)
        return client

    def connected(self, *namespaces, **options):
        return self.client().connect(*namespaces, **options)

    def refused(self, namespace, **options):
        """Gives the reason for which a namespace is refused."""
        client = self.client()
        with self.assertRaises(socketio.exceptions.ConnectionError):
            client.connect(namespace, **options)
        return client.hear("connect_error", 1)[0]

    def departures(self, tag, count):
        """Waits until that many departures are noted; gives their reasons."""
        witness = self.connected()
        while True:
            noted = witness.call("get-disconnects", tag)
            if len(noted) >= count:
                return [entry["reason"] for entry in noted]

    def test_it_is_known_to_the_server(self):
        client = self.connected("/custom", query="/?who=me", auth={"token": "abc"})
        self.assertEqual(client.hear("auth", 1), [{"token": "abc"}])
        client.call("set-data", {"kept": [1, None]})
        info = client.call("info")
        expected = "polling" if self.transport == "polling" else "websocket"
        self.assertEqual(info["transport"], expected)
        self.assertEqual(info["sid"], client.sid)
        self.assertEqual(info["rooms"], [client.sid])
        self.assertEqual((info["nsp"], info["protocol"]), ("/custom", 4))
        self.assertEqual((info["query"], info["auth"]), ({"who": "me"}, {"token": "abc"}))
        self.assertEqual((info["data"], info["recovered"]), ({"kept": [1, None]}, False))

    def test_values_come_back_as_they_were_sent(self):
        client = self.connected()
        for args in (
            (),
            ("hello",),
            ("\u20ac \U0001f642 \u0000\u2028", 2, -1.5, True, None, {"three": [{}, []]}),
            (b"\x00\x1e\xff", {"deep": [b"one", {"deeper": b""}]}, b"three"),
            ("x" * 500_000,),
        ):
            with self.subTest(args=repr(args)[:60]):
                client.emit("message", *args)
                self.assertEqual(client.hear("message-back", len(args)), list(args))

    def test_the_server_acknowledges(self):
        client = self.connected()
        for args in (("one",), ([1, {"x": b"bin"}],), (1, b"\x00\xff", {"y": None})):
            answer = client.call("message-with-ack", *args)
            self.assertEqual(answer, args[0] if len(args) == 1 else args)
        self.assertEqual(client.call("slow-ack", 30, "late"), "late")
        self.assertEqual(client.call("double-ack"), "first")
        with self.assertRaises(socketio.exceptions.TimeoutError):
            client.call("never-ack", timeout=0.05)

    def test_it_acknowledges_to_the_server(self):
        client = self.connected()
        client.emit("ask", 21, {"deep": b"ab"}, b"c")
        self.assertEqual(client.hear("answer", 1), [[b"c", {"deep": b"ab"}, 21]])
        timed_out = {"error": "operation has timed out"}
        released = client.keeps_waiting("unanswered")
        client.emit("ask-timeout", 30)
        self.assertEqual(client.hear("ask-timeout-result", 1), [timed_out])
        released.set()
        client.answers("unanswered", "here I am")
        client.emit("ask-timeout", 5000)
        self.assertEqual(client.hear("ask-timeout-result", 1), [{"error": None}])

    def test_binary_keeps_its_bytes(self):
        client = self.connected()
        data = bytes(range(256)) * 2000
        expected = {"binary": True, "length": len(data), "sum": sum(data) % 65536}
        self.assertEqual(client.call("bin-info", data), expected)
        self.assertEqual(client.call("bin-info", "text")["binary"], False)
        pattern = bytes(range(251)) * 2000
        self.assertEqual(client.call("get-bin", len(pattern)), pattern)
        client.emit("send-bin", 300)
        self.assertEqual(client.hear("bin", 1), [pattern[:300]])
        # As many as servers let into one packet.
        client.emit("many", 10)
        self.assertEqual(client.hear("many-back", 1), [[bytes([i]) for i in range(10)]])

    def test_a_thousand_events_arrive_in_order(self):
        client = self.connected()
        client.emit("burst-mixed", 1000, "n")
        for i in range(1000):
            expected = [i, bytes([i % 256])] if i % 2 else [i]
            self.assertEqual(client.hear("n", len(expected)), expected)
        client.emit("volatile-burst", 10, "v")
        self.assertEqual(client.hear("volatile-done", 1), [10])

    def test_namespaces_share_a_connection_and_are_kept_apart(self):
        client = self.connected("/", "/custom", "/dynamic-5")
        sids = {client.io.get_sid(name) for name in client.namespaces}
        self.assertEqual(len(sids), 3)
        for name in client.namespaces:
            self.assertEqual(client.call("info", namespace=name)["nsp"], name)
            client.emit("message", name, b"bytes", namespace=name)
        for name in client.namespaces:
            self.assertEqual(client.hear("message-back", 2, name), [name, b"bytes"])
            self.assertFalse(client.has_heard("message-back", name))
        client.emit("server-disconnect", False, namespace="/custom")
        client.hear("disconnect", 1, "/custom")
        self.assertEqual(client.call("message-with-ack", "still here"), "still here")

    def test_middlewares_refuse_with_a_message_and_data(self):
        unauthorized = {"message": "not authorized", "data": {"code": "E_AUTH"}}
        self.assertEqual(self.refused("/admin"), unauthorized)
        self.assertEqual(self.refused("/admin", auth={"token": "guessed"}), unauthorized)
        admin = self.connected("/admin", auth={"token": "secret"})
        self.assertEqual(admin.call("info")["nsp"], "/admin")
        rejected = {"message": "rejected by middleware"}
        rejected["data"] = {"code": "E_REJECT", "list": [1, "two"]}
        self.assertEqual(self.refused("/", auth={"reject": True}), rejected)
        self.assertEqual(self.refused("/", query="/?reject=1"), rejected)
        self.assertEqual(self.refused("/plain-error"), {"message": "no data here"})
        for name in ("/nowhere", "/dynamic-", "/dynamic-x"):
            self.assertEqual(self.refused(name), {"message": "Invalid namespace"})
        with self.assertRaises(socketio.exceptions.ConnectionError):
            self.client().connect(query="/?deny=1")

    def test_catch_all_listeners_and_packet_middlewares_see_events(self):
        client = self.connected()
        client.emit("any-thing", 1, {"two": b"2"})
        self.assertEqual(client.hear("any-seen", 2), ["any-thing", [1, {"two": b"2"}]])
        client.emit("forbidden", "fruit")
        self.assertEqual(client.hear("middleware-error", 1), ["forbidden event"])
        client.emit("later", 10, "soon", "x", b"y")
        self.assertEqual(client.hear("soon", 2), ["x", b"y"])

    def test_rooms_reach_whom_they_mean_once(self):
        ann, bob, eve = clients = [self.connected("/custom") for _ in range(3)]
        room = self.id()
        for member in (ann, bob):
            member.call("join", room)
        self.assertEqual(ann.call("rooms"), sorted([ann.sid, room]))
        self.assertEqual(eve.call("sockets", room), sorted([ann.sid, bob.sid]))
        said = {"event": "hey", "to": [room, bob.sid]}
        ann.call("room-emit", {**said, "via": "socket", "args": [1, b"1"]})
        ann.call("room-emit", {**said, "via": "nsp", "args": [2], "except": [bob.sid]})
        ann.call("room-emit", {"event": "hey", "via": "socket", "args": [3], "except": [room]})
        bob.call("leave", room)
        eve.call("room-emit", {**said, "to": [room], "via": "nsp", "args": [4]})
        for client, heard in ((ann, [[2], [4]]), (bob, [[1, b"1"]]), (eve, [[3]])):
            for args in heard:
                self.assertEqual(client.hear("hey", len(args)), args)
        for client in clients:
            client.call("rooms")
            self.assertFalse(client.has_heard("hey"))

    def test_broadcasts_gather_answers(self):
        room = self.id()
        clients = [self.connected() for _ in range(3)]
        for number, client in enumerate(clients):
            client.answers("vote", number)
            client.call("join", room)
        vote = {"event": "vote", "to": [room], "args": ["?", b"bin"], "timeout": 5000}
        votes = clients[0].call("room-ack", vote)
        self.assertEqual((votes["error"], sorted(votes["responses"])), (None, [0, 1, 2]))
        released = clients[2].keeps_waiting("vote")
        votes = clients[0].call("room-ack", {**vote, "timeout": 100})
        released.set()
        self.assertEqual(votes["error"], "operation has timed out")
        self.assertEqual(sorted(votes["responses"]), [0, 1])
        nobody = clients[0].call("room-ack", {**vote, "to": ["empty"]})
        self.assertEqual(nobody, {"error": None, "responses": []})

    def test_whole_rooms_are_moved_and_disconnected(self):
        ann, bob = [self.connected() for _ in range(2)]
        first, second = self.id(), self.id() + " too"
        bob.call("join", first)
        ann.call("sockets-join", first, second)
        self.assertEqual(ann.call("sockets", second), [bob.sid])
        ann.call("sockets-leave", second, first)
        self.assertEqual(bob.call("rooms"), sorted([bob.sid, second]))
        ann.emit("sockets-disconnect", second, False)
        bob.hear("disconnect", 1)
        self.assertEqual(ann.call("sockets", second), [])

    def test_each_side_learns_why_the_other_left(self):
        tag = self.id()
        ends = (
            # By WebSocket these clients may hang up before they have sent their goodbye.
            (lambda it: it.disconnect(), {"client namespace disconnect", "transport close"}),
            (lambda it: it.emit("server-disconnect", False), {"server namespace disconnect"}),
            (lambda it: it.emit("server-disconnect", True), {"server namespace disconnect"}),
            (lambda it: it.emit("server-kill"), {"forced close"}),
        )
        for count, (end, expected) in enumerate(ends, 1):
            client = self.connected("/custom", auth={"tag": tag})
            end(client)
            client.hear("disconnect", 1)
            self.assertIn(self.departures(tag, count)[-1], expected)

    def test_it_comes_back_after_a_restart(self):
        first = Server()
        transports = TRANSPORTS[self.transport]
        client = Client(self.kind, transports, reconnection_delay=0.02, randomization_factor=0)
        self.addCleanup(client.disconnect)
        client.connect(to=first)
        client.hear("connect", 0)
        first.stop()
        client.hear("disconnect", 0)
        second = Server(first.port)
        self.addCleanup(second.stop)
        client.hear("connect", 0)
        self.assertEqual(client.call("message-with-ack", "back"), "back")


for kind in KINDS:
    for transport in TRANSPORTS:
        name = f"{kind.title()}{transport.title()}"
        members = {"kind": kind, "transport": transport, "__module__": __name__}
        globals()[name] = type(name, (Contract, unittest.TestCase), members)

if __name__ == "__main__":
    unittest.main()
