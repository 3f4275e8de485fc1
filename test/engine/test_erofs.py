# SPDX-License-Identifier: Apache-2.0
"""Layers as EROFS images: mounted as the kernel can, sealed where the disk can."""

import os
import subprocess

import pytest

import disk
import images
from harness import Engine, mounts_below, wait_until

LINE = "%06d what a sealed layer holds is read as it was written\n"
TEXT = "".join(LINE % number for number in range(40000))


@pytest.fixture
def archive(tmp_path):
    if not disk.known("erofs"):
        pytest.skip("this kernel has no EROFS")
    layout = images.Layout(tmp_path / "layout")
    layout.image("sealed:latest", [images.busybox_tar(), images.tar_bytes([("data", TEXT)])], {"Cmd": ["cat", "/data"]})
    return layout.archive(tmp_path / "sealed.tar")


def kernel_mounts_files():
    return tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 12)


def layers(engine):
    return sorted(engine.root.glob("snapshots/erofs/*/layer.erofs"))


def test_layers_are_mounted_by_file_or_by_loop(bin_dir, archive, temporary):
    with disk.disk(temporary / "erofs", "ext4") as point:
        engine = Engine(bin_dir, point / "e", {"storage-driver": "erofs"}).start()
        try:
            engine.tare("load", "-i", archive)
            assert engine.output("run", "--rm", "sealed") == TEXT.strip()
            assert len(layers(engine)) == len(mounts_below(engine.root)) == 2
            # losetup(8) names a file as the kernel does, from the root of its file system
            assert len(disk.loop_devices("layer.erofs")) == (0 if kernel_mounts_files() else 2)
            engine.tare("rmi", "sealed")
            wait_until(lambda: not layers(engine) and not mounts_below(engine.root), 30, "the layers to be gone")
            wait_until(lambda: not disk.loop_devices("layer.erofs"), 30, "the loop devices to be free")
        finally:
            engine.close()


def is_sealed(path):
    return "V" in subprocess.check_output(["lsattr", path], text=True).split()[0]


def spoil(path, words):
    """Changes one letter wherever these words stand; returns how often."""
    content = path.read_bytes()
    at, times = content.find(words), 0
    with open(path, "r+b") as file:
        while at >= 0:
            file.seek(at)
            file.write(bytes([content[at] ^ 1]))
            times += 1
            at = content.find(words, at + 1)
    return times


@pytest.fixture
def verity_disk(temporary):
    if not os.path.exists("/sys/fs/ext4/features/verity"):
        pytest.skip("this kernel has no fs-verity on ext4")
    image, point = disk.make(temporary / "sealed", "ext4", feature="verity")
    yield image, point
    image.unlink()


def test_a_sealed_layer_is_read_as_it_was_or_not_at_all(bin_dir, archive, verity_disk):
    image, point = verity_disk
    with disk.mounted(image, point):
        engine = Engine(bin_dir, point / "e", {"storage-driver": "erofs"}).start()
        try:
            engine.tare("load", "-i", archive)
            assert engine.output("run", "--rm", "sealed") == TEXT.strip()
            assert len(layers(engine)) == 2 and all(map(is_sealed, layers(engine)))
        finally:
            engine.stop()
    assert spoil(image, (LINE % 20000).encode()) == 1
    with disk.mounted(image, point):
        try:
            engine.start()
            answer = engine.tare("run", "--rm", "sealed", code=None)
            assert answer.returncode == 1 and "Input/output error" in answer.stderr
            assert TEXT.startswith(answer.stdout)
        finally:
            engine.close()
