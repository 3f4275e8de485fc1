# SPDX-License-Identifier: Apache-2.0
"""What changed in a tree becomes a layer (engine/layer/changes.h, tarball.h), which makes the same tree again
wherever it is applied."""

import gzip
import hashlib
import os
import pathlib
import shutil
import socket
import subprocess
import tarfile
import threading

import pytest

import packtool
from packtool import overlay, pack

CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


class Layers:
    """Two lower layers, and an upper one that is written through a real overlay mount."""

    def __init__(self, path):
        self.path = path
        self.base, self.middle, self.upper, self.work, self.merged = (path / name for name in ("base", "middle", "upper", "work", "merged"))
        for directory in (self.base, self.middle, self.upper, self.work):
            directory.mkdir()
        self.lower = [self.middle, self.base]
        fill_base(self.base)
        (self.middle / "etc").mkdir()
        (self.middle / "etc/passwd").write_text("from the middle")
        os.mknod(self.middle / "hidden-below", 0o20000, 0)
        (self.middle / "opaque-below").mkdir()
        os.setxattr(self.middle / "opaque-below", "trusted.overlay.opaque", b"y")
        (self.middle / "opaque-below/new").write_text("x")

    def write(self):
        return overlay(self.merged, self.lower, self.upper, self.work)

    def look(self):
        with overlay(self.merged, [self.upper, *self.lower]) as merged:
            return packtool.look(merged)


def fill_base(base):
    for name in ("etc", "usr/bin", "var/log/deep/er", "gone", "recreated", "opaque-below", "dir-to-file", "rename-me/inside"):
        (base / name).mkdir(parents=True)
    for name in ("etc/passwd", "etc/group", "usr/bin/tool", "var/log/deep/er/file", "gone/file", "recreated/old", "recreated/both", "hidden-below",
                 "opaque-below/old", "dir-to-file/x", "file-to-dir", "rename-me/inside/file", "socket-here", "link-a"):
        (base / name).write_text(f"base {name}")
    os.link(base / "link-a", base / "link-b")
    os.symlink("usr/bin", base / "bin")
    (base / "usr/bin/tool").chmod(0o4755)


def change_everything(top):
    """top: the merged mount."""
    (top / "etc/passwd").write_text("changed")
    (top / "etc/new").write_text("new")
    (top / "hidden-below").write_text("back again")
    (top / "etc/group").unlink()
    shutil.rmtree(top / "gone")
    shutil.rmtree(top / "recreated")
    (top / "recreated").mkdir(mode=0o700)
    (top / "recreated/both").write_text("again")
    shutil.rmtree(top / "dir-to-file")
    (top / "dir-to-file").write_text("a file")
    (top / "file-to-dir").unlink()
    (top / "file-to-dir/sub").mkdir(parents=True)
    (top / "file-to-dir/sub/x").write_text("x")
    # without redirect_dir the kernel refuses (EXDEV), and mv(1) copies
    subprocess.run(["mv", top / "rename-me", top / "renamed"], check=True)
    make_odd_things(top / "odd")
    (top / "link-a").write_text("breaks the link by copy-up")
    os.link(top / "odd/regular", top / "a-link-to-odd")
    (top / "usr/bin/tool").chmod(0o2755)
    os.chown(top / "var", 7, 8)
    os.setxattr(top / "etc", "user.note", b"on a directory")
    os.utime(top / "usr", ns=(1, 1_234_567_890_123_456_789))
    (top / "socket-here").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(top)
        listener.bind("socket-here")
        listener.close()
        os.chdir("/")


