# SPDX-License-Identifier: Apache-2.0
"""Class I, and what G, J and L ask of the engine's socket: who may come in, what names may hold, how much may be said,
and that one namespace of containerd's services is no way into another."""

import hashlib
import importlib
import io
import json
import os
import stat
import subprocess
import sys
import tarfile

import grpc
import pytest

import containerd_api
from cli import fake_engine

DIGEST = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def tare(temporary):
    """The messages of tare.v1."""
    (temporary / "api-messages").mkdir()
    return fake_engine.load_messages(temporary / "api-messages")


@pytest.fixture(scope="module")
def containerd(temporary):
    """Those of containerd's services, by name."""
    directory = temporary / "api-containerd"
    directory.mkdir()
    return containerd_api.load_messages(directory)


@pytest.fixture(scope="module")
def channel(engine):
    with grpc.insecure_channel(f"unix:{engine.socket}") as channel:
        yield channel


class Service:
    """call(method, **fields) of one service; in a namespace of containerd's."""

    def __init__(self, channel, module, name, space=None, lease=None):
        self.channel, self.module = channel, module
        self.service = module.DESCRIPTOR.services_by_name[name]
        self.metadata = [("containerd-namespace", space)] if space else []
        self.metadata += [("containerd-lease", lease)] if lease else []

    def __call__(self, method, **fields):
        about = self.service.methods_by_name[method]
        request = getattr(self.module, about.input_type.name)(**fields)
        streams = about.containing_service and method in ("Pull", "Push", "Save", "Logs", "Changes", "Export") or (
            method in ("List", "Read") and self.service.full_name.startswith("containerd.services.content")) or (
            method == "List" and self.service.full_name.startswith("containerd.services.snapshots"))
        path = f"/{self.service.full_name}/{method}"
        answer = importlib.import_module("google.protobuf.empty_pb2").Empty
        if about.output_type.full_name != "google.protobuf.Empty":
            answer = getattr(self.module, about.output_type.name)
        if method == "Write":
            call = self.channel.stream_stream(path, request.__class__.SerializeToString, answer.FromString)
            return list(call(iter([request]), timeout=60, metadata=self.metadata))
        if streams:
            call = self.channel.unary_stream(path, request.__class__.SerializeToString, answer.FromString)
            return list(call(request, timeout=60, metadata=self.metadata))
        call = self.channel.unary_unary(path, request.__class__.SerializeToString, answer.FromString)
        return call(request, timeout=60, metadata=self.metadata)

    def refused(self, method, *codes, **fields):
        """It is, with one of these codes, in a line that no terminal obeys."""
        with pytest.raises(grpc.RpcError) as failure:
            self(method, **fields)
        assert failure.value.code() in codes, (method, fields, failure.value)
        assert failure.value.details().isprintable(), failure.value.details()
        return failure.value.details()


def names_around(engine):
    """Where a path with ".." in it would lead: what is beside the engine's directories, in them, and among containers."""
    places = (engine.directory, engine.root, engine.state, engine.root / "containers")
    return {str(place / name) for place in places if place.exists() for name in os.listdir(place)}


INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


def test_nobody_else_reaches_the_sockets(engine, busybox):
    engine.tare("run", "-d", "--name", "listens", "--network", "none", busybox, "sleep", "1000")
    try:
        assert stat.S_IMODE(os.stat(engine.socket).st_mode) & ~0o660 == 0
        for directory in (engine.root, engine.state):
            assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700 and os.stat(directory).st_uid == 0
        sockets = [path for path in engine.state.rglob("*") if path.is_socket()]
        assert engine.socket in sockets
        for path in sockets:
            assert path == engine.socket or stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path
        script = "import socket, sys; s = socket.socket(socket.AF_UNIX); sys.exit(s.connect_ex(sys.argv[1]))"
        told = subprocess.run([sys.executable, "-c", script, engine.socket], user=65534, group=65534, extra_groups=[])
        assert told.returncode == 13, "EACCES"
    finally:
        engine.tare("rm", "-f", "listens")


def test_a_group_that_is_named_is_the_gate(new_engine):
    """Its members may; the mode is never wider, and without a name the socket is root's."""
    engine = new_engine({"group": "nogroup"}).start()
    status = os.stat(engine.socket)
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o660, 0, 65534)
    assert stat.S_IMODE(os.stat(engine.state).st_mode) == 0o700


