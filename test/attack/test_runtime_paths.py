# SPDX-License-Identifier: Apache-2.0
"""Rule A: paths inside a tree that the attacker made (CVE ids are those of the systems that fell)."""

import ctypes
import os
import stat
import subprocess
import threading

import pytest
from bundle import runtime  # noqa: F401

LIBC = ctypes.CDLL(None, use_errno=True)
EXCHANGE, AT_FDCWD = 2, -100


@pytest.fixture
def canary(runtime):
    """A directory of the host that no container may change."""
    path = runtime.directory / "canary"
    path.mkdir()
    for name in ("ptmx", "null", "file"):
        (path / name).write_text("canary")
    before = snapshot(path)
    yield path
    assert snapshot(path) == before


def snapshot(path):
    found = {}
    for directory, names, files in os.walk(path):
        for name in names + files:
            full = os.path.join(directory, name)
            st = os.lstat(full)
            found[full] = (st.st_mode, st.st_uid, st.st_size, st.st_mtime_ns)
    return found


def replace_by_link(path, target):
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    os.symlink(target, path)


@pytest.mark.parametrize("link", ["{}", "../../../../../../../../..{}", "//{}"])
def test_dev_is_a_symlink_to_the_host(runtime, canary, link):
    """CVE-2026-41579, CVE-2026-47766."""
    bundle = runtime.bundle().drop_mount("/dev").drop_mount("/dev/pts").drop_mount("/dev/shm").drop_mount("/dev/mqueue")
    replace_by_link(bundle.rootfs / "dev", link.format(canary))
    bundle.config["linux"]["devices"] = [{"path": "/dev/file", "type": "c", "major": 1, "minor": 3}]
    runtime.run(bundle)


def test_dev_is_a_symlink_and_a_tmpfs_goes_there(runtime, canary):
    bundle = runtime.bundle()
    replace_by_link(bundle.rootfs / "dev", str(canary))
    result = runtime.run(bundle.sh("echo x > /dev/null"))
    assert result.code in (0, 1)


@pytest.mark.parametrize("kind", ["proc", "sys"])
def test_proc_and_sys_must_be_ordinary_directories(runtime, canary, kind):
    """CVE-2019-19921, CVE-2023-27561, CVE-2023-28642."""
    bundle = runtime.bundle()
    (bundle.rootfs / "elsewhere").mkdir()
    replace_by_link(bundle.rootfs / kind, "/elsewhere")
    assert runtime.run(bundle).code == 1
    assert "ordinary directory" in runtime.last_error()["msg"]


def test_nothing_is_bound_over_proc(runtime):
    bundle = runtime.bundle().mount("/proc", "bind", "/tmp", ["bind"])
    assert runtime.run(bundle).code == 1
    assert "only a procfs" in runtime.last_error()["msg"]
    for place in ("/proc/self/attr", "/proc/sys/kernel", "/proc/1/../self/attr", "/proc//self/attr"):
        bundle = runtime.bundle().mount(place, "bind", "/tmp", ["bind"])
        assert runtime.run(bundle).code == 1
        assert "inside /proc" in runtime.last_error()["msg"]


def test_symlink_into_proc_is_seen_through(runtime):
    """CVE-2025-52881: what counts is where a mount ends up, not how its place is spelled."""
    bundle = runtime.bundle().mount("/innocent/attr", "bind", "/tmp", ["bind"])
    os.symlink("/proc/self", bundle.rootfs / "innocent")
    assert runtime.run(bundle).code == 1
    assert "inside /proc" in runtime.last_error()["msg"]


def test_lxcfs_files_may_be_bound(runtime):
    source = runtime.directory / "uptime"
    source.write_text("1.00 1.00\n")
    bundle = runtime.bundle().mount("/proc/uptime", "bind", str(source), ["bind"]).args("/bin/cat", "/proc/uptime")
    assert runtime.run(bundle).out == "1.00 1.00\n"


@pytest.mark.parametrize("source", ["directory", "file"])
@pytest.mark.parametrize("target", ["{}", "../../../../../../../..{}"])
def test_mount_destination_through_a_symlink(runtime, canary, source, target):
    """CVE-2021-30465, CVE-2024-45310: new mount points are made inside the rootfs only."""
    path = runtime.directory / "source"
    path.mkdir() if source == "directory" else path.touch()
    bundle = runtime.bundle().mount("/link/new/deep", "bind", str(path), ["bind"])
    replace_by_link(bundle.rootfs / "link", target.format(canary))
    runtime.run(bundle)
    assert not (canary / "new").exists()