def make_odd_things(odd):
    odd.mkdir()
    (odd / "regular").write_bytes(os.urandom(700_001))
    os.mkfifo(odd / "fifo", 0o640)
    os.mknod(odd / "null", 0o20666, os.makedev(1, 3))
    os.mknod(odd / "disk", 0o60660, os.makedev(259, 300))
    (odd / ("n" * 255)).write_text("long name")
    (odd / ("ü" * 127)).write_text("long name in UTF-8")
    deep = odd / "/".join(["d" * 100] * 12)
    deep.mkdir(parents=True)
    (deep / "file").write_text("long path")
    latin = os.fsencode(odd) + b"/not-utf-8-\xff\xfe"
    pathlib.Path(os.fsdecode(latin)).write_text("x")
    os.symlink(b"target-\xff", os.fsencode(odd) + b"/link-\xfd")
    os.link(latin, os.fsencode(odd) + b"/hard-\xff")
    os.symlink("/nowhere/" + "t" * 200, odd / "dangling")
    (odd / "new\nline and \ttab").write_text("x")
    (odd / "empty").write_text("")
    os.setxattr(odd / "empty", "user.binary", bytes(range(256)))
    (odd / "capable").write_text("#!")
    os.setxattr(odd / "capable", "security.capability", CAPABILITY)
    with open(odd / "sparse", "wb") as sparse:
        sparse.seek(3_000_000)
        sparse.write(b"end")
        sparse.truncate(5_000_000)
    (odd / "owned").write_text("x")
    os.chown(odd / "owned", 4_000_000_000, 3_000_000)
    os.utime(odd / "owned", ns=(0, -5_000_000_001))
    os.utime(odd / "empty", ns=(0, 9_999_999_999_000_000_001))
    (odd / "setuid").write_text("x")
    (odd / "setuid").chmod(0o6755)
    (odd / "sticky").mkdir()
    (odd / "sticky").chmod(0o1777)


@pytest.fixture
def layers(tmp_path):
    return Layers(tmp_path)


@pytest.fixture
def changed(layers):
    with layers.write() as top:
        change_everything(top)
    return layers


def layer_of(build, layers, **more):
    packed = pack(build, "layer", [layers.upper, *layers.lower], layers.lower, **more)
    assert packed.done, packed.error
    return packed


def test_a_layer_makes_the_same_tree_by_our_unpacker(build, changed, tmp_path):
    packed = layer_of(build, changed)
    (tmp_path / "again").mkdir()
    assert packtool.unpack(build, packed.stream, tmp_path / "again") == packed.diff_id
    expected = changed.look()
    with overlay(tmp_path / "view", [tmp_path / "again", *changed.lower]) as merged:
        assert packtool.look(merged) == expected


def test_a_layer_makes_the_same_tree_by_another_reader(build, changed, tmp_path):
    packed = layer_of(build, changed)
    expected = changed.look()
    with overlay(tmp_path / "view", changed.lower) as lower:
        subprocess.run(["cp", "-a", lower, tmp_path / "copy"], check=True)
    packtool.apply(packed.stream, tmp_path / "copy")
    assert packtool.look(tmp_path / "copy") == expected


def test_two_whole_trees_are_compared(build, changed, tmp_path):
    """As drivers without layers have them; also a file that only a metadata comparison finds."""
    with overlay(tmp_path / "view", changed.lower) as lower:
        subprocess.run(["cp", "-a", lower, tmp_path / "before"], check=True)
    with overlay(tmp_path / "view", [changed.upper, *changed.lower]) as merged:
        subprocess.run(["cp", "-a", merged, tmp_path / "after"], check=True)
    expected = packtool.look(tmp_path / "after")
    packed = pack(build, "layer", [tmp_path / "after"], [tmp_path / "before"])
    assert packed.done, packed.error
    names = packed.names()
    assert "bin" not in names and "var/log/deep/er/file" not in names
    assert ".wh.gone" in names and "recreated/.wh.old" in names and "etc/.wh.group" in names
    packtool.apply(packed.stream, tmp_path / "before")
    assert packtool.look(tmp_path / "before") == expected


def test_stacks_that_share_no_top_are_compared(build, changed, tmp_path):
    """From the base alone to all three: what the middle layer did is part of the difference."""
    packed = pack(build, "layer", [changed.upper, *changed.lower], [changed.base])
    assert packed.done, packed.error
    expected = changed.look()
    subprocess.run(["cp", "-a", changed.base, tmp_path / "copy"], check=True)
    packtool.apply(packed.stream, tmp_path / "copy")
    assert packtool.look(tmp_path / "copy") == expected
    assert "opaque-below/.wh.old" in packed.names()


def test_the_other_way_round_undoes_it(build, changed, tmp_path):
    """But for names that the change had parted: one of the two is as it was, and is not written down."""
    packed = pack(build, "layer", changed.lower, [changed.upper, *changed.lower])
    assert packed.done, packed.error
    with overlay(tmp_path / "view", changed.lower) as lower:
        expected = packtool.look(lower, links=False)
    with overlay(tmp_path / "view", [changed.upper, *changed.lower]) as merged:
        subprocess.run(["cp", "-a", merged, tmp_path / "copy"], check=True)
    packtool.apply(packed.stream, tmp_path / "copy")
    assert packtool.look(tmp_path / "copy", links=False) == expected


