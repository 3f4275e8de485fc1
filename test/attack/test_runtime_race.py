# SPDX-License-Identifier: Apache-2.0
"""Rule A against a racing sibling: a container that shares a volume exchanges a directory, or a file, and a symlink to
the host while others are made. Each race makes some tens of containers and at least ten thousand exchanges."""

import os
import time

import pytest
from attack.canary import Swapper
from bundle import runtime  # noqa: F401

CONTAINERS = int(os.environ.get("TARE_TEST_RACES", "25"))
EXCHANGES = 10_000


def race(runtime, swapper, a, b, make):
    """Containers from make(i) against the exchange of a and b; returns how many ran."""
    ran = 0
    with Swapper(swapper, a, b) as attacker:
        begin = time.monotonic()
        for i in range(CONTAINERS):
            ran += runtime.run(make(i), timeout=30).code == 0
        while time.monotonic() - begin < 0.3:
            time.sleep(0.01)
    assert attacker.count >= EXCHANGES
    return ran


@pytest.fixture
def volume(runtime, canary):
    """place is a directory, swap a symlink to the canary; the same for file and link."""
    path = runtime.directory / "volume"
    (path / "place").mkdir(parents=True)
    os.symlink(str(canary), path / "swap")
    (path / "file").touch()
    os.symlink(str(canary / "file"), path / "link")
    return path


def with_volume(bundle, volume, at="/volume"):
    return bundle.mount(at, "bind", str(volume), ["rbind", "rw"])


@pytest.mark.parametrize("kind", ["bind", "tmpfs", "file", "copy-up", "deep"])
def test_mount_destination(runtime, canary, volume, swapper, kind):
    """CVE-2021-30465 (the mount), CVE-2024-45310 (what is made for it)."""
    source = runtime.directory / "source"
    source.mkdir()
    (runtime.directory / "source-file").touch()
    bundle = with_volume(runtime.bundle(), volume)
    {"bind": lambda: bundle.mount("/volume/place/directory", "bind", str(source), ["bind"]),
     "tmpfs": lambda: bundle.mount("/volume/place/directory", "tmpfs", "tmpfs"),
     "file": lambda: bundle.mount("/volume/place/file", "bind", str(runtime.directory / "source-file"), ["bind"]),
     "copy-up": lambda: bundle.mount("/volume/place", "tmpfs", "tmpfs", ["tmpcopyup"]),
     "deep": lambda: bundle.mount("/volume/place/a/b/c/d", "bind", str(source), ["bind"])}[kind]()
    race(runtime, swapper, volume / "place", volume / "swap", lambda i: bundle)


def test_new_mount_points(runtime, canary, volume, swapper):
    """CVE-2024-45310, 2026-41568: names that nobody has made yet, anew each time."""
    source = runtime.directory / "source"
    source.mkdir()

    def make(i):
        bundle = with_volume(runtime.bundle(), volume)
        return bundle.mount(f"/volume/place/new{i}/x/../y", "bind", str(source), ["bind"])

    race(runtime, swapper, volume / "place", volume / "swap", make)


@pytest.mark.parametrize("path", ["/volume/place/file", "/volume/file", "/volume/place/directory"])
@pytest.mark.parametrize("field", ["maskedPaths", "readonlyPaths"])
def test_protected_path(runtime, canary, volume, swapper, field, path):
    """CVE-2025-31133's cousins: the mask lands on the container's own file, or nowhere."""
    bundle = with_volume(runtime.bundle(), volume)
    bundle.config["linux"][field].append(path)
    pair = ("file", "link") if path == "/volume/file" else ("place", "swap")
    race(runtime, swapper, volume / pair[0], volume / pair[1], lambda i: bundle)


@pytest.mark.parametrize("field", ["maskedPaths", "readonlyPaths"])
def test_protected_proc_is_protected(runtime, canary, swapper, field):
    """CVE-2025-31133: while a /dev that containers share changes, /proc/kcore and /proc/sys are protected all the same."""
    shared = runtime.directory / "dev"
    shared.mkdir()
    (shared / "null").touch()
    os.symlink("/proc/sys/kernel/core_pattern", shared / "other")
    bundle = runtime.bundle().drop_mount("/dev").drop_mount("/dev/pts").drop_mount("/dev/shm").drop_mount("/dev/mqueue")
    with_volume(bundle, shared, "/dev")
    bundle.config["linux"]["maskedPaths"].append("/proc/keys")
    bundle.sh("[ -s /proc/keys ] && echo OPEN; echo x 2>&- >/proc/sys/kernel/domainname && echo WRITTEN; true")
    outs = []

    def make(i):
        return bundle

    with Swapper(swapper, shared / "null", shared / "other") as attacker:
        for _ in range(CONTAINERS):
            outs.append(runtime.run(bundle, timeout=30).out)
        time.sleep(0.1)
    assert attacker.count >= EXCHANGES
    assert not any("OPEN" in out or "WRITTEN" in out for out in outs)


