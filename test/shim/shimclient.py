# SPDX-License-Identifier: Apache-2.0
"""A containerd and a client of ours, small: ttrpc calls, the attach socket, bundles."""

import json
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import time

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
STDIN, STDOUT, STDERR, HELLO, READY, FAILED, RESIZE, EXIT = 0, 1, 2, 16, 17, 18, 19, 20
WANT_IN, WANT_OUT, WANT_ERR = 1, 2, 4
UNKNOWN, NOT_FOUND, EXISTS, INVALID, STATE, UNSUPPORTED = 2, 5, 6, 3, 9, 12


class Messages:
    """Message classes by full name, from the .proto files as they are."""

    def __init__(self):
        files = ["ttrpc/request.proto", "containerd/task/v3/task.proto", "containerd/events/task.proto",
                 "containerd/runc/v1/options.proto", "containerd/types/introspection.proto",
                 "containerd/cgroups/v1.proto", "containerd/cgroups/v2.proto",
                 "containerd/services/events/ttrpc/v1/events.proto", "tare/shim/v1/options.proto",
                 "tare/shim/v1/shim.proto", "containerd/runtime/bootstrap/v1/bootstrap.proto",
                 "containerd/runtimeoptions/v1/options.proto"]
        packed = subprocess.check_output(
            ["protoc", f"-I{PROTO}", "--include_imports", "--descriptor_set_out=/dev/stdout", *files])
        self.pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(packed).file:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)

    def type(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def method(self, service, name):
        method = self.pool.FindServiceByName(service).methods_by_name[name]
        return self.factory.GetPrototype(method.input_type), self.factory.GetPrototype(method.output_type)


MESSAGES = Messages()


class CallError(Exception):
    def __init__(self, status):
        super().__init__(f"{status.code}: {status.message}")
        self.code, self.message = status.code, status.message
        self.reasons = [detail.value.decode() for detail in status.details if detail.type_url == "tare.error.Reason"]


class Connection:
    """A ttrpc connection to a shim."""

    def __init__(self, path, service="containerd.task.v3.Task"):
        self.service, self.stream = service, -1
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.settimeout(60)

    def close(self):
        self.socket.close()

    def send(self, method, **fields):
        """Starts a call; returns what receive needs."""
        described = self.service if self.service.startswith("tare.") else "containerd.task.v3.Task"
        request_type, response_type = MESSAGES.method(described, method)
        request = MESSAGES.type("ttrpc.Request")(
            service=self.service, method=method, payload=request_type(**fields).SerializeToString())
        self.stream += 2
        data = request.SerializeToString()
        self.socket.sendall(struct.pack(">IIBB", len(data), self.stream, 1, 0) + data)
        return self.stream, response_type

    def read_exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                raise ConnectionError("the shim closed the connection")
            data += piece
        return data

    def receive(self, call, timeout=60):
        stream, response_type = call
        self.socket.settimeout(timeout)
        while True:
            length, answered, kind, _ = struct.unpack(">IIBB", self.read_exactly(10))
            response = MESSAGES.type("ttrpc.Response").FromString(self.read_exactly(length))
            if answered != stream:
                continue
            assert kind == 2
            if response.status.code:
                raise CallError(response.status)
            return response_type.FromString(response.payload)

    def call(self, method, **fields):
        return self.receive(self.send(method, **fields))


class Attached:
    """A client of the attach socket."""

    def __init__(self, path, exec_id="", wants=WANT_IN | WANT_OUT | WANT_ERR, ready=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.settimeout(60)
        self.pending, self.exit_code = bytearray(), None
        self.output = {STDOUT: bytearray(), STDERR: bytearray()}
        self.send(HELLO, bytes([wants]) + exec_id.encode())
        if ready:
            kind, payload = self.frame()
            assert kind == READY, (kind, payload)

    def close(self):
        self.socket.close()

    def send(self, kind, payload=b""):
        self.socket.sendall(struct.pack(">B3xI", kind, len(payload)) + payload)

    def frame(self):
        """(type, payload), or None when the shim has closed the connection."""
        while True:
            if len(self.pending) >= 8:
                kind, length = struct.unpack(">B3xI", self.pending[:8])
                if len(self.pending) >= 8 + length:
                    payload = bytes(self.pending[8 : 8 + length])
                    del self.pending[: 8 + length]
                    return kind, payload
            piece = self.socket.recv(65536)
            if not piece:
                return None
            self.pending += piece

    def take(self):
        """Reads one frame into output or exit_code; False at the end."""
        frame = self.frame()
        if frame is None:
            return False
        kind, payload = frame
        if kind == EXIT:
            self.exit_code = struct.unpack(">I", payload)[0]
        else:
            self.output[kind] += payload
        return True

    def read_until(self, words, stream=STDOUT):
        while words not in self.output[stream]:
            assert self.take(), f"ended without {words!r}: {self.output}"

    def read_all(self):
        """(stdout, stderr, exit code) once the shim closes."""
        while self.take():
            pass
        return bytes(self.output[STDOUT]), bytes(self.output[STDERR]), self.exit_code


def spec(args, terminal=False, **more):
    """A small config.json; keyword `linux` is merged."""
    linux = {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]}
    linux.update(more.pop("linux", {}))
    process = {
        "terminal": terminal, "user": {"uid": 0, "gid": 0}, "cwd": "/", "args": args,
        "env": ["PATH=/bin", "TERM=xterm"], "noNewPrivileges": True,
        "capabilities": {kind: ["CAP_KILL", "CAP_SYS_ADMIN"] for kind in ("bounding", "effective", "permitted")},
    }
    process.update(more.pop("process", {}))
    return {
        "ociVersion": "1.0.2", "process": process, "root": {"path": "rootfs"}, "linux": linux,
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
        ], **more}


