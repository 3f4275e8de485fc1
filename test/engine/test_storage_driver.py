# SPDX-License-Identifier: Apache-2.0
"""What every storage driver must do, on the file systems that it can work on: the same trees from the same
layers, real containers, records that agree with the disk after being killed."""

import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tarfile

import pytest

import disk
import images
from harness import Engine, mounts_below, wait_until

KINDS = ["overlay", "native", "native-xfs", "btrfs", "erofs"]


@pytest.fixture(scope="module", params=KINDS)
def place(request, temporary):
    """(driver, directory on a file system that suits it)."""
    driver, _, kind = request.param.partition("-")
    kind = kind or ("btrfs" if driver == "btrfs" else "ext4")
    if driver == "erofs" and not (disk.known("erofs") and shutil.which("mkfs.erofs")):
        pytest.skip("no EROFS here: the kernel's or erofs-utils'")
    with disk.disk(temporary / f"d-{request.param}", kind) as point:
        yield driver, point


def layered(path):
    """Three layers with what makes merging hard."""
    link = lambda name, target: images.hardlink(name, target)
    folder = images.directory
    attribute = {"pax_headers": {"SCHILY.xattr.user.colour": "green"}}
    base = [
        folder("."), folder("a"), ("a/one", "1" * 5000), ("a/two", {"uid": 7, "gid": 8, "mode": 0o4755}, "2"),
        link("a/three", "a/one"), folder("b", 0o1777), folder("b/deep"), ("b/deep/file", "x"), ("c", "file"),
        images.symlink("d", "../../etc"), ("fifo", {"type": tarfile.FIFOTYPE}, None), folder("gone"), ("gone/x", "x"),
        ("null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3, "mode": 0o666}, None), ("e", attribute, "e"),
        folder("keep"), ("keep/x", "x"), ("replaced", "old"), folder("turned"), ("turned/y", "y"),
    ]
    middle = [
        folder("a", 0o700), ("a/.wh.two", ""), ("a/new", "n"), folder("b"), folder("b/deep"), ("b/deep/.wh..wh..opq", ""),
        ("b/deep/other", "o"), (".wh.gone", ""), folder("c"), ("c/inside", "now a directory"), ("replaced", {"mtime": 1234567890}, "new"),
        ("turned", "now a file"), ("implied/by/name", "z"), link("a/four", "a/new"),
    ]
    top = [("a/.wh.one", ""), ("keep/y", "y"), ("late", {"mode": 0o600}, "l" * 100000), folder("gone", 0o711)]
    layout = images.Layout(path)
    layout.image("layered:latest", [images.tar_bytes(entries) for entries in (base, middle, top)])
    return layout


def look(top):
    """Everything that can be seen of a tree."""
    seen, names = {}, {}
    for directory, folders, files in os.walk(top):
        for name in ["."] + folders + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content = b""
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path):
                content = pathlib.Path(path).read_bytes()
                names.setdefault(status.st_ino, set()).add(os.path.relpath(path, top))
            attributes = {key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False)}
            attributes = {key: value for key, value in attributes.items() if ".overlay." not in key}
            times = 0 if name == "." or "implied" in path else status.st_mtime_ns  # when they were made
            seen[os.path.relpath(path, top)] = (status.st_mode, status.st_uid, status.st_gid, times, status.st_rdev, content, attributes)
    return seen, sorted(map(sorted, names.values()))


