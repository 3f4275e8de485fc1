# SPDX-License-Identifier: Apache-2.0
"""The machine goes down at any moment: copies of a disk, taken while images come and go, each get an engine.
What a copy holds is what a power cut would have left; the journal of its file system is replayed by its mount.
TARE_TEST_CUTS says how many copies, by default 2 a driver."""

import contextlib
import os
import sqlite3
import subprocess
import threading
import time

import pytest

import disk
import images
from engine.test_storage_driver import Tool, look

CUTS = int(os.environ.get("TARE_TEST_CUTS", "2"))


def copy_disk(image, copy):
    """At one moment: XFS holds writers back while it shares the extents."""
    subprocess.run(["cp", "--reflink=always", image, copy], check=True)


class Traffic:
    """Images that come and go until it is told to stop."""

    def __init__(self, tool, archives, seed):
        self.tool, self.archives, self.seed = tool, archives, seed
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.is_set():
            name = self.seed.choice(list(self.archives))
            words = self.seed.choice([("load", self.archives[name]), ("load", self.archives[name]), ("remove", name), ("settle",)])
            subprocess.run([*self.tool.command, *words], env=self.tool.environment, capture_output=True, timeout=120)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def trees_of(tool, archives):
    """What each image looks like where nothing ever went wrong."""
    seen = {}
    for name, archive in archives.items():
        tool.run("load", archive)
        seen[name] = see(tool, name, "reference")
    return seen


def see(tool, name, key):
    """Kind, mode, owner and content of every file, whatever the driver."""
    kind, source, options = tool.run("prepare", name, key).strip().split(" ")
    lower = [option[len("lowerdir="):].split(":") for option in options.split(",") if option.startswith("lowerdir=")]
    seen = {}
    for path in reversed(lower[0] if kind == "overlay" else [source]):
        seen.update({file: (*facts[:3], facts[5]) for file, facts in look(path)[0].items()})
    tool.run("unprepare", key)
    return seen


@pytest.mark.parametrize("driver", ["overlay", "native", "btrfs"])
def test_an_image_is_whole_or_absent(build, temporary, tmp_path, seed, driver):
    archives = {}
    base = images.tar_bytes([images.directory("."), *((f"base{number}", os.urandom(30000)) for number in range(60))])
    for name in ("one", "two", "three"):
        layout = images.Layout(tmp_path / name)
        layout.image(f"{name}:latest", [base, images.tar_bytes([(f"{name}{number}", os.urandom(20000)) for number in range(60)])])
        archives[name] = layout.archive(tmp_path / f"{name}.tar")
    reference = trees_of(Tool(build, tmp_path / "reference", "overlay"), archives)
    with disk.disk(temporary / f"cut-{driver}", "xfs", megabytes=1200) as outer:
        cut(build, outer / "d", driver, archives, reference, seed)


def cut(build, place, driver, archives, reference, seed):
    copies = []
    with disk.disk(place, "btrfs" if driver == "btrfs" else "ext4", options="commit=1") as point:
        tool = Tool(build, point / "root", driver)
        with Traffic(tool, archives, seed):
            for number in range(CUTS):
                time.sleep(seed.uniform(0.5, 2.5))
                copies.append(place / f"copy{number}")
                copy_disk(place / "disk", copies[-1])
    found = 0
    for copy in copies:
        with disk.mounted(copy, place / "m"):
            tool = Tool(build, place / "m/root", driver)
            if not tool.root.exists():
                continue
            another_boot(tool)
            for line in tool.run("list").splitlines():
                name = line.split()[2].split(":")[0]
                assert see(tool, name, f"check-{name}") == reference[name], f"{name} of {copy} is neither whole nor absent"
                found += 1
            tool.check()
            for name, archive in archives.items():
                tool.run("load", archive)
                assert see(tool, name, "again") == reference[name]
        copy.unlink()
    print(f"{found} images in {len(copies)} copies")


def another_boot(tool):
    """The kernel's id of this boot is one: the marks of the engine that was cut off bear it."""
    database = tool.root / "tare.db"
    if not database.exists():
        return
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'snapshot'").fetchone():
            connection.execute("UPDATE snapshot SET value = json_set(value, '$.boot', 'another') WHERE json_extract(value, '$.boot') IS NOT NULL")