class Shim:
    """One shim in a directory of its own, as the engine starts it."""

    def __init__(self, program, runtime, directory, lower, environment=None, identity="c1", flags=()):
        self.program, self.runtime, self.lower, self.id = program, runtime, lower, identity
        self.directory = pathlib.Path(directory)
        self.bundle = self.directory / "b"
        self.rootfs = self.bundle / "rootfs"
        self.socket, self.attach_socket = self.directory / "s", self.directory / "a"
        self.log, self.exit_record = self.directory / "log", self.directory / "exit.json"
        self.environment = dict(os.environ, **(environment or {}))
        self.flags = list(flags)
        self.created = False
        for path in ("b/rootfs", "upper", "work", "runtime"):
            (self.directory / path).mkdir(parents=True)
        self.pid = None

    def run(self, action, **more):
        return subprocess.run(
            [self.program, "-namespace", "test", "-id", self.id, "-address", self.directory / "engine.sock",
             *self.flags, *(["-socket", self.socket] if action == "start" else []), action],
            cwd=self.bundle, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, **more)

    def start(self):
        result = self.run("start")
        assert result.returncode == 0, result.stderr
        assert result.stdout.decode() == f"unix://{self.socket}" and result.stderr == b""
        self.pid = self.connect().call("Connect", id=self.id).shim_pid
        return self

    def connect(self, **more):
        return Connection(self.socket, **more)

    def call(self, method, **fields):
        connection = self.connect()
        try:
            return connection.call(method, id=self.id, **fields)
        finally:
            connection.close()

    def options(self, **more):
        fields = dict(runtime=str(self.runtime), runtime_root=str(self.directory / "runtime"), log_path=str(self.log),
                      attach_socket=str(self.attach_socket), exit_record=str(self.exit_record))
        fields.update(more)
        value = MESSAGES.type("tare.shim.v1.Options")(**fields).SerializeToString()
        return {"type_url": "tare.shim.v1.Options", "value": value}

    def mounts(self):
        return [{"type": "overlay", "source": "overlay",
                 "options": [f"lowerdir={self.lower}", f"upperdir={self.directory}/upper", f"workdir={self.directory}/work"]}]

    def create(self, config, options=None, **fields):
        self.bundle.joinpath("config.json").write_text(json.dumps(config))
        fields.setdefault("rootfs", self.mounts())
        fields.setdefault("terminal", config["process"]["terminal"])
        self.created = True
        return self.call("Create", bundle=str(self.bundle), options=options or self.options(), **fields).pid

    def attach(self, exec_id="", **more):
        return Attached(self.attach_socket, exec_id, **more)

    def exec(self, exec_id, args, terminal=False, **more):
        process = {**spec(args, terminal)["process"], **more}
        self.call("Exec", exec_id=exec_id, terminal=terminal,
                  spec={"type_url": "types.containerd.io/opencontainers/runtime-spec/1/Process", "value": json.dumps(process).encode()})

    def run_to_end(self, config, **more):
        """create, attach, start; (stdout, stderr, exit code)."""
        self.create(config, **more)
        client = self.attach()
        self.call("Start")
        result = client.read_all()
        client.close()
        return result

    def log_entries(self, suffix=""):
        return [json.loads(line) for line in open(f"{self.log}{suffix}")]

    def alive(self):
        try:
            return pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def kill(self):
        """SIGKILL of the shim alone."""
        os.kill(self.pid, signal.SIGKILL)
        wait_for(lambda: not self.alive(), "the shim's end")

    def close(self):
        """Ends whatever is left; afterwards nothing of this shim may be on the machine."""
        if self.pid and self.alive():
            try:
                self.call("Kill", signal=9, all=True)
            except (CallError, OSError):
                pass
            try:
                self.call("Wait")
                self.call("Delete")
            except CallError as error:
                assert error.code in (NOT_FOUND, STATE), error
                if error.code == STATE:
                    self.call("Delete")
            self.call("Shutdown")
            wait_for(lambda: not self.alive(), "the shim's end")
        elif self.pid:
            self.run("delete")
        assert not os.path.ismount(self.rootfs), "the rootfs is still mounted"
        assert not self.socket.exists() and not self.attach_socket.exists(), "a socket is left"


def wait_for(condition, what, timeout=60):
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"timed out: {what}"
        time.sleep(0.01)
    return value


def readable(fd, timeout=0):
    return bool(select.select([fd], [], [], timeout)[0])
