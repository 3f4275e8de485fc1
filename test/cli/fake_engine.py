# SPDX-License-Identifier: Apache-2.0
"""An engine and a shim that say what a test wants them to: for what a real one says rarely, slowly or never."""

import contextlib
import importlib
import pathlib
import socket
import struct
import subprocess
import sys
import threading
from concurrent import futures

import grpc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"

STDIN, STDOUT, STDERR, HELLO, READY, FAILED, RESIZE, EXIT = 0, 1, 2, 16, 17, 18, 19, 20


def load_messages(directory):
    """The modules container_pb2, image_pb2, system_pb2 and volume_pb2, made by protoc."""
    names = ["container", "image", "system", "volume"]
    files = [f"tare/v1/{name}.proto" for name in names]
    subprocess.run(["protoc", f"-I{PROTO}", f"--python_out={directory}", *files], check=True)
    sys.path.insert(0, str(directory))
    try:
        return {name: importlib.import_module(f"tare.v1.{name}_pb2") for name in names}
    finally:
        sys.path.remove(str(directory))


class Refusal(Exception):
    """A status for the client."""

    def __init__(self, code, text, reason=None):
        super().__init__(text)
        self.code, self.text, self.reason = code, text, reason


class FakeEngine:
    """Serves tare.v1 at socket. on("Containers", "List", function): function(request) returns the response,
    or yields them, or raises Refusal. calls holds (method, request) of all that were made."""

    def __init__(self, messages, socket_path):
        self.messages, self.socket = messages, socket_path
        self.calls, self.functions = [], {}
        self.server = grpc.server(futures.ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers([self._handlers(module) for module in messages.values()])
        self.server.add_insecure_port(f"unix:{socket_path}")
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def on(self, service, method, function):
        self.functions[f"/tare.v1.{service}/{method}"] = function

    def requests(self, method):
        return [request for name, request in self.calls if name.endswith("/" + method)]

    def close(self):
        self.server.stop(None).wait()

    def _handlers(self, module):
        (service,) = module.DESCRIPTOR.services_by_name.values()
        engine = self

        class Handlers(grpc.GenericRpcHandler):
            def service(self, details):
                prefix, name = details.method.rsplit("/", 1)
                method = service.methods_by_name.get(name)
                if prefix != "/" + service.full_name or not method:
                    return None
                return engine._handler(details.method, getattr(module, method.input_type.name), method)

        return Handlers()

    def _handler(self, path, request_type, method):
        streaming = (method.name in ("Pull", "Push", "Save", "Logs", "Events"), method.name == "Load")

        def call(request, context):
            if streaming[1]:  # taken as it comes, like the real one
                self.calls.append((path, taken := []))
                request = (taken.append(message) or message for message in request)
            else:
                self.calls.append((path, request))
            if path not in self.functions:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the fake engine has no {path}")
            try:
                result = self.functions[path](request)
                if streaming[0]:
                    yield from result
                else:
                    yield result
            except Refusal as refusal:
                if refusal.reason:
                    context.set_trailing_metadata([("tare-reason", refusal.reason)])
                context.abort(refusal.code, refusal.text)

        def unary(request, context):
            return next(call(request, context))

        serializers = {"request_deserializer": request_type.FromString, "response_serializer": lambda m: m.SerializeToString()}
        if streaming[0]:
            return grpc.unary_stream_rpc_method_handler(call, **serializers)
        if streaming[1]:
            return grpc.stream_unary_rpc_method_handler(unary, **serializers)
        return grpc.unary_unary_rpc_method_handler(unary, **serializers)


class Peer:
    """The shim's end of one attach connection."""

    def __init__(self, connection):
        self.connection = connection
        self.file = connection.makefile("rb")

    def read(self):
        """(type, payload) of the next frame; None at the end."""
        header = self.file.read(8)
        if len(header) < 8:
            return None
        kind, length = header[0], struct.unpack(">I", header[4:])[0]
        return kind, self.file.read(length)

    def send(self, kind, payload=b""):
        self.connection.sendall(struct.pack(">BxxxI", kind, len(payload)) + payload)

    def welcome(self):
        """Takes the greeting, says READY; returns (flags of streams, exec id), and keeps whether we are to wait."""
        kind, payload = self.read()
        assert kind == HELLO
        self.send(READY)
        self.patient = bool(payload[0] & 0b10000)
        return payload[0] & 0b1111, payload[1:].decode()

    def exit(self, code):
        self.send(EXIT, struct.pack(">I", code))

    def read_input(self):
        """All of standard input up to its end."""
        data = b""
        while True:
            frame = self.read()
            if frame is None or frame == (STDIN, b""):
                return data
            if frame[0] == STDIN:
                data += frame[1]


class FakeShim:
    """Accepts one attach connection and plays script(peer) on it. finish() re-raises what went wrong there."""

    def __init__(self, path, script):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.error = None
        self.thread = threading.Thread(target=self._run, args=(script,), daemon=True)
        self.thread.start()

    def _run(self, script):
        try:
            connection, _ = self.listener.accept()
            connection.settimeout(60)
            with contextlib.closing(connection):
                script(Peer(connection))
        except OSError as error:
            # the client may go at any time; a script that minds checks what it has read
            self.error = error if isinstance(error, TimeoutError) else None
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def finish(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self.listener.close()
        self.thread.join(30)
        if self.error:
            raise self.error
