# SPDX-License-Identifier: Apache-2.0
"""A directory of the host that no container may reach: what happens in it is seen by inotify(7), what it looks like
is compared. And a program that exchanges two names as fast as the kernel can."""

import ctypes
import os
import struct
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
# create delete modify attrib moved_from moved_to delete_self open access
EVENTS = 0x100 | 0x200 | 0x2 | 0x4 | 0x40 | 0x80 | 0x400 | 0x20 | 0x1
NAMES = ("ptmx", "null", "file", "passwd", "core_pattern", "console")


class Canary:
    def __init__(self, path):
        self.path = path
        (path / "directory").mkdir(parents=True)
        for name in NAMES:
            (path / name).write_text("canary:x:0:0::/canary:/bin/sh\n")
        self.before = self.snapshot()
        self.watch = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self.watch >= 0
        for place in (path, path / "directory"):
            assert LIBC.inotify_add_watch(self.watch, os.fsencode(place), EVENTS) >= 0

    def __str__(self):
        return str(self.path)

    def __truediv__(self, name):
        return self.path / name

    def snapshot(self):
        found = {}
        for directory, names, files in os.walk(self.path):
            for name in names + files:
                full = os.path.join(directory, name)
                st = os.lstat(full)
                found[full] = (st.st_mode, st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns, st.st_ino, st.st_rdev)
        return found

    def events(self):
        """What happened, as "MASK name"."""
        found = []
        while True:
            try:
                data = os.read(self.watch, 65536)
            except BlockingIOError:
                return found
            while data:
                _, mask, _, length = struct.unpack_from("iIII", data)
                name = data[16 : 16 + length].rstrip(b"\0").decode()
                found.append(f"{mask:#x} {name}")
                data = data[16 + length :]

    def check(self):
        assert self.events() == []
        assert self.snapshot() == self.before
        assert str(self.path) not in open("/proc/self/mountinfo").read()

    def close(self):
        os.close(self.watch)


SWAPPER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
/* swap A B: exchanges the two names until SIGTERM, ten thousand times at least, then says how often. */
static volatile sig_atomic_t over;
static void stop(int number) { over = 1; }
int main(int argc, char **argv) {
    long n = 0;
    signal(SIGTERM, stop);
    while (!over || n < 10000) {
        if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0) {
            perror("renameat2");
            return 1;
        }
        n++;
    }
    printf("%ld\n", n);
    return 0;
}
"""


class Swapper:
    """with Swapper(program, a, b) as swapper: …; swapper.count is known after the end."""

    def __init__(self, program, a, b):
        self.command = [program, a, b]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *ignored):
        self.process.terminate()
        out, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, out
        self.count = int(out)
