# SPDX-License-Identifier: Apache-2.0
"""The engine makes room on a small disk: old unused images go, used and pinned ones never."""

import json
import os
import shutil
import subprocess

import pytest

import disk
import images
from harness import Engine, wait_until

MEGABYTES = 12  # of each image


@pytest.fixture
def point(temporary):
    with disk.disk(temporary / "room", "ext4", megabytes=256) as point:
        yield point


def archive_of(directory, name):
    layout = images.Layout(directory / name)
    content = os.urandom(MEGABYTES << 20)
    layout.image(f"{name}:latest", [images.busybox_tar(), images.tar_bytes([("big", content)])], {"Cmd": ["true"]})
    return layout.archive(directory / f"{name}.tar")


def names(engine):
    return set(engine.output("images", "--format", "{{.Repository}}").split())


def full(point):
    status = os.statvfs(point)
    used = status.f_blocks - status.f_bfree
    return 100 * used / (used + status.f_bavail)


def test_old_unused_images_make_room(bin_dir, point, tmp_path):
    """The disk fills while nobody collects: what comes in meanwhile would be counted as well."""
    settings = {
        "image-gc-high-threshold": 60, "image-gc-low-threshold": 45, "image-gc-minimum-age": 0,
        "image-gc-interval": 1, "pinned-images": ["pinned:*"],
    }
    engine = Engine(bin_dir, point / "e", {"image-gc-high-threshold": 0}).start()
    try:
        for name in ("pinned", "used", "old", "touched"):
            engine.tare("load", "-i", archive_of(tmp_path, name))
        engine.tare("create", "--name", "user", "used")
        engine.output("run", "--rm", "touched", "true")
        number = 0
        while full(point) < 60:
            number += 1
            engine.tare("load", "-i", archive_of(tmp_path, f"more{number}"))
            engine.output("run", "--rm", f"more{number}", "true")
            assert number < 20
        assert {"pinned", "used", "old", "touched"} <= names(engine)
        engine.stop()
        engine.config.write_text(json.dumps({**json.loads(engine.config.read_text()), **settings}))
        engine.start()
        wait_until(lambda: full(point) <= 46, 60, "room on the disk")
        left = names(engine)
        assert {"pinned", "used"} <= left
        assert "old" not in left
        # in the order of their last use
        kept = sorted(int(name[4:]) for name in left if name.startswith("more"))
        assert kept == list(range(number + 1 - len(kept), number + 1))
        assert engine.output("start", "-a", "user") == ""
        assert engine.output("run", "--rm", "pinned", "echo", "here") == "here"
        assert "to make room" in engine.log()
    finally:
        engine.close()


def test_thresholds_are_checked(bin_dir, new_engine):
    engine = new_engine({"image-gc-high-threshold": 50, "image-gc-low-threshold": 70})
    with pytest.raises(AssertionError, match="image-gc-low-threshold: 70 is above image-gc-high-threshold, 50"):
        engine.start()
    engine.config.write_text(engine.config.read_text().replace("70", "40"))
    engine.start()


@pytest.mark.skipif(not shutil.which("ctr"), reason="no ctr")
def test_what_a_lease_holds_goes_when_it_expires(new_engine):
    """Without anybody asking, and without a hundred changes before."""
    engine = new_engine({"image-gc-interval": 1}).start()

    def ctr(*words):
        return subprocess.check_output(["ctr", "--address", engine.socket, "-n", "default", *words], text=True).strip()

    ctr("leases", "create", "--id", "lasting", "--expires", "1h")
    ctr("leases", "create", "--id", "passing", "--expires", "2s")
    wait_until(lambda: "passing" not in ctr("leases", "ls"), 60, "the lease to go")
    assert "lasting" in ctr("leases", "ls")
