# SPDX-License-Identifier: Apache-2.0
"""Hostile layers change nothing outside their snapshot (rule E, docs/security.md)."""

import gzip
import hashlib
import os
import pathlib
import random
import re
import resource
import signal
import stat
import struct
import subprocess
import sys
import tarfile

import images
import pytest

sys.path.insert(0, os.path.dirname(__file__))
import layer_corpus  # noqa: E402

PROGRESS, IMPLICIT, OPAQUE, DONE, FAILED = range(1, 6)
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
NAMES = [name for name, _, _ in layer_corpus.corpus("/canary")]


class Place:
    """A tree to unpack into; its parent is full of things that must not change."""

    def __init__(self, path):
        self.canary = path / "canary"
        self.tree = self.canary / "tree"
        self.tree.mkdir(parents=True)
        (self.canary / "victim").write_text("precious")
        (self.canary / "victim").chmod(0o640)
        (self.canary / "canary").mkdir()
        self.before = self.look()

    def look(self):
        """Everything outside the tree."""
        seen = {}
        for top, directories, files in os.walk(self.canary):
            if top == str(self.canary):
                directories.remove("tree")
            for name in directories + files:
                status = os.lstat(f"{top}/{name}")
                seen[f"{top}/{name}"] = (status.st_mode, status.st_nlink, status.st_size, status.st_uid, status.st_mtime_ns)
        seen["victim"] = (self.canary / "victim").read_text()
        seen["tree"] = stat.S_ISDIR(os.lstat(self.tree).st_mode)
        seen["attributes"] = os.listxattr(self.canary)
        return seen

    def check(self):
        assert self.look() == self.before


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def programs(build):
    return build / "test/unit/engine-image", build / "engine/layer/tare-unpack"


def unpack_bare(programs, blob, tree):
    """Extraction without confinement: only its own care protects the host."""
    archive = tree.parent.parent / "layer"
    archive.write_bytes(blob)
    done = subprocess.run([programs[0] / "layertool", "extract", archive, tree], capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    return (done.stderr.strip() if done.returncode else None), done.stdout.splitlines()


def unpack_confined(programs, blob, tree, diff_id=None):
    """The real program. Returns (error text or None, [(frame, payload)])."""
    diff_id = diff_id or "sha256:" + hashlib.sha256(blob if blob[:2] != b"\x1f\x8b" else gzip.decompress(blob)).hexdigest()
    archive = tree.parent.parent / "layer"
    archive.write_bytes(blob)
    directory = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    with open(archive, "rb") as file:
        done = subprocess.run(
            ["bash", "-c", f'exec "$0" "$1" 3<&{directory} {directory}<&-', programs[1], diff_id],
            stdin=file, capture_output=True, pass_fds=[directory], timeout=300,
        )
    os.close(directory)
    frames, at = [], 0
    while at < len(done.stdout):
        kind, length = struct.unpack_from("II", done.stdout, at)
        frames.append((kind, done.stdout[at + 8 : at + 8 + length]))
        at += 8 + length
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    if frames and frames[-1][0] == DONE:
        return None, frames
    assert frames and frames[-1][0] == FAILED, (done.returncode, done.stderr)
    return frames[-1][1][40:].split(b"\0")[0].decode(), frames


def check_refusal(error, words):
    if words:
        assert error and words in error, error
        assert "\n" not in error
    else:
        assert error is None, error


@pytest.mark.parametrize("name", NAMES)
def test_extraction_alone_stays_inside(programs, place, name):
    _, entries, words = next(row for row in layer_corpus.corpus(str(place.canary)) if row[0] == name)
    error, _ = unpack_bare(programs, layer_corpus.tar(entries), place.tree)
    place.check()
    check_refusal(error, words)


@pytest.mark.parametrize("name", NAMES)
def test_confined_extraction_stays_inside(programs, place, name):
    _, entries, words = next(row for row in layer_corpus.corpus(str(place.canary)) if row[0] == name)
    error, _ = unpack_confined(programs, layer_corpus.tar(entries), place.tree)
    place.check()
    check_refusal(error, words)


def test_files_through_links_land_inside_the_tree(programs, place):
    entries = [images.symlink("link", str(place.canary)), ("link/victim", "evil")]
    assert unpack_confined(programs, layer_corpus.tar(entries), place.tree)[0] is None
    assert (place.tree / str(place.canary)[1:] / "victim").read_text() == "evil"


def capabilities(*numbers):
    return sum(1 << number for number in numbers)


MAY = {
    # CHOWN DAC_OVERRIDE FOWNER FSETID MKNOD SETFCAP
    "fill": ({"make in tree", "make a device in tree", "make above", "map memory", "start a thread"}, capabilities(0, 1, 3, 4, 27, 31)),
    # DAC_READ_SEARCH FOWNER SYS_ADMIN (trusted.* attributes are shown to it only, xattr(7))
    "read": ({"map memory", "start a thread"}, capabilities(2, 3, 21)),
}


@pytest.mark.parametrize("confinement", MAY)
def test_a_confined_process_can_do_nothing_else(programs, place, confinement):
    (place.tree / "program").write_bytes(pathlib.Path("/bin/busybox").read_bytes())
    (place.tree / "program").chmod(0o755)
    words = [programs[0] / "layertool", "confine", confinement, place.tree]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        answers = dict(line.strip().split(": ") for line in iter(process.stdout.readline, "\n") if line or not process.stderr.read())
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines())
        limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
        namespaces = [os.readlink(f"/proc/{pid}/ns/mnt") for pid in (process.pid, "self")]
        inside = os.listdir(f"/proc/{process.pid}/root")
        process.communicate("", timeout=60)
    assert process.returncode == 0
    may, kept = MAY[confinement]
    # above the tree is the tree: see place.check
    assert {name for name, answer in answers.items() if answer == "done"} == may, answers
    calls = list(answers)[list(answers).index("fork"):]
    assert len(calls) > 30 and all(answers[name] in ("Function not implemented", "Operation not permitted") for name in calls), answers
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == kept and int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
    assert re.search(r"Max core file size +0 +0 ", limits) and re.search(r"Max cpu time +3600 +3601 ", limits)
    assert namespaces[0] != namespaces[1] and inside == []
    place.check()