def test_masks_do_not_trust_the_containers_null(runtime):
    """CVE-2025-31133: the image brings its own /dev/null, a symlink to what it wants to write."""
    bundle = runtime.bundle().drop_mount("/dev").drop_mount("/dev/pts").drop_mount("/dev/shm").drop_mount("/dev/mqueue")
    os.symlink("/proc/sys/kernel/core_pattern", bundle.rootfs / "dev/null")
    (bundle.rootfs / "secret").write_text("secret")
    bundle.config["linux"]["maskedPaths"].append("/secret")
    result = runtime.run(bundle.sh("cat /secret; stat -c %t:%T /secret"))
    assert result.code == 1 or result.out == "1:3\n"
    # even where /dev is whole, a rootfs path as mask source is never used
    whole = runtime.bundle().sh("cat /secret; stat -c %t:%T /secret")
    (whole.rootfs / "secret").write_text("secret")
    whole.config["linux"]["maskedPaths"].append("/secret")
    assert runtime.run(whole).out == "1:3\n"


def test_masked_path_behind_a_symlink_is_masked_where_it_leads(runtime, canary):
    bundle = runtime.bundle().sh("cat /real; stat -c %t:%T /real")
    (bundle.rootfs / "real").write_text("secret")
    os.symlink("/real", bundle.rootfs / "alias")
    os.symlink(f"{canary}/file", bundle.rootfs / "outward")
    bundle.config["linux"]["maskedPaths"] += ["/alias", "/outward"]
    assert runtime.run(bundle).out == "1:3\n"


def test_console_that_is_a_symlink(runtime, canary):
    """CVE-2025-52565."""
    bundle = runtime.bundle().drop_mount("/dev").drop_mount("/dev/shm").drop_mount("/dev/mqueue").drop_mount("/dev/pts")
    bundle.mount("/dev/pts", "devpts", "devpts", ["newinstance", "ptmxmode=0666"])
    os.symlink(f"{canary}/file", bundle.rootfs / "dev/console")
    bundle.config["process"]["terminal"] = True
    assert runtime.run(bundle).code == 1
    assert "'/dev/console' is a symlink" in runtime.last_error()["msg"]


def test_own_devpts_is_checked(runtime):
    bundle = runtime.bundle().drop_mount("/dev/pts")
    bundle.config["process"]["terminal"] = True
    bundle.mount("/dev/pts", "bind", str(runtime.directory / "fake"), ["bind"])
    (runtime.directory / "fake").mkdir()
    os.symlink("/dev/null", runtime.directory / "fake/ptmx")
    assert runtime.run(bundle).code == 1


def test_working_directory_through_a_symlink(runtime, canary):
    """CVE-2026-55686: WORKDIR is made inside the container only."""
    bundle = runtime.bundle().args("/bin/true")
    os.symlink(str(canary), bundle.rootfs / "x")
    bundle.config["process"]["cwd"] = "/x/y"
    runtime.run(bundle)
    assert not (canary / "y").exists()


def test_passwd_that_is_no_file(runtime):
    """CVE-2024-9676: reading the home directory may neither hang nor leave the container."""
    for make in (lambda p: os.mkfifo(p), lambda p: os.symlink("/dev/zero", p), lambda p: os.symlink("/proc/kmsg", p)):
        bundle = runtime.bundle().args("/bin/env")
        (bundle.rootfs / "etc/passwd").unlink()
        make(bundle.rootfs / "etc/passwd")
        assert "HOME=/" in runtime.run(bundle, timeout=20).out.splitlines()


def exchange_forever(a, b, stop):
    while not stop.is_set():
        for _ in range(100):
            LIBC.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), EXCHANGE)


def test_racing_sibling(runtime, canary):
    """A container that shares a volume exchanges a directory and a symlink while others are made."""
    volume = runtime.directory / "volume"
    (volume / "place").mkdir(parents=True)
    os.symlink(str(canary), volume / "swap")
    source = runtime.directory / "source"
    source.mkdir()
    stop = threading.Event()
    attacker = threading.Thread(target=exchange_forever, args=(volume / "place", volume / "swap", stop))
    attacker.start()
    try:
        for _ in range(60):
            bundle = runtime.bundle().mount("/volume", "bind", str(volume), ["rbind"])
            bundle.mount("/volume/place/made", "bind", str(source), ["bind"])
            bundle.mount("/volume/place/tmpfs", "tmpfs", "tmpfs")
            bundle.config["linux"]["maskedPaths"].append("/volume/place/file")
            runtime.run(bundle)
    finally:
        stop.set()
        attacker.join()
    assert not (canary / "made").exists() and not (canary / "tmpfs").exists()
    assert stat.S_ISREG(os.lstat(canary / "file").st_mode)
    mounts = subprocess.run(["cat", "/proc/self/mountinfo"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert str(canary) not in mounts