class Tool:
    def __init__(self, build, root, driver):
        self.root, self.driver = root, driver
        self.command = [build / "test/unit/engine-image/imagetool", root, build / "engine/layer/tare-unpack"]
        self.environment = dict(os.environ, DRIVER=driver)

    def popen(self, *arguments):
        return subprocess.Popen([*self.command, *arguments], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self, *arguments):
        done = subprocess.run([*self.command, *arguments], env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def directories(self):
        """driver/N of all drivers."""
        return {str(path.relative_to(self.root / "snapshots")) for path in self.root.glob("snapshots/*/*")}

    def rows(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.root}/tare.db?mode=ro", uri=True)) as database:
            return {key: json.loads(value) for key, value in database.execute("SELECT key, value FROM snapshot")}

    def check(self):
        rows = self.rows()
        names = {(key.split("!")[0] if "!" in key else "overlay") + f"/{row['number']}" for key, row in rows.items()}
        assert self.directories() == names
        assert all(row["parent"] in rows for row in rows.values() if "parent" in row)


@contextlib.contextmanager
def mounted(line, point):
    """What `imagetool prepare` printed."""
    kind, source, options = line.split(" ")
    point.mkdir(exist_ok=True)
    if kind == "bind":
        subprocess.run(["mount", "--bind", source, point], check=True)
    else:
        subprocess.run(["mount", "-t", kind, source, point, "-o", options.strip()], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=True)


def test_trees_are_those_that_overlayfs_shows(build, place, tmp_path, temporary):
    driver, point = place
    archive = layered(tmp_path / "layout").archive(tmp_path / "layered.tar")
    seen = {}
    for name, where in (("overlay", tmp_path), (driver, point)):
        tool = Tool(build, where / f"tree-{name}", name)
        tool.run("load", archive)
        tool.check()
        if name == "erofs":
            seen[name] = look_through_engine(tool, where / "view")
        else:
            with mounted(tool.run("prepare", "layered", "container"), where / "view") as view:
                seen[name] = look(view)
            tool.run("unprepare", "container")
        tool.run("remove", "layered")
        tool.check()
        assert not tool.directories()
    assert seen[driver][0] == seen["overlay"][0]
    # overlayfs loses hard links over layers, the others need not
    assert seen[driver][1] == seen["overlay"][1]


def look_through_engine(tool, view):
    """The process that prepared it has unmounted the images in the end: mount them as it did."""
    line = tool.run("prepare", "layered", "container")
    lower = next(option for option in line.split(" ")[2].strip().split(",") if option.startswith("lowerdir="))
    points = [pathlib.Path(path) for path in lower[len("lowerdir="):].split(":")]
    for path in points:
        subprocess.run(["mount", "-t", "erofs", "-o", "loop,ro", path.parent / "layer.erofs", path], check=True)
    with mounted(line, view):
        seen = look(view)
    for path in points:
        subprocess.run(["umount", path], check=True)
    tool.run("unprepare", "container")
    return seen


@pytest.fixture(scope="module")
def running(place, bin_dir, registry, temporary):
    driver, point = place
    engine = Engine(bin_dir, point / "e", {"storage-driver": driver}).start()
    engine.driver = driver
    engine.reference = registry.reference("busybox")
    yield engine
    engine.close()


def test_containers_run_and_keep_their_files(running):
    engine = running
    name = "overlay2" if engine.driver == "overlay" else engine.driver
    assert f"Storage Driver: {name}\n" in engine.output("info")
    assert engine.output("run", "--name", "first", engine.reference, "sh", "-c", "echo kept > /file; rm /etc/group; cat /etc/passwd").startswith("root:")
    assert engine.output("run", "--rm", engine.reference, "sh", "-c", "ls /file 2>&1; cat /etc/group") .count("root:x:0:") == 1
    engine.kill()
    engine.start()
    engine.output("start", "-a", "first")
    detached = engine.output("run", "-d", "--name", "second", engine.reference, "sh", "-c", "echo x > /y; exec sleep 1000")
    engine.kill()
    engine.start()
    assert engine.output("exec", "second", "cat", "/y") == "x"
    assert json.loads(engine.output("inspect", detached))[0]["GraphDriver"]["Name"] == name
    engine.tare("exec", "second", "test", "-f", "/.dockerenv")
    assert engine.output("diff", "second") == "A /y"
    engine.tare("rm", "-f", "first", "second")
    engine.tare("rmi", engine.reference)
    wait_until(lambda: not list(engine.root.glob("snapshots/*/[0-9]*")), 30, "the disk to be empty")
    assert not mounts_below(engine.root)


# by a container of an image of busybox, /data/{kept,gone,changed,folder/{one,two},emptied/old,turned/x} and a link
CHANGES = """set -e
cd /data; echo more >>changed; rm gone; chmod 4755 kept; ln changed linked; ln -s nowhere symlink; mkfifo fifo
rm folder/one; rm -r emptied; mkdir emptied; echo new >emptied/new; rm -r turned; echo file >turned
mkdir -m 1777 deep; mkdir deep/er; echo x >deep/er/file; chown 7:8 deep/er/file
touch /ready; exec sleep 1000"""
DIFFERENCE = """A /data/deep
A /data/deep/er
A /data/deep/er/file
A /data/emptied/new
A /data/fifo
A /data/linked
A /data/symlink
A /ready
C /data
C /data/changed
C /data/emptied
C /data/folder
C /data/kept
C /data/turned
D /data/emptied/old
D /data/folder/one
D /data/gone""".splitlines()


def data_of(archive):
    """What an exported tree has below data/, a name's links as one group."""
    with tarfile.open(archive) as tar:
        members = {member.name.rstrip("/").removeprefix("./"): member for member in tar}
        read = lambda member: tar.extractfile(member).read() if member.isreg() or member.islnk() else b""
        return {
            name: (member.type if not member.islnk() else tarfile.REGTYPE, member.mode, member.uid, member.gid, read(member),
                   member.linkname if member.issym() else "")
            for name, member in members.items() if name.startswith("data")
        }  # fmt: skip


def test_what_a_container_changed_is_told_committed_and_exported(running, tmp_path):
    """The same on every driver, of what makes merging hard; so is what is made of the image of it."""
    engine = running
    layout = images.Layout(tmp_path / "layout")
    files = [images.directory("data"), ("data/kept", "kept"), ("data/gone", "x"), ("data/changed", "before\n"), images.directory("data/folder"),
             ("data/folder/one", "1"), ("data/folder/two", "2"), images.directory("data/emptied"), ("data/emptied/old", "x"),
             images.directory("data/turned"), ("data/turned/x", "x")]  # fmt: skip
    layout.image("changing:latest", [images.busybox_tar(), images.tar_bytes(files)], images.BUSYBOX_CONFIG)
    engine.tare("load", "-i", layout.archive(tmp_path / "image.tar"))
    name = engine.output("run", "-d", "--network", "none", "changing", "sh", "-c", CHANGES)
    wait_until(lambda: engine.tare("exec", name, "ls", "/ready", code=None).returncode == 0, what="the changes")
    told = engine.output("diff", name).splitlines()
    # a directory in another's place, or a file in a directory's: what was in it is told or not (docker's drivers differ, too)
    assert sorted(line for line in told if line not in ("D /data/turned/x",)) == sorted(DIFFERENCE)
    engine.tare("commit", name, "changed:1")
    engine.tare("export", "-o", tmp_path / "container.tar", name)
    engine.tare("create", "--name", "made", "changed:1")
    engine.tare("export", "-o", tmp_path / "made.tar", "made")
    seen = data_of(tmp_path / "container.tar")
    assert data_of(tmp_path / "made.tar") == seen
    assert set(seen) == {"data"} | {f"data/{path}" for path in (
        "kept", "changed", "linked", "symlink", "fifo", "folder", "folder/two", "emptied", "emptied/new", "turned", "deep", "deep/er", "deep/er/file")}
    assert seen["data/linked"][4] == seen["data/changed"][4] == b"before\nmore\n" and seen["data/kept"][1] == 0o4755
    assert seen["data/deep/er/file"][2:5] == (7, 8, b"x\n") and seen["data/deep"][1] == 0o1777
    assert seen["data/turned"][0] == tarfile.REGTYPE and seen["data/fifo"][0] == tarfile.FIFOTYPE
    assert engine.output("run", "--rm", "--network", "none", "changed:1", "stat", "-c", "%h", "/data/linked", "/data/changed") == "2\n2"
    # another engine, and another driver, reads the layer that was made
    engine.tare("save", "-o", tmp_path / "saved.tar", "changed:1")
    engine.tare("rm", "-f", name, "made")
    engine.tare("rmi", "changed:1", "changing")
    engine.tare("load", "-i", tmp_path / "saved.tar")
    engine.tare("create", "--name", "again", "changed:1")
    engine.tare("export", "-o", tmp_path / "again.tar", "again")
    assert data_of(tmp_path / "again.tar") == seen
    engine.tare("rm", "again")
    engine.tare("rmi", "changed:1")
    wait_until(lambda: not list(engine.root.glob("snapshots/*/[0-9]*")), 30, "the disk to be empty")
    assert not mounts_below(engine.root)


def test_killed_anywhere_records_and_disk_agree(build, place, registry, seed):
    driver, point = place
    tool = Tool(build, point / "kills", driver)
    names = [registry.reference(name) for name in ("busybox", "multi")]
    for number in range(16):
        name = seed.choice(names)
        words = seed.choice([("pull", name), ("pull", name), ("remove", name), ("prepare", name, f"c{number}")])
        process = tool.popen(*words)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seed.uniform(0.001, 0.15))
        process.kill()
        process.wait()
    tool.run("list")
    tool.check()
    for key in list(tool.rows()):
        if tool.rows().get(key, {}).get("writable"):
            tool.run("unprepare", key.split("!")[-1])
    for name in names:
        tool.run("pull", name)
        tool.run("remove", name)
    tool.run("sweep")
    tool.check()
    assert not tool.directories()
    assert not mounts_below(tool.root)