def test_a_call_of_another_architecture_ends_the_process(programs, place, tmp_path):
    """Its numbers mean other calls: 32-bit code in a 64-bit process."""
    source = tmp_path / "other.c"
    source.write_text(OTHER_ARCHITECTURE)
    if os.uname().machine != "x86_64":
        pytest.skip("int 0x80 is x86's")
    assert subprocess.run([compile_restricted(source)]).returncode == -signal.SIGSYS


def compile_restricted(source):
    """A program that restricts itself as tare-unpack and tare-pack do."""
    sources = [str(REPOSITORY / path) for path in ("engine/layer/syscalls.c", "lib/base/error.c", "lib/base/memory.c", "lib/base/text.c")]
    program = source.with_suffix("")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-I", REPOSITORY, "-I", REPOSITORY / "lib", "-o", program, source, *sources], check=True)
    return program


OTHER_ARCHITECTURE = r"""
#include <sys/prctl.h>
#include "engine/layer/syscalls.h"
int main(void) {
    Error error;
    int result;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscalls_restrict(CONFINE_FILL, &error) < 0)
        return 1;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid there, writev here */));
    return 0;
}
"""


@pytest.mark.parametrize("confinement", ["CONFINE_FILL", "CONFINE_READ"])
def test_capabilities_and_root_s_name_reach_nothing(confinement, tmp_path):
    """tare-pack keeps CAP_SYS_ADMIN, and both are root: no call is left with which that would do harm. A call that the
    filter lets pass fails here for its arguments, with another error."""
    source = tmp_path / "harm.c"
    source.write_text(HARM.replace("CONFINEMENT", confinement))
    result = subprocess.run([compile_restricted(source)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert result.stdout == "" and result.returncode == -signal.SIGABRT


HARM = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "engine/layer/syscalls.h"
static void refused(const char *name, long result) {
    if (result != -1 || (errno != ENOSYS && errno != EPERM)) {
        dprintf(1, "%s: %ld, %d\n", name, result, errno);
    }
}
#define CALL(name) refused(#name, syscall(SYS_##name, -1L, -1L, -1L, -1L, -1L, -1L))
int main(void) {
    Error error;
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int parent = getppid();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscalls_restrict(CONFINEMENT, &error) < 0)
        return 1;
    /* of CAP_SYS_ADMIN */
    CALL(mount); CALL(umount2); CALL(pivot_root); CALL(setns); CALL(unshare); CALL(open_tree); CALL(fsopen);
    CALL(fsmount); CALL(move_mount); CALL(mount_setattr); CALL(ioctl); CALL(bpf); CALL(quotactl); CALL(swapon);
    CALL(sethostname); CALL(setdomainname); CALL(perf_event_open); CALL(fanotify_init); CALL(keyctl); CALL(syslog);
    CALL(prctl); CALL(seccomp); CALL(clone3); CALL(setxattr); CALL(lsetxattr); CALL(removexattr); CALL(getxattr);
    CALL(process_madvise); CALL(io_uring_setup); CALL(userfaultfd); CALL(ioprio_set); CALL(setrlimit); CALL(prlimit64);
    refused("poison", madvise(page + 1, 4096, MADV_HWPOISON));
    refused("take offline", madvise(page + 1, 4096, 101 /* MADV_SOFT_OFFLINE */));
    /* of CAP_DAC_READ_SEARCH and of root's name */
    CALL(open_by_handle_at); CALL(name_to_handle_at); CALL(ptrace); CALL(process_vm_readv); CALL(pidfd_open);
    CALL(kill); CALL(tkill); CALL(rt_sigqueueinfo); CALL(rt_tgsigqueueinfo); CALL(socket); CALL(execve); CALL(execveat);
    refused("signal", syscall(SYS_tgkill, parent, parent, 0));
    refused("owner", fcntl(0, F_SETOWN, parent));
    refused("owner's signal", fcntl(0, F_SETSIG, 9));
    refused("lease", fcntl(0, F_SETLEASE, F_RDLCK));
    refused("notice", fcntl(0, F_NOTIFY, 0));
    refused("pipe", fcntl(0, F_SETPIPE_SZ, 1 << 20));
    /* what the C library wants */
    if (fcntl(0, F_GETFD) != 0 || madvise(page, 4096, MADV_DONTNEED) < 0)
        return 2;
    abort();
}
"""


def test_whiteouts_become_overlayfs_whiteouts(programs, place):
    entries = [
        layer_corpus.whiteout("gone"),
        layer_corpus.whiteout("etc/.wh.passwd"),
        layer_corpus.whiteout(".wh.d"),
        images.directory("d"),
        ("d/new", "x"),
        ("kept", "x"),
        layer_corpus.whiteout(".wh.kept"),
        images.directory("e"),
        layer_corpus.whiteout(".wh.e"),
        images.directory("o"),
        layer_corpus.whiteout("o/.wh..wh..opq"),
        layer_corpus.whiteout(".wh..wh.plnk"),
    ]
    error, frames = unpack_confined(programs, layer_corpus.tar(entries), place.tree)
    assert error is None
    status = os.lstat(place.tree / "etc/passwd")
    assert stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
    assert (place.tree / "kept").read_text() == "x"
    assert {path for kind, path in frames if kind == OPAQUE} == {b"d", b"e", b"o"}
    assert {path for kind, path in frames if kind == IMPLICIT} == {b"", b"etc"}
    assert not list(place.tree.glob("**/.wh.*"))


def test_metadata_is_kept(programs, place):
    entries = [
        ("d", {"type": tarfile.DIRTYPE, "mode": 0o2775, "uid": 7, "gid": 8, "mtime": 1234567890.5}, None),
        ("d/f", {"mode": 0o6751, "uid": 4000000000, "gid": 9, "mtime": 1000000000.25}, "content"),
        ("d/l", {"type": tarfile.SYMTYPE, "linkname": "nowhere", "uid": 5, "gid": 6, "mtime": 5}, None),
        ("d/p", {"type": tarfile.FIFOTYPE, "mode": 0o600, "uid": 1}, None),
        layer_corpus.device("d/null", 1, 3),
        images.hardlink("d/h", "d/f"),
        layer_corpus.attribute("d/x", "user.name", "value"),
        ("\u00fc/" + "l" * 200 + "/" + "m" * 200, "long"),
    ]
    assert unpack_confined(programs, layer_corpus.tar(entries), place.tree)[0] is None
    look = {name: os.lstat(place.tree / "d" / name) for name in ("f", "l", "p", "null", "h", ".")}
    assert stat.S_IMODE(look["f"].st_mode) == 0o6751 and (look["f"].st_uid, look["f"].st_gid) == (4000000000, 9)
    assert look["f"].st_mtime_ns == 1000000000250000000 and look["f"].st_ino == look["h"].st_ino
    assert stat.S_IMODE(look["."].st_mode) == 0o2775 and look["."].st_mtime_ns == 1234567890500000000
    assert (look["l"].st_uid, look["l"].st_gid, look["l"].st_mtime) == (5, 6, 5)
    assert stat.S_ISFIFO(look["p"].st_mode) and look["p"].st_uid == 1
    assert look["null"].st_rdev == os.makedev(1, 3) and stat.S_IMODE(look["null"].st_mode) == 0o666
    assert os.getxattr(place.tree / "d/x", "user.name") == b"value"
    assert (place.tree / "\u00fc" / ("l" * 200) / ("m" * 200)).read_text() == "long"
    # a new file in a setgid directory takes its group only after extraction
    assert os.lstat(place.tree / "d/x").st_gid == 0


def test_names_that_are_not_utf8_are_kept(programs, place):
    data = bytearray(layer_corpus.tar([("nameXend", "x")]))
    at = data.index(b"nameXend")
    data[at + 4] = 0xE9
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]))
    assert unpack_confined(programs, bytes(data), place.tree)[0] is None
    assert os.listdir(os.fsencode(place.tree)) == [b"name\xe9end"]


def test_sparse_files_stay_sparse(programs, place):
    source = place.canary.parent / "sparse"
    with open(source, "wb") as file:
        file.truncate(1 << 30)
        file.seek(500 << 20)
        file.write(b"middle")
    for form in ("pax", "gnu"):
        archive = subprocess.check_output(["tar", "-cSf", "-", f"--format={form}", "-C", source.parent, "sparse"])
        assert unpack_confined(programs, archive, place.tree)[0] is None
        status = os.stat(place.tree / "sparse")
        assert status.st_size == 1 << 30 and status.st_blocks < 1000
        with open(place.tree / "sparse", "rb") as file:
            file.seek((500 << 20) - 1)
            assert file.read(8) == b"\0middle\0"


@pytest.mark.parametrize("bomb", ["sparse_bomb", "huge_header"])
def test_bombs_end_with_one_line(programs, place, bomb):
    error, _ = unpack_confined(programs, gzip.compress(getattr(layer_corpus, bomb)()), place.tree, "sha256:" + "0" * 64)
    assert error and "\n" not in error
    place.check()


def test_sizes_and_numbers_are_bounded(programs, place):
    archive = place.canary.parent / "layer"
    archive.write_bytes(layer_corpus.tar([(f"f{i}", "x" * 2000) for i in range(20)]))

    def extract(*limits):
        return subprocess.run([programs[0] / "layertool", "extract", archive, place.tree, *limits], capture_output=True, text=True, timeout=120)

    assert extract("1000000", "20").returncode == 0
    assert extract("1000000", "19").stderr == "the layer has more than 19 entries\n"
    assert extract("20000").stderr == "the layer has more than 20000 bytes\n"


def test_files_of_holes_are_bounded(programs, place):
    """Nothing on the disk, but whoever reads it reads for years."""
    error, _ = unpack_confined(programs, layer_corpus.sparse(1 << 50), place.tree)
    assert error == f"'/x' has more than {1 << 40} bytes"


def test_what_grows_without_measure_is_refused(programs, place):
    error, _ = unpack_confined(programs, layer_corpus.compressed_zeros("zstd", 1200), place.tree, "sha256:" + "0" * 64)
    assert error == "the layer's content is more than 2000 times as large as its compressed form"


def test_time_is_bounded(tool, place, tmp_path):
    """With two seconds of processor time, the last of which belongs to the kernel."""
    archive = layer_corpus.saved(tmp_path / "image.tar", [layer_corpus.compressed_zeros("gzip", 3200)])
    done = tool("load", archive, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (2, 2)))
    assert done.returncode != 0 and "took more than 3600 s of processor time" in done.stderr, done.stderr


@pytest.mark.parametrize("how", ["none", "gzip", "zstd"])
def test_every_compression_and_its_damage(programs, place, how):
    tar = layer_corpus.tar([(f"f{i}", random.Random(i).randbytes(5000)) for i in range(50)])
    diff_id = "sha256:" + hashlib.sha256(tar).hexdigest()
    blob = images.compress(tar, how)[1]
    assert unpack_confined(programs, blob, place.tree, diff_id)[0] is None
    assert len(os.listdir(place.tree)) == 50
    error, _ = unpack_confined(programs, blob[: len(blob) // 2], place.tree, diff_id)
    assert error and ("cut off" in error or "Truncated" in error or "damaged" in error), error
    broken = bytearray(blob)
    broken[len(blob) // 2] ^= 0x55
    error, _ = unpack_confined(programs, bytes(broken), place.tree, diff_id)
    assert error and ("damaged" in error or "wrong diff id" in error), error


def test_zstd_windows_are_bounded(programs, place):
    """128 MiB is what the zstd program takes; more would be memory that a layer commands."""
    source = place.canary.parent / "big"
    with open(source, "wb") as file:
        file.truncate(300 << 20)
    tar = subprocess.Popen(["tar", "-cf", "-", "-C", source.parent, "big"], stdout=subprocess.PIPE)
    raw = tar.stdout.read()
    diff_id = "sha256:" + hashlib.sha256(raw).hexdigest()
    for window, words in ((27, None), (31, "Frame requires too much memory")):
        blob = subprocess.run(["zstd", "-q", "-c", "-1", f"--long={window}"], input=raw, stdout=subprocess.PIPE, check=True).stdout
        check_refusal(unpack_confined(programs, blob, place.tree, diff_id)[0], words)
    tar.wait()
    assert (place.tree / "big").stat().st_size == 300 << 20


def test_several_gzip_members_are_one_layer(programs, place):
    tar = layer_corpus.tar([("a", "x" * 100000), ("b", "y")])
    blob = b"".join(gzip.compress(tar[i : i + 20000]) for i in range(0, len(tar), 20000)) + b"\0" * 700
    assert unpack_confined(programs, blob, place.tree, "sha256:" + hashlib.sha256(tar).hexdigest())[0] is None
    assert (place.tree / "a").stat().st_size == 100000


def test_other_content_than_promised_is_refused(programs, place):
    error, _ = unpack_confined(programs, layer_corpus.tar([("x", "x")]), place.tree, "sha256:" + "0" * 64)
    assert error.startswith("wrong diff id: expected sha256:000")
    # also what follows the end of the tar belongs to it
    tar = layer_corpus.tar([("x", "x")])
    error, _ = unpack_confined(programs, tar + b"more" * 1000, place.tree, "sha256:" + hashlib.sha256(tar).hexdigest())
    assert error.startswith("wrong diff id")


@pytest.mark.parametrize("blob", [b"", b"\0" * 1024, b"\0" * 10240, gzip.compress(b"\0" * 1024)], ids=["nothing", "end", "padded", "gzip"])
def test_empty_layers_are_layers(programs, place, blob):
    assert unpack_confined(programs, blob, place.tree)[0] is None
    assert os.listdir(place.tree) == []


@pytest.mark.parametrize("blob,words", [
    (b"BZh91AY&SY" + b"x" * 600, "bzip2"),
    (b"\xfd7zXZ\0" + b"x" * 600, "xz"),
    (b"this is no tar at all" * 100, "damaged layer"),
    (b"\x1f\x8b" + b"garbage" * 100, "damaged gzip"),
    (b"\x28\xb5\x2f\xfd" + b"garbage" * 100, "damaged zstd"),
], ids=["bzip2", "xz", "text", "gzip", "zstd"])
def test_what_is_no_layer_is_refused(programs, place, blob, words):
    error, _ = unpack_confined(programs, blob, place.tree, "sha256:" + "0" * 64)
    assert error and words in error, error


def test_random_damage_never_ends_the_program_otherwise(programs, place):
    generator = random.Random(1)
    entries = [images.directory("d"), ("d/f", "x" * 3000), images.symlink("l", "d"), images.hardlink("h", "d/f"), layer_corpus.attribute("x", "user.a", "b")]
    good = layer_corpus.tar(entries)
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(generator.randrange(1, 12)):
            bad[generator.randrange(len(bad))] = generator.randrange(256)
        unpack_confined(programs, bytes(bad), place.tree)
        place.check()


@pytest.fixture
def tool(programs, tmp_path):
    def run(*arguments, code=None, **more):
        done = subprocess.run([programs[0] / "imagetool", tmp_path / "root", programs[1], *arguments], capture_output=True, text=True, timeout=120, **more)
        assert code is None or done.returncode == code, done.stderr
        return done
    return run


@pytest.mark.parametrize("name", [name for name, _, words in layer_corpus.corpus("/canary") if words])
def test_a_refused_layer_leaves_no_image_and_no_directory(tool, place, tmp_path, name):
    _, entries, words = next(row for row in layer_corpus.corpus(str(place.canary)) if row[0] == name)
    done = tool("load", layer_corpus.saved(tmp_path / "image.tar", [layer_corpus.tar([("base", "x")]), layer_corpus.tar(entries)]))
    assert done.returncode != 0 and words in done.stderr and done.stderr.count("\n") == 1, done.stderr
    place.check()
    assert tool("list", code=0).stdout == ""
    for left in ("content/blobs/sha256", "content/ingest", "content/import", "snapshots/overlay"):
        assert not list((tmp_path / "root" / left).glob("*")), left


@pytest.mark.parametrize("entries", layer_corpus.ARCHIVES, ids=range(len(layer_corpus.ARCHIVES)))
def test_hostile_archives_are_refused(tool, place, tmp_path, entries):
    archive = tmp_path / "image.tar"
    archive.write_bytes(images.tar_bytes(entries))
    done = tool("load", archive)
    assert done.returncode != 0 and done.stderr.count("\n") == 1 and "root:" not in done.stderr, done.stderr
    assert tool("list", code=0).stdout == ""
    assert not list((tmp_path / "root/content/blobs/sha256").glob("*"))


def test_implied_directories_look_like_those_below(tool, tmp_path):
    base = images.tar_bytes([("d", {"type": tarfile.DIRTYPE, "mode": 0o1777, "uid": 5, "gid": 6, "mtime": 77}, None), ("d/a", "x"), images.directory("gone"), ("gone/x", "x")])
    upper = images.tar_bytes([("d/b", "y"), layer_corpus.whiteout("gone/.wh..wh..opq"), images.directory("gone")])
    tool("load", layer_corpus.saved(tmp_path / "image.tar", [base, upper]), code=0)
    options = tool("prepare", "hostile:1", "c1", code=0).stdout.split()[2]
    target = tmp_path / "mnt"
    target.mkdir()
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, target], check=True)
    try:
        status = os.stat(target / "d")
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime) == (0o1777, 5, 6, 77)
        assert sorted(os.listdir(target / "d")) == ["a", "b"]
        assert os.listdir(target / "gone") == []
        assert stat.S_IMODE(os.stat(target).st_mode) == 0o755
    finally:
        subprocess.run(["umount", target], check=True)
    tool("unprepare", "c1", code=0)