NAMES = ("../x", "..", "a/../../b", "/etc/passwd", "x/y", "-rf", ".hidden", "a\nb", "a b", "\x1b[2J", "a\x9b", "é", "%s%n", "a" * 256, "\x7f", "a:b", "*")


def test_names_of_containers(engine, tare, channel, busybox):
    containers = Service(channel, tare["container"], "Containers")
    before = names_around(engine)
    for name in NAMES:
        if name != "-rf":
            engine.fails(1, "Invalid container name", "create", "--name", name, busybox)
        containers.refused("Create", INVALID, image=busybox, name=name)
        containers.refused("Inspect", NOT_FOUND, INVALID, container=name)
        containers.refused("Attach", NOT_FOUND, INVALID, container=name)
        containers.refused("ExecStart", NOT_FOUND, INVALID, container=name, exec_id="../../../x")
        containers.refused("Remove", NOT_FOUND, INVALID, container=name)
    assert engine.output("ps", "-aq") == ""
    assert not names_around(engine) - before


REFERENCES = (
    "../../etc/passwd", "a/../b", "/etc/passwd", "a//b", "UPPER", "a:b:c", "a@sha256:../../x", "a@sha256:" + "0" * 63, "a:..%2f",
    "a\nb", "\x1b[31m", "a b", "a:" + "t" * 129, "sha256:../x", "http://a/b", "a@" + DIGEST + "/..", "x" * 5000, "",
)


def test_references_of_images(engine, tare, channel, busybox):
    images = Service(channel, tare["image"], "Images")
    containers = Service(channel, tare["container"], "Containers")
    before = engine.output("images", "-a", "--digests", "--no-trunc")
    for name in REFERENCES:
        images.refused("Tag", INVALID, source=busybox, target=name)
        images.refused("Inspect", NOT_FOUND, INVALID, image=name)
        images.refused("Remove", NOT_FOUND, INVALID, image=name)
        images.refused("Pull", NOT_FOUND, INVALID, reference=name)
        images.refused("Save", NOT_FOUND, INVALID, names=[name])
        containers.refused("Create", NOT_FOUND, INVALID, image=name)
    assert engine.output("images", "-a", "--digests", "--no-trunc") == before


def test_paths_and_words_of_a_container(engine, tare, channel, busybox):
    """Each is refused when the container is created; nothing is left of it."""
    containers = Service(channel, tare["container"], "Containers")
    mount = tare["container"].Mount
    for fields in (
        {"mounts": [mount(source="relative", target="/x")]}, {"mounts": [mount(source="/tmp", target="../x")]},
        {"mounts": [mount(source="/tmp", target="/..")]}, {"mounts": [mount(source="/tmp", target="/x/../..")]},
        {"working_directory": "../x"}, {"hostname": "a\n127.0.0.1 evil"}, {"hostname": "a#b"}, {"user": "a\nb"}, {"stop_signal": "../9"},
        {"runtime": "../evil"}, {"runtime": "evil"}, {"log_driver": "../x"},
        {"capabilities_add": ["../x"]}, {"storage_options": ["size=../x"]}, {"log_options": ["max-size=../x"]},
    ):
        containers.refused("Create", INVALID, NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED, image=busybox, command=["true"], **fields)
    assert engine.output("ps", "-aq") == ""


