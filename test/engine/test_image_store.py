# SPDX-License-Identifier: Apache-2.0
"""engine/image on a real registry: what is pulled, kept, shared, removed and recovered."""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

import pytest

import images
from harness import processes_with, wait_until


class Tool:
    """engine/image in a root of its own; each command opens it anew, as a restarted engine does."""

    def __init__(self, build, root):
        self.root = root
        self.command = [build / "test/unit/engine-image/imagetool", root, build / "engine/layer/tare-unpack"]

    def popen(self, *arguments):
        return subprocess.Popen([*self.command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, code=0, **environment):
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=120, env=os.environ | environment)
        assert code is None or done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr.strip()

    def names(self):
        return sorted(line.split()[2] for line in self.run("list").splitlines())

    def rows(self, table):
        with contextlib.closing(sqlite3.connect(f"file:{self.root}/tare.db?mode=ro", uri=True)) as database:
            return {key: json.loads(value) for key, value in database.execute(f"SELECT key, value FROM {table}")}

    def blobs(self):
        return {f"sha256:{name}" for name in os.listdir(self.root / "content/blobs/sha256")}

    def directories(self):
        return {int(name) for name in os.listdir(self.root / "snapshots/overlay")}

    def check(self):
        """Nothing is there that records do not reach, and all that they name is there."""
        snapshots = self.rows("snapshot")
        held = set()
        for table in ("image", "reference", "lease"):
            for record in self.rows(table).values():
                held |= set(record.get("blobs", []))
        assert self.directories() == {record["number"] for record in snapshots.values()}
        assert self.blobs() <= held
        for image, record in self.rows("image").items():
            assert image in self.blobs() and record["manifest"] in self.blobs()
            assert "chain" not in record or record["chain"] in snapshots
        for record in snapshots.values():
            assert "parent" not in record or record["parent"] in snapshots
        for digest in self.blobs():
            content = (self.root / "content/blobs/sha256" / digest[7:]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == digest[7:]
        assert {f"sha256:{name}" for name in os.listdir(self.root / "content/ingest")} <= held
        assert not (self.root / "content/import").exists() or not os.listdir(self.root / "content/import")


@pytest.fixture
def tool(build, tmp_path):
    return Tool(build, tmp_path / "root")


def test_every_kind_of_image_arrives(tool, registry):
    for name in ("busybox", "busybox-zstd", "busybox-docker", "multi", "configured"):
        assert "newer" in tool.run("pull", registry.reference(name))
        assert "newer" not in tool.run("pull", registry.reference(name))
    tool.check()
    assert len(tool.names()) >= 2


def test_a_layer_is_shared_and_fetched_once(tool, registry):
    tool.run("pull", registry.reference("debian"))
    output = tool.run("pull", registry.reference("nginx"))
    assert output.count("exists ") == 1 and output.count("complete ") >= 1, output
    tool.check()


def test_what_is_unpacked_equals_what_tar_unpacks(tool, registry, layout, tmp_path):
    tool.run("pull", registry.reference("debian"))
    image = next(iter(tool.rows("image").values()))
    manifest = json.loads((tool.root / "content/blobs/sha256" / image["manifest"][7:]).read_text())
    blob = tool.root / "content/blobs/sha256" / manifest["layers"][0]["digest"][7:]
    expected = tmp_path / "expected"
    expected.mkdir()
    zstd = blob.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    subprocess.run(["tar", "--zstd" if zstd else "-z", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", blob, "-C", expected], check=True)
    (number,) = tool.directories()
    differences = subprocess.run(
        ["rsync", "-aHAXnci", "--delete", f"{expected}/", f"{tool.root}/snapshots/overlay/{number}/fs/"], capture_output=True, text=True
    ) if shutil.which("rsync") else None
    if differences is None:
        assert look(expected) == look(tool.root / f"snapshots/overlay/{number}/fs")
    else:
        assert differences.stdout == "" and differences.returncode == 0, differences.stdout[:2000]


def look(top):
    seen = {}
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = f"{directory}/{name}"
            status = os.lstat(path)
            content = os.readlink(path) if os.path.islink(path) else open(path, "rb").read() if os.path.isfile(path) else b""
            size = 0 if os.path.isdir(path) else status.st_size
            links = 0 if os.path.isdir(path) else status.st_nlink
            seen[os.path.relpath(path, top)] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, size, links, status.st_rdev, hash(content))
    return seen


def test_names_ids_and_prefixes_find_the_image(tool, registry):
    tool.run("pull", registry.reference("busybox"))
    (identity,) = tool.rows("image")
    tool.run("tag", registry.reference("busybox"), "mine")
    tool.run("tag", identity[7:19], "other:1")
    assert len(tool.rows("reference")) == 4
    for number, name in enumerate(["mine", "docker.io/library/mine:latest", "other:1", identity, identity[7:], identity[7:15]]):
        tool.run("prepare", name, f"c{number}")
    assert tool.run("prepare", "nowhere", "c", code=5) == "No such image: nowhere:latest"
    assert "invalid reference format: repository name (library/Upper) must be lowercase" in tool.run("tag", "mine", "Upper", code=3)


def test_removing_goes_name_by_name(tool, registry):
    reference = registry.reference("busybox")
    tool.run("pull", reference)
    (identity,) = tool.rows("image")
    tool.run("tag", reference, "mine")
    assert "multiple repositories" in tool.run("remove", identity[7:19], code=9)
    lines = tool.run("remove", reference).splitlines()
    assert lines[0] == f"untagged {reference}:latest" and lines[1].startswith(f"untagged {reference}@sha256:") and len(lines) == 2
    assert tool.names() == ["mine:latest"]
    lines = tool.run("remove", "mine").splitlines()
    assert lines[:2] == ["untagged mine:latest", f"deleted {identity}"] and lines[2].startswith("deleted sha256:")
    tool.check()
    assert not tool.blobs() and not tool.directories()


def test_layers_stay_while_somebody_stands_on_them(tool, registry):
    for name in ("debian", "nginx"):
        tool.run("pull", registry.reference(name))
    tool.run("prepare", registry.reference("nginx"), "c1")
    tool.run("remove", registry.reference("nginx"), FORCE="1")
    tool.run("remove", registry.reference("debian"))
    tool.check()
    assert tool.names() == [] and len(tool.directories()) >= 2
    tool.run("unprepare", "c1")
    tool.run("sweep")
    assert not tool.directories()
    tool.check()


def test_a_kill_at_any_moment_leaves_nothing_that_is_not_swept(tool, registry):
    generator = random.Random(7)
    complete = 0
    for _ in range(25):
        process = tool.popen("pull", registry.reference("nginx"))
        time.sleep(generator.uniform(0, 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        complete += process.returncode == 0
        wait_until(lambda: not processes_with(str(tool.root)), what="the unpacker's end")
        tool.run("sweep")
        tool.check()
        assert len(tool.names()) in (0, 1)
        if generator.random() < 0.3 or tool.names():
            tool.run("remove", registry.reference("nginx"), code=None)
            tool.run("sweep")
    tool.run("pull", registry.reference("nginx"))
    tool.check()
    assert len(tool.names()) == 1
    assert not tool.rows("lease")
    assert complete < 20, "the kills came too late"


def test_a_killed_pull_goes_on_where_it_was(tool, registry):
    process = tool.popen("pull", registry.reference("nginx"))
    for line in process.stdout:
        if line.startswith("complete"):
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    tool.run("sweep")
    output = tool.run("pull", registry.reference("nginx"))
    assert "exists" in output, output


def test_a_partial_download_is_resumed_after_a_restart(tool, registry):
    tool.run("pull", registry.reference("debian"))
    image = next(iter(tool.rows("image").values()))
    manifest = json.loads((tool.root / "content/blobs/sha256" / image["manifest"][7:]).read_text())
    digest = manifest["layers"][0]["digest"][7:]
    blob = (tool.root / "content/blobs/sha256" / digest).read_bytes()
    tool.run("remove", registry.reference("debian"))
    # as left by a killed engine: a lease, and half of the blob
    with contextlib.closing(sqlite3.connect(tool.root / "tare.db")) as database:
        lease = {"added": time.time_ns(), "blobs": ["sha256:" + digest], "chains": []}
        database.execute("INSERT INTO lease VALUES(?, ?)", (f"{registry.reference('debian')}:latest", json.dumps(lease)))
        database.commit()
    half = len(blob) // 2
    (tool.root / "content/ingest" / digest).write_bytes(blob[:half])
    output = tool.run("pull", registry.reference("debian"))
    first = next(line for line in output.splitlines() if line.startswith(f"downloading {digest[:12]}"))
    assert int(first.split()[2].split("/")[0]) >= half, first
    tool.check()


def test_a_damaged_partial_download_is_fetched_again(tool, registry):
    tool.run("pull", registry.reference("busybox"))
    image = next(iter(tool.rows("image").values()))
    manifest = json.loads((tool.root / "content/blobs/sha256" / image["manifest"][7:]).read_text())
    digest = manifest["layers"][0]["digest"][7:]
    tool.run("remove", registry.reference("busybox"))
    with contextlib.closing(sqlite3.connect(tool.root / "tare.db")) as database:
        lease = {"added": time.time_ns(), "blobs": ["sha256:" + digest], "chains": []}
        database.execute("INSERT INTO lease VALUES('x', ?)", (json.dumps(lease),))
        database.commit()
    (tool.root / "content/ingest" / digest).write_bytes(b"\0" * 5000)
    tool.run("pull", registry.reference("busybox"))
    tool.check()


def test_old_leases_are_forgotten(tool, registry):
    tool.run("list")
    stray = b"nobody wants this"
    digest = hashlib.sha256(stray).hexdigest()
    (tool.root / "content/blobs/sha256" / digest).write_bytes(stray)
    with contextlib.closing(sqlite3.connect(tool.root / "tare.db")) as database:
        lease = {"added": time.time_ns() - 25 * 3600 * 10**9, "blobs": ["sha256:" + digest], "chains": []}
        database.execute("INSERT INTO lease VALUES('x', ?)", (json.dumps(lease),))
        database.commit()
    tool.run("sweep")
    assert not tool.blobs() and not tool.rows("lease")


@pytest.mark.parametrize("size", ["1m", "20m", "45m", "100m"])
def test_a_full_disk_ends_in_one_line_and_leaves_nothing_half(build, registry, tmp_path, size):
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", mount], check=True)
    try:
        tool = Tool(build, mount / "root")
        message = tool.run("pull", registry.reference("debian"), code=8)
        assert "no space left on device" in message and "\n" not in message, message
        assert tool.names() == []
        assert not tool.directories()
        tool.check()
        if size == "20m":
            tool.run("pull", registry.reference("busybox"))
            assert len(tool.names()) == 1
    finally:
        subprocess.run(["umount", mount], check=True)


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
@pytest.mark.parametrize("packed", [None, "gzip", "zstd"])
def test_archives_of_other_tools_load(tool, layout, tmp_path, kind, packed):
    archive = tmp_path / "image.tar"
    subprocess.run(["skopeo", "copy", "-q", f"oci:{layout.path}:multi", f"{kind}:{archive}:example/multi:7"], check=True)
    if packed:
        subprocess.run([packed, "-q", "--rm", archive] if packed == "zstd" else [packed, archive], check=True)
        archive = tmp_path / ("image.tar.gz" if packed == "gzip" else "image.tar.zst")
    assert tool.run("load", archive) == "loaded example/multi:7\n"
    assert tool.names() == ["example/multi:7"]
    tool.check()
    assert not tool.rows("lease")


def test_a_cut_off_archive_loads_nothing(tool, layout, tmp_path):
    archive = tmp_path / "image.tar"
    subprocess.run(["skopeo", "copy", "-q", f"oci:{layout.path}:multi", f"oci-archive:{archive}:x:1"], check=True)
    archive.write_bytes(archive.read_bytes()[:300000])
    assert tool.run("load", archive, code=None)
    assert tool.names() == []
    tool.check()
    assert not tool.blobs() and not tool.directories()


def test_a_hundred_layers_are_one_image(tool, temporary, registry, tmp_path):
    many = images.Layout(tmp_path / "many")
    layers = [images.tar_bytes([(f"f{number}", str(number)), ("last", str(number))]) for number in range(100)]
    many.tag("many", many.manifest(layers))
    registry.push(many, "many", "many:latest")
    output = tool.run("pull", registry.reference("many"))
    assert output.count("complete ") == 100
    assert len(tool.directories()) == 100
    tool.check()


def test_everything_at_once_leaves_everything_whole(build, registry):
    # in memory: a disk's syncfs would leave little at once
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        everything_at_once(Tool(build, pathlib.Path(directory) / "root"), registry)


def everything_at_once(tool, registry):
    names = [registry.reference(name) for name in ("busybox", "busybox-zstd", "busybox-docker", "multi", "configured")]
    tool.run("stress", *names)
    tool.run("sweep")
    tool.check()
    for name in names:
        tool.run("pull", name)
    tool.check()


def change_snapshots(tool, change):
    with contextlib.closing(sqlite3.connect(tool.root / "tare.db")) as database:
        for key, value in database.execute("SELECT key, value FROM snapshot").fetchall():
            record = json.loads(value)
            change(record)
            database.execute("UPDATE snapshot SET value = ? WHERE key = ?", (json.dumps(record), key))
        database.commit()


def test_after_a_power_cut_an_image_is_whole_or_absent(tool, registry):
    """Layers whose files may not have reached the disk do not count after another boot; their blobs do,
    and make them again. A container's own files wait for that."""
    reference = registry.reference("nginx")
    tool.run("pull", reference)
    tool.run("settle")
    assert all("boot" not in record for record in tool.rows("snapshot").values())
    tool.run("list")
    assert tool.names()
    base, top = sorted(tool.rows("snapshot").values(), key=lambda record: "parent" in record)
    # the upper layer came later, and the machine went down
    change_snapshots(tool, lambda record: record.update(boot="another") if "parent" in record else None)
    assert tool.names() and tool.directories() <= {base["number"]}
    tool.run("prepare", reference, "container")
    assert len(tool.rows("snapshot")) == 3
    tool.check()
    # the lower one: all that stands on it goes too, but for what a container wrote
    change_snapshots(tool, lambda record: record.update(boot="another") if "parent" not in record else None)
    # and its blob, too
    (image,) = tool.rows("image").values()
    manifest = json.loads((tool.root / "content/blobs/sha256" / image["manifest"][7:]).read_text())
    (tool.root / "content/blobs/sha256" / manifest["layers"][0]["digest"][7:]).unlink()
    assert not tool.names()
    assert [record["writable"] for record in tool.rows("snapshot").values()] == [True]
    tool.run("pull", reference)
    assert len(tool.rows("snapshot")) == 3
    tool.run("unprepare", "container")
    tool.check()


def test_another_engine_of_the_same_boot_believes_what_it_finds(tool, registry):
    tool.run("pull", registry.reference("busybox"))
    assert all("boot" in record for record in tool.rows("snapshot").values())
    assert len(tool.names()) == 1
    tool.check()
