# SPDX-License-Identifier: Apache-2.0
"""What engines leave behind on the machine, whatever their own directories are."""

import contextlib
import os
import pathlib
import shutil
import subprocess

IN_RUN = ("containerd", "containers", "netns", "tare-runtime")
CGROUPS = ("default", "libpod_parent", "machine.slice")
TABLES = ("ip filter", "ip nat", "ip6 filter", "ip6 nat", "inet netavark")


def found():
    places = [pathlib.Path("/run", name) for name in IN_RUN]
    places += [point / name for point in pathlib.Path("/sys/fs/cgroup").iterdir() for name in CGROUPS]
    return {place for place in places if place.exists()}


def remove(place):
    if str(place).startswith("/run/"):
        subprocess.run(["umount", "-R", place], stderr=subprocess.DEVNULL)
        shutil.rmtree(place)
        return
    for directory, _, _ in os.walk(place, topdown=False):
        os.rmdir(directory)


@contextlib.contextmanager
def cleared_up():
    """What appears within is removed."""
    before = found()
    yield
    for place in found() - before:
        remove(place)
    for table in TABLES:
        subprocess.run(["nft", "delete", "table", *table.split()], stderr=subprocess.DEVNULL)