def test_another_driver_takes_over_what_is_there(place, bin_dir, registry, temporary):
    """engine.json names another one: containers stay where they are, images are unpacked again when used."""
    driver, point = place
    other = "native" if driver == "overlay" else "overlay"
    engine = Engine(bin_dir, point / "t", {"storage-driver": driver}).start()
    try:
        name = registry.reference("busybox")
        engine.output("run", "--name", "old", name, "sh", "-c", "echo old >> /file; cat /file")
        engine.stop()
        document = json.loads(engine.config.read_text())
        engine.config.write_text(json.dumps({**document, "storage-driver": other}))
        engine.start()
        assert engine.output("images", "-q")
        assert engine.output("start", "-a", "old") == "old\nold"
        assert engine.output("run", "--rm", name, "echo", "new") == "new"
        engine.tare("rm", "old")
        engine.tare("rmi", name)
        wait_until(lambda: not list(engine.root.glob("snapshots/*/[0-9]*")), 30, "the disk to be empty")
    finally:
        engine.close()


def test_a_driver_that_cannot_work_says_why(bin_dir, engine_directories):
    directory = next(engine_directories)
    engine = Engine(bin_dir, directory, {})
    for driver, words in (("btrfs", "is not on btrfs"), ("zfs", "unknown storage driver: zfs")):
        done = subprocess.run([bin_dir / "tared", "--storage-driver", driver], env=engine.environment, capture_output=True, text=True)
        assert done.returncode == 1 and words in done.stderr
    shutil.rmtree(directory)