def test_the_same_tree_gives_the_same_digest(build, changed):
    first = layer_of(build, changed)
    subprocess.run(["cat", changed.upper / "etc/new"], stdout=subprocess.DEVNULL, check=True)
    again = layer_of(build, changed)
    assert first.stream == again.stream
    assert first.diff_id == "sha256:" + hashlib.sha256(first.stream).hexdigest()
    assert first.tar_size == len(first.stream)


def test_two_trees_filled_in_another_order_give_the_same_digest(build, tmp_path):
    names = [f"file-{i}" for i in range(300)]
    for tree, order in (("one", names), ("two", list(reversed(names)))):
        (tmp_path / tree).mkdir()
        for name in order:
            (tmp_path / tree / name).write_text(name)
            os.utime(tmp_path / tree / name, ns=(5, 10**18))
    one, two = (pack(build, "flat", [tmp_path / tree]) for tree in ("one", "two"))
    assert one.diff_id == two.diff_id and one.names() == sorted(names)


@pytest.mark.parametrize("compression, magic", [("gzip", b"\x1f\x8b"), ("zstd", b"\x28\xb5\x2f\xfd")])
def test_a_compressed_stream_holds_the_tar_of_the_diff_id(build, changed, compression, magic):
    plain = layer_of(build, changed)
    packed = layer_of(build, changed, compression=compression)
    assert packed.stream.startswith(magic) and packed.diff_id == plain.diff_id and packed.tar_size == len(plain.stream)
    again = layer_of(build, changed, compression=compression)
    assert again.stream == packed.stream
    tool = {"gzip": ["gzip", "-dc"], "zstd": ["zstd", "-dcq"]}[compression]
    if shutil.which(tool[0]):
        assert subprocess.run(tool, input=packed.stream, stdout=subprocess.PIPE, check=True).stdout == plain.stream


def test_whiteouts_and_opaque_directories(build, changed):
    names = layer_of(build, changed).names()
    assert "etc/.wh.group" in names and ".wh.gone" in names and ".wh.rename-me" in names
    at = names.index("recreated")
    assert names[at:at + 3] == ["recreated", "recreated/.wh..wh..opq", "recreated/both"]
    # hidden by nothing, so nothing is to be hidden
    assert "odd/.wh..wh..opq" not in names and "renamed/.wh..wh..opq" not in names
    # a socket is no file of an image; what it replaced is gone all the same
    assert ".wh.socket-here" in names and "socket-here" not in names
    assert "dir-to-file" in names and ".wh.dir-to-file" not in names


def test_overlays_own_attributes_are_never_written_down(build, changed):
    for member in layer_of(build, changed).tar():
        keys = [key for key in member.pax_headers if "xattr" in key]
        assert all(key.startswith(("SCHILY.xattr.user.", "SCHILY.xattr.security.capability")) for key in keys), keys
        assert member.uname == "" and member.gname == ""
        assert not any(key in member.pax_headers for key in ("atime", "ctime"))


def test_changes_are_listed_as_docker_lists_them(build, layers):
    with layers.write() as top:
        (top / "etc/new").write_text("x")
        (top / "etc/passwd").write_text("y")
        (top / "var/log/deep/er/file").unlink()
        shutil.rmtree(top / "recreated")
        (top / "recreated").mkdir()
        (top / "recreated/both").write_text("z")
    packed = pack(build, "list", [layers.upper, *layers.lower], layers.lower)
    assert packed.changes == [
        ("C", b"/etc"), ("A", b"/etc/new"), ("C", b"/etc/passwd"),
        ("C", b"/recreated"), ("C", b"/recreated/both"), ("D", b"/recreated/old"),
        ("C", b"/var"), ("C", b"/var/log"), ("C", b"/var/log/deep"), ("C", b"/var/log/deep/er"), ("D", b"/var/log/deep/er/file")]


