# SPDX-License-Identifier: Apache-2.0
"""Disks of a test's own: a file, a file system in it, mounted through a loop device."""

import contextlib
import os
import shutil
import subprocess

import pytest

MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "nodiscard"],
    "ext4 quota": ["mkfs.ext4", "-q", "-F", "-O", "quota,project", "-E", "quotatype=prjquota,nodiscard"],
    "ext4 verity": ["mkfs.ext4", "-q", "-F", "-O", "verity", "-b", "4096", "-E", "nodiscard"],
    "xfs": ["mkfs.xfs", "-q", "-f", "-K", "-m", "reflink=1"],
    "btrfs": ["mkfs.btrfs", "-q", "-f", "-K"],
}


def known(kind):
    if shutil.which("modprobe"):
        subprocess.run(["modprobe", "-q", kind])
    with open("/proc/filesystems") as file:
        return kind in file.read().split()


def make(directory, kind, megabytes=320, feature=""):
    """(image, mount point) of a new file system, not yet mounted; feature: quota or verity, if the kind has it."""
    if not known(kind):
        pytest.skip(f"this kernel has no {kind}")
    if not shutil.which(MAKE[kind][0]):
        pytest.skip(f"no {MAKE[kind][0]} in $PATH")
    directory.mkdir(parents=True)
    image, point = directory / "disk", directory / "m"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    subprocess.run([*MAKE.get(f"{kind} {feature}", MAKE[kind]), image], check=True, stdout=subprocess.DEVNULL)
    return image, point


@contextlib.contextmanager
def disk(directory, kind, megabytes=320, options="", feature=""):
    """The mount point of a new file system; it and all that was mounted below it goes in the end."""
    image, point = make(directory, kind, megabytes, feature)
    try:
        with mounted(image, point, options):
            yield point
    finally:
        image.unlink()


@contextlib.contextmanager
def mounted(image, point, options=""):
    subprocess.run(["mount", "-o", ",".join(filter(None, ["loop", options])), image, point], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", "-R", "-l", point], check=True)


def used(path):
    """What du says, in bytes; one file system. It exits with 1 if something goes while it counts."""
    done = subprocess.run(["du", "-sx", "--block-size=1", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return int(done.stdout.split()[0])


def loop_devices(text):
    output = subprocess.check_output(["losetup", "-a"], text=True)
    return [line for line in output.splitlines() if text in line]


