# SPDX-License-Identifier: Apache-2.0
"""tare-pack and tare-unpack as the engine starts them, and what trees look like."""

import contextlib
import fcntl
import hashlib
import io
import os
import shutil
import stat
import struct
import subprocess
import tarfile

PROGRESS, IMPLICIT, OPAQUE, DONE, FAILED, DATA, CHANGE = range(1, 8)


def run(argv, inherited, stdin=None):
    """Runs a program with descriptors from 3 on; returns its frames."""
    reader, writer = os.pipe()
    null = os.open("/dev/null", os.O_RDONLY)
    with contextlib.ExitStack() as stack:
        copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in (stdin if stdin is not None else null, writer, *inherited)]
        for fd in (*copies, null):
            stack.callback(os.close, fd)
        targets = [0, 1, *range(3, 3 + len(inherited))]
        actions = [(os.POSIX_SPAWN_DUP2, copy, target) for copy, target in zip(copies, targets)]
        pid = os.posix_spawn(argv[0], [str(word) for word in argv], {}, file_actions=actions)
    os.close(writer)
    with open(reader, "rb") as stream:
        data = stream.read()
    os.waitpid(pid, 0)
    frames = []
    while data:
        kind, length = struct.unpack_from("=II", data)
        frames.append((kind, data[8:8 + length]))
        data = data[8 + length:]
    return frames


class Packed:
    def __init__(self, frames):
        self.stream = b"".join(payload for kind, payload in frames if kind == DATA)
        self.changes = [(payload[:1].decode(), b"/" + payload[1:]) for kind, payload in frames if kind == CHANGE]
        kind, payload = frames[-1] if frames else (None, b"")
        self.error = payload[40:].split(b"\0")[0].decode() if kind == FAILED else None
        self.done = kind == DONE
        if self.done:
            self.tar_size = struct.unpack_from("=QQQ", payload)[2]
            self.diff_id = payload[24:].split(b"\0")[0].decode()

    def tar(self):
        return tarfile.open(fileobj=io.BytesIO(self.stream), errors="surrogateescape")

    def names(self):
        return [member.name for member in self.tar()]


def pack(build, mode, upper=(), lower=(), compression="none", left_out=(), stdin=None):
    trees = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (*upper, *lower)]
    argv = [build / "engine/layer/tare-pack", mode, compression, len(upper), len(lower), *left_out]
    try:
        return Packed(run(argv, trees, stdin))
    finally:
        for fd in trees:
            os.close(fd)


def unpack(build, stream, directory):
    """By tare-unpack, with the marks that the engine sets afterwards."""
    tree = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    blob = os.memfd_create("layer")
    os.write(blob, stream)
    os.lseek(blob, 0, os.SEEK_SET)
    frames = run([build / "engine/layer/tare-unpack", "?"], [tree], blob)
    os.close(tree)
    os.close(blob)
    assert frames[-1][0] == DONE, frames[-1][1]
    for kind, path in frames:
        if kind == OPAQUE:
            os.setxattr(os.path.join(os.fsencode(directory), path), "trusted.overlay.opaque", b"y")
    return frames[-1][1][24:].split(b"\0")[0].decode()


def apply(stream, directory):
    """By the words of the image spec's layer.md, with Python's tar reader."""
    top = os.fsencode(directory)
    with tarfile.open(fileobj=io.BytesIO(stream), errors="surrogateescape") as tar:
        times = []
        for member in tar:
            path = os.path.join(top, os.fsencode(member.name))
            parent, name = os.path.split(path)
            if name == b".wh..wh..opq":
                for child in os.listdir(parent):
                    remove(os.path.join(parent, child))
                continue
            if name.startswith(b".wh."):
                remove(os.path.join(parent, name[4:]))
                continue
            if not (member.isdir() and os.path.isdir(path) and not os.path.islink(path)):
                remove(path)
            make(tar, member, path, top)
            times.append((path, member))
        for path, member in reversed(times):
            nanoseconds = member.pax_headers.get("mtime", str(member.mtime))
            whole, _, part = nanoseconds.partition(".")
            when = int(whole) * 10**9 + int((part + "0" * 9)[:9])
            os.utime(path, ns=(when, when), follow_symlinks=False)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def make(tar, member, path, top):
    if member.islnk():
        os.link(os.path.join(top, os.fsencode(member.linkname)), path, follow_symlinks=False)
        return
    if member.isdir():
        os.makedirs(path, exist_ok=True)
    elif member.issym():
        os.symlink(os.fsencode(member.linkname), path)
    elif member.isfile():
        with open(path, "wb") as file:
            shutil.copyfileobj(tar.extractfile(member), file)
    else:
        kind = stat.S_IFIFO if member.isfifo() else stat.S_IFCHR if member.ischr() else stat.S_IFBLK
        os.mknod(path, kind | member.mode, os.makedev(member.devmajor, member.devminor))
    os.chown(path, member.uid, member.gid, follow_symlinks=False)
    if not member.issym():
        os.chmod(path, member.mode)
        for key in os.listxattr(path):
            os.removexattr(path, key)
    for key, value in member.pax_headers.items():
        if key.startswith("SCHILY.xattr."):
            os.setxattr(path, key[13:], os.fsencode(value), follow_symlinks=False)


def look(directory, links=True):
    """Everything that a layer can say about a tree; sockets are not there."""
    top = os.fsencode(directory)
    seen, names = {}, {}
    for parent, directories, files in os.walk(top):
        for name in sorted(directories + files):
            path = os.path.join(parent, name)
            status = os.lstat(path)
            if stat.S_ISSOCK(status.st_mode):
                continue
            row = [stat.filemode(status.st_mode), status.st_uid, status.st_gid, status.st_rdev, status.st_mtime_ns]
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    row += [status.st_size, hashlib.sha256(file.read()).hexdigest()]
            if stat.S_ISLNK(status.st_mode):
                row.append(os.readlink(path))
            else:
                row.append({key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False) if key.startswith("user.") or key == "security.capability"})
            seen[os.path.relpath(path, top)] = row
            if not stat.S_ISDIR(status.st_mode):
                names.setdefault((status.st_dev, status.st_ino), []).append(os.path.relpath(path, top))
    for group in names.values() if links else ():
        for name in group:
            seen[name].append(sorted(group))
    return seen


@contextlib.contextmanager
def overlay(directory, lower, upper=None, work=None):
    """upper None: read-only."""
    os.makedirs(directory, exist_ok=True)
    options = "index=off,redirect_dir=off,metacopy=off,lowerdir=" + ":".join(str(path) for path in lower)
    if upper:
        options += f",upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)