def test_what_was_made_to_mount_upon_is_left_out(build, layers):
    left_out = ["proc", "etc/hosts", "new/dir/mount", "kept", "used"]
    with layers.write() as top:
        for name in ("proc", "new/dir/mount", "used"):
            (top / name).mkdir(parents=True)
        (top / "etc/hosts").write_text("")
        (top / "kept").write_text("somebody wrote here")
        (top / "used/file").write_text("x")
    packed = pack(build, "list", [layers.upper, *layers.lower], layers.lower, left_out=left_out)
    assert packed.changes == [("A", b"/kept"), ("A", b"/used"), ("A", b"/used/file")]
    assert layer_of(build, layers, left_out=left_out).names() == ["kept", "used", "used/file"]


def test_a_flat_tar_is_the_whole_tree(build, changed, tmp_path):
    packed = pack(build, "flat", [changed.upper, *changed.lower])
    assert packed.done, packed.error
    (tmp_path / "copy").mkdir()
    packtool.apply(packed.stream, tmp_path / "copy")
    assert packtool.look(tmp_path / "copy") == changed.look()
    assert not any(".wh." in name for name in packed.names())


def test_a_name_that_would_be_read_as_a_whiteout_is_refused(build, layers):
    with layers.write() as top:
        (top / "etc/.wh.passwd").write_text("x")
    packed = pack(build, "layer", [layers.upper, *layers.lower], layers.lower)
    assert "'/etc/.wh.passwd' cannot be in a layer" in packed.error
    assert "etc/.wh.passwd" in pack(build, "flat", [layers.upper, *layers.lower]).names()


@pytest.mark.parametrize("mark, words", [("trusted.overlay.redirect", "redirect_dir"), ("trusted.overlay.metacopy", "metacopy")])
def test_what_only_the_kernel_can_read_is_refused(build, layers, mark, words):
    (layers.upper / "moved").mkdir()
    (layers.upper / "moved/file").write_text("x")
    os.setxattr(layers.upper / ("moved" if "redirect" in mark else "moved/file"), mark, b"/etc")
    assert words in pack(build, "layer", [layers.upper, *layers.lower], layers.lower).error


def test_links_that_lead_outside_are_only_written_down(build, tmp_path):
    (tmp_path / "canary").mkdir()
    (tmp_path / "canary/secret").write_text("the content")
    (tmp_path / "tree").mkdir()
    os.symlink(tmp_path / "canary", tmp_path / "tree/dir")
    os.symlink(tmp_path / "canary/secret", tmp_path / "tree/file")
    os.symlink("../canary", tmp_path / "tree/up")
    packed = pack(build, "flat", [tmp_path / "tree"])
    assert packed.names() == ["dir", "file", "up"] and b"the content" not in packed.stream
    assert all(member.issym() for member in packed.tar())


def test_deep_trees_are_refused_in_words(build, tmp_path):
    top = tmp_path / "tree"
    top.mkdir()
    os.chdir(top)
    for _ in range(300):
        os.mkdir("d")
        os.chdir("d")
    os.chdir("/")
    assert "nested too deeply" in pack(build, "flat", [top]).error


def test_a_tree_that_changes_meanwhile_gives_a_whole_tar(build, tmp_path):
    """Files grow, shrink, vanish and turn into something else while they are read."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for i in range(40):
        (tree / f"{i:03}").write_bytes(b"x" * 100_000)
    stop = threading.Event()

    def disturb():
        turn = 0
        while not stop.is_set():
            path = tree / f"{turn % 40:03}"
            turn += 1
            packtool.remove(path)
            [lambda: path.write_bytes(b"y" * (turn % 7 * 50_000)), path.mkdir, lambda: os.symlink("/etc/passwd", path),
             lambda: os.mkfifo(path)][turn % 4]()

    writer = threading.Thread(target=disturb)
    writer.start()
    try:
        for _ in range(30):
            packed = pack(build, "flat", [tree])
            assert packed.done, packed.error
            for member in packed.tar():
                if member.isfile():
                    assert len(packed.tar().extractfile(member.name).read()) == member.size
    finally:
        stop.set()
        writer.join()


def test_a_tar_is_copied_with_its_digest(build, tmp_path):
    path = tmp_path / "in.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(__file__, "test.py")
    for data in (path.read_bytes(), gzip.compress(path.read_bytes())):
        stdin = os.memfd_create("tar")
        os.write(stdin, data)
        os.lseek(stdin, 0, os.SEEK_SET)
        packed = pack(build, "copy", compression="gzip", stdin=stdin)
        os.close(stdin)
        assert packed.done, packed.error
        assert gzip.decompress(packed.stream) == path.read_bytes()
        assert packed.diff_id == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