def test_a_message_has_an_end(engine, tare, channel, busybox):
    containers = Service(channel, tare["container"], "Containers")
    containers.refused("Create", EXHAUSTED, INVALID, image=busybox, command=["x" * (3 << 20)])
    containers.refused("Create", EXHAUSTED, INVALID, image=busybox, command=["x" * (64 << 20)])
    containers.refused("Create", EXHAUSTED, INVALID, image=busybox, labels=["x=" + "y" * 318] * (1 << 14))
    raw = channel.unary_unary("/tare.v1.Containers/List")
    for message in (b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a" * 100_001, bytes(range(256))):
        with pytest.raises(grpc.RpcError) as failure:
            raw(message, timeout=60)
        assert failure.value.code() in (INVALID, grpc.StatusCode.INTERNAL), message[:8]
    for path in ("/", "/tare.v1.Containers/", "/tare.v1.Containers/../List", "//", "/tare.v1.Containers/List/x"):
        with pytest.raises(grpc.RpcError) as failure:
            channel.unary_unary(path)(b"", timeout=60)
        assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert engine.process.poll() is None and engine.output("ps", "-aq") == ""


def test_lists_obey_nobody(engine, busybox):
    """What a container is told to run and how it is labelled are the user's words: shown, never obeyed."""
    assert len(engine.tare("ps", "-a").stdout.splitlines()) == 1
    evil = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\x7f"
    engine.tare("create", "--name", "evil", "--label", f"a={evil}", "--network", "none", busybox, "echo", evil)
    try:
        for arguments in (("ps", "-a"), ("ps", "-a", "--no-trunc"), ("ps", "-a", "--format", "table {{.Command}}\t{{.Labels}}\t{{.Label \"a\"}}")):
            lines = engine.tare(*arguments).stdout.split("\n")
            assert len(lines) == 3, lines
            assert all(ord(character) >= 32 and not 0x7f <= ord(character) < 0xa0 for line in lines for character in line), lines
        assert json.loads(engine.output("inspect", "evil"))[0]["Config"]["Cmd"] == ["echo", evil]
    finally:
        engine.tare("rm", "-f", "evil")


def test_a_namespace_does_not_reach_another(engine, containerd, channel):
    def service(name, space, lease=None):
        return Service(channel, containerd[name], name.capitalize(), space, lease)

    secret = b"of one alone"
    digest = "sha256:" + hashlib.sha256(secret).hexdigest()
    service("leases", "one")("Create", id="mine")
    service("content", "one", "mine")("Write", action=2, ref="part", total=len(secret), expected=digest, data=secret)
    service("snapshots", "one", "mine")("Prepare", snapshotter="overlayfs", key="tree")
    service("images", "one")("Create", image={"name": "picture", "target": {"digest": digest, "size": len(secret), "media_type": "text/plain"}})
    try:
        for space in ("two", "moby", "default"):
            content, snapshots = service("content", space), service("snapshots", space)
            assert digest not in [info.digest for answer in content("List") for info in answer.info]
            content.refused("Info", NOT_FOUND, digest=digest)
            content.refused("Read", NOT_FOUND, digest=digest)
            content.refused("Delete", NOT_FOUND, digest=digest)
            assert "tree" not in [info.name for answer in snapshots("List", snapshotter="overlayfs") for info in answer.info]
            for method in ("Mounts", "Stat", "Remove", "Usage"):
                snapshots.refused(method, NOT_FOUND, snapshotter="overlayfs", key="tree")
            snapshots.refused("Prepare", NOT_FOUND, snapshotter="overlayfs", key="child", parent="tree")
            assert [lease.id for lease in service("leases", space)("List").leases if lease.id == "mine"] == []
            service("leases", space).refused("ListResources", NOT_FOUND, id="mine")
            service("leases", space).refused("Delete", NOT_FOUND, id="mine")
            service("images", space).refused("Get", NOT_FOUND, name="picture")
            service("images", space).refused("Delete", NOT_FOUND, name="picture")
        assert service("content", "one")("Read", digest=digest)[0].data == secret
        assert service("snapshots", "one")("Stat", snapshotter="overlayfs", key="tree").info.name == "tree"
        for space in ("..", "../one", "one/../two", "/", "", "x" * 300, ".one", "one/two"):
            service("content", space or None).refused("List", INVALID, grpc.StatusCode.FAILED_PRECONDITION)
    finally:
        service("images", "one")("Delete", name="picture")
        service("snapshots", "one")("Remove", snapshotter="overlayfs", key="tree")
        service("leases", "one")("Delete", id="mine")


ODD_KEYS = ("../../x", "..", "/etc", "a/../../../x", "x" * 10000)


def test_keys_of_clients_are_no_paths(engine, containerd, channel):
    snapshots = Service(channel, containerd["snapshots"], "Snapshots", "keys")
    content = Service(channel, containerd["content"], "Content", "keys")
    before = names_around(engine)
    for key in ODD_KEYS:
        try:
            mounts = snapshots("Prepare", snapshotter="overlayfs", key=key).mounts
        except grpc.RpcError as error:
            assert error.code() in (INVALID, EXHAUSTED), error
        else:
            assert mounts and all(f"{engine.root}/" in mount.source + "".join(mount.options) for mount in mounts)
            snapshots("Remove", snapshotter="overlayfs", key=key)
    for digest in ("sha256:../../../etc/passwd", "../../etc/passwd", "sha256:" + "A" * 64, "sha256:", "md5:" + "0" * 32, "sha256:" + "0" * 64 + "/.."):
        content.refused("Read", INVALID, NOT_FOUND, digest=digest)
        content.refused("Info", INVALID, NOT_FOUND, digest=digest)
        content.refused("Delete", INVALID, NOT_FOUND, digest=digest)
        content.refused("Write", INVALID, action=2, ref="x", total=1, expected=digest, data=b"x")
    assert not names_around(engine) - before


def tar_of(*members):
    """members: (name, type, bytes or the link's target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind, value in members:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            if kind == tarfile.REGTYPE:
                entry.size = len(value)
            else:
                entry.linkname = value
            archive.addfile(entry, io.BytesIO(value) if kind == tarfile.REGTYPE else None)
    return out.getvalue()


FILE = ("inventory.img", tarfile.REGTYPE, b"no image of criu's")
CHECKPOINTS = {
    "symlink": tar_of(FILE, ("core-1.img", tarfile.SYMTYPE, "/etc/passwd")),
    "symlink-root": tar_of((".", tarfile.SYMTYPE, "/etc"), FILE),
    "hardlink": tar_of(FILE, ("core-1.img", tarfile.LNKTYPE, "inventory.img")),
    "hardlink-outside": tar_of(FILE, ("core-1.img", tarfile.LNKTYPE, "../../../../tare.db")),
    "fifo": tar_of(FILE, ("core-1.img", tarfile.FIFOTYPE, "")),
    "device": tar_of(FILE, ("core-1.img", tarfile.CHRTYPE, "")),
    "directory": tar_of(FILE, ("parent", tarfile.DIRTYPE, "")),
    "below": tar_of(FILE, ("parent/pages-1.img", tarfile.REGTYPE, b"x")),
    "through": tar_of(("parent", tarfile.SYMTYPE, "/etc"), ("parent/pages-1.img", tarfile.REGTYPE, b"x")),
    "cut": tar_of(("pages-1.img", tarfile.REGTYPE, b"x" * 100_000))[:50_000],
    "no-tar": b"pages" * 1000,
}


def test_what_a_checkpoint_may_hold(engine, channel, containerd):
    """Class H: files side by side, nothing else; and a task that cannot be restored leaves nothing."""
    space = "restored"
    content, containers, tasks = (Service(channel, containerd[module], name, space)
                                  for module, name in (("content", "Content"), ("containers", "Containers"), ("tasks", "Tasks")))
    spec = {"ociVersion": "1.0.2", "process": {"cwd": "/", "args": ["true"], "user": {"uid": 0, "gid": 0}}, "root": {"path": "rootfs"}}
    containers("Create", container=dict(id="one", runtime={"name": "io.containerd.tare.v2"},
                                        spec={"type_url": "types.containerd.io/opencontainers/runtime-spec/1/Spec", "value": json.dumps(spec).encode()}))

    def checkpoint(name, data, media_type="application/vnd.containerd.container.criu.checkpoint.criu.tar"):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        content("Write", action=containerd["content"].COMMIT, ref=name, total=len(data), expected=digest, data=data)
        return {"container_id": "one", "checkpoint": {"media_type": media_type, "digest": digest, "size": len(data)}}

    def left():
        places = (engine.root / "checkpoints" / "restore" / space, engine.root / "checkpoints" / "dump" / space, engine.state / "tasks" / space)
        return [str(path / name) for path in places if path.exists() for name in os.listdir(path)]

    refused = (grpc.StatusCode.DATA_LOSS, INVALID, NOT_FOUND)
    for name, data in CHECKPOINTS.items():
        assert tasks.refused("Create", *refused, **checkpoint(name, data)), name
        assert left() == [], name
    plain = checkpoint("plain", tar_of(FILE))
    tasks.refused("Create", INVALID, **checkpoint("type", tar_of(("a", tarfile.REGTYPE, b"")), "application/vnd.oci.image.layer.v1.tar"))
    tasks.refused("Create", NOT_FOUND, container_id="one", checkpoint={**plain["checkpoint"], "digest": DIGEST})
    tasks.refused("Create", INVALID, container_id="one", checkpoint={**plain["checkpoint"], "digest": "sha256:../../../etc/passwd"})
    assert left() == []
    tasks("Create", **plain)
    with pytest.raises(grpc.RpcError):
        tasks("Start", container_id="one")
    tasks("Delete", container_id="one")
    assert left() == []
    containers("Delete", id="one")