def test_console(runtime, canary, swapper):
    """CVE-2025-52565, CVE-2025-62596: /dev/console turns into a symlink between any two looks."""
    shared = runtime.directory / "dev"
    shared.mkdir()
    (shared / "console").touch()
    os.symlink(str(canary / "console"), shared / "other")
    bundle = runtime.bundle().drop_mount("/dev").drop_mount("/dev/pts").drop_mount("/dev/shm").drop_mount("/dev/mqueue")
    with_volume(bundle, shared, "/dev").mount("/dev/pts", "devpts", "devpts", ["newinstance", "ptmxmode=0666"])
    (shared / "pts").mkdir()
    bundle.config["process"]["terminal"] = True
    race(runtime, swapper, shared / "console", shared / "other", lambda i: bundle)


def test_devpts(runtime, canary, swapper):
    """CVE-2025-52565: the place of the devpts itself."""
    shared = runtime.directory / "dev"
    (shared / "pts").mkdir(parents=True)
    os.symlink(str(canary), shared / "other")
    bundle = runtime.bundle().drop_mount("/dev").drop_mount("/dev/pts").drop_mount("/dev/shm").drop_mount("/dev/mqueue")
    with_volume(bundle, shared, "/dev").mount("/dev/pts", "devpts", "devpts", ["newinstance", "ptmxmode=0666"])
    bundle.config["process"]["terminal"] = True
    race(runtime, swapper, shared / "pts", shared / "other", lambda i: bundle)


def test_device_node(runtime, canary, volume, swapper):
    bundle = with_volume(runtime.bundle(), volume)
    bundle.config["linux"]["devices"] = [{"path": "/volume/place/made", "type": "c", "major": 1, "minor": 3, "uid": 7, "gid": 7}]
    race(runtime, swapper, volume / "place", volume / "swap", lambda i: bundle)


def test_working_directory(runtime, canary, volume, swapper):
    """CVE-2026-55686: made, and entered, inside only."""
    bundle = with_volume(runtime.bundle(), volume).sh("/bin/pwd -P; ls")
    bundle.config["process"]["cwd"] = "/volume/place/work"
    outs = []
    with Swapper(swapper, volume / "place", volume / "swap") as attacker:
        for _ in range(CONTAINERS):
            outs.append(runtime.run(bundle, timeout=30).out)
        time.sleep(0.1)
    assert attacker.count >= EXCHANGES
    assert not any("core_pattern" in out for out in outs)


def test_working_directory_of_exec(runtime, canary, swapper):
    """CVE-2024-21626 with a race: the container itself exchanges the directory."""
    bundle = runtime.bundle().args("/bin/sleep", "1000")
    (bundle.rootfs / "place").mkdir()
    os.symlink("/proc/1/cwd/../../../../../.." + str(canary), bundle.rootfs / "swap")
    name = runtime.start(bundle)
    with Swapper(swapper, bundle.rootfs / "place", bundle.rootfs / "swap") as attacker:
        for _ in range(CONTAINERS):
            result = runtime("exec", "--cwd", "/place", name, "/bin/ls")
            assert "core_pattern" not in result.out
        time.sleep(0.1)
    assert attacker.count >= EXCHANGES


def test_passwd(runtime, canary, swapper):
    """CVE-2024-9676: etc/passwd is the container's, or nobody's."""
    bundle = runtime.bundle().args("/bin/env")
    etc = bundle.rootfs / "etc"
    os.symlink(str(canary / "passwd"), etc / "other")
    with Swapper(swapper, etc / "passwd", etc / "other") as attacker:
        for _ in range(CONTAINERS):
            assert "/canary" not in runtime.run(bundle, timeout=30).out
        time.sleep(0.1)
    assert attacker.count >= EXCHANGES
