# SPDX-License-Identifier: Apache-2.0
"""Rule A: paths inside a tree that the attacker made (CVE ids are those of the systems that fell)."""

import os

import pytest
from bundle import runtime  # noqa: F401


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
    assert runtime.refused(runtime.run(bundle), "ordinary directory")


def test_nothing_is_bound_over_proc(runtime):
    bundle = runtime.bundle().mount("/proc", "bind", "/tmp", ["bind"])
    assert runtime.refused(runtime.run(bundle), "only a procfs")
    for place in ("/proc/self/attr", "/proc/sys/kernel", "/proc/1/../self/attr", "/proc//self/attr"):
        bundle = runtime.bundle().mount(place, "bind", "/tmp", ["bind"])
        assert runtime.refused(runtime.run(bundle), "inside /proc")


def test_symlink_into_proc_is_seen_through(runtime):
    """CVE-2025-52881: what counts is where a mount ends up, not how its place is spelled."""
    bundle = runtime.bundle().mount("/innocent/attr", "bind", "/tmp", ["bind"])
    os.symlink("/proc/self", bundle.rootfs / "innocent")
    assert runtime.refused(runtime.run(bundle), "inside /proc")


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
    assert runtime.refused(runtime.run(bundle), "'/dev/console' is a symlink")


def test_own_devpts_is_checked(runtime):
    bundle = runtime.bundle().drop_mount("/dev/pts")
    bundle.config["process"]["terminal"] = True
    bundle.mount("/dev/pts", "bind", str(runtime.directory / "fake"), ["bind"])
    (runtime.directory / "fake").mkdir()
    os.symlink("/dev/null", runtime.directory / "fake/ptmx")
    assert runtime.refused(runtime.run(bundle))


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
        assert "HOME=/" in runtime.run(bundle).out.splitlines()


@pytest.mark.parametrize("destination", ["/link", "/link/directory", "/dev/../link/directory"])
def test_tmpcopyup_through_a_symlink(runtime, canary, destination):
    """A tmpfs that starts as a copy of what it covers copies nothing of the host."""
    bundle = runtime.bundle().mount(destination, "tmpfs", "tmpfs", ["tmpcopyup"]).sh("find /canary /link/ -name file")
    os.symlink(str(canary), bundle.rootfs / "link")
    assert "file" not in runtime.run(bundle).out


@pytest.mark.parametrize("path", ["/link/made", "/dev/../link/made", "/dev/link/made", "/../../../../../../link/made"])
def test_device_through_a_symlink(runtime, canary, path):
    bundle = runtime.bundle()
    bundle.config["linux"]["devices"] = [{"path": path, "type": "c", "major": 1, "minor": 3}]
    os.symlink(str(canary), bundle.rootfs / "link")
    runtime.run(bundle)
    assert not (canary / "made").exists()


def test_device_on_a_symlink(runtime, canary):
    """mknod must not be talked into another name, and an existing symlink is not the device."""
    bundle = runtime.bundle().drop_mount("/dev").drop_mount("/dev/pts").drop_mount("/dev/shm").drop_mount("/dev/mqueue")
    bundle.config["linux"]["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666,
                                          "uid": 4, "gid": 4}]
    os.symlink(str(canary / "file"), bundle.rootfs / "dev/fuse")
    runtime.run(bundle)


def test_readonly_path_behind_a_symlink(runtime, canary):
    bundle = runtime.bundle()
    os.symlink(str(canary), bundle.rootfs / "outward")
    bundle.config["linux"]["readonlyPaths"] += ["/outward", "/outward/directory"]
    runtime.run(bundle)


@pytest.mark.parametrize("mount", ["/dev/pts", "/dev/shm", "/dev/mqueue", "/sys/fs/cgroup"])
def test_a_parent_of_a_mount_is_a_symlink(runtime, canary, mount):
    """CVE-2026-47766 and its siblings, one level down."""
    bundle = runtime.bundle().drop_mount("/dev").drop_mount("/sys")
    for other in ("/dev/pts", "/dev/shm", "/dev/mqueue", "/sys/fs/cgroup"):
        if other != mount:
            bundle.drop_mount(other)
    top = bundle.rootfs / mount.split("/")[1]
    replace_by_link(top, str(canary))
    runtime.run(bundle)


@pytest.mark.parametrize("name", ["etc", "root", "bin", "tmp", "proc", "sys", "dev"])
@pytest.mark.parametrize("target", ["{}", "../../../../../../../..{}"])
def test_no_directory_of_the_image_leads_out(runtime, canary, name, target):
    """CVE-2024-5154 (/etc), CVE-2025-54867 and 62161 (/proc, /sys, /dev): whatever the runtime makes, reads or mounts
    on the way to a running program, the host's directory of that name is not looked into. With the terminal, home
    directory and working directory that make it look around most."""
    bundle = runtime.bundle().args("/bin/true")
    bundle.config["process"].update(cwd="/root/work", user={"uid": 4242, "gid": 4242})
    if name == "bin":
        bundle.config["process"]["args"] = ["file"]
        bundle.config["process"]["env"] = ["PATH=/bin:/bin/directory"]
    place = bundle.rootfs / name
    place.rename(bundle.rootfs / f"{name}.old")
    os.symlink(target.format(canary), place)
    result = runtime.run(bundle)
    assert "/canary" not in result.out


@pytest.mark.parametrize("name", [".krun_config.json", "etc/passwd", "etc/group", "etc/mtab", "etc/hostname", "run/.containerenv",
                                  ".dockerenv"])
def test_no_file_of_the_image_is_followed(runtime, canary, name):
    """CVE-2025-24965, CVE-2024-5154, CVE-2024-9676: files that runtimes like to read or write."""
    bundle = runtime.bundle().args("/bin/busybox", "env")
    place = bundle.rootfs / name
    place.parent.mkdir(exist_ok=True)
    if place.exists():
        place.unlink()
    os.symlink(str(canary / "passwd"), place)
    bundle.config["annotations"] = {"run.oci.handler": "krun"}
    assert "/canary" not in runtime.run(bundle).out


def test_proc_that_is_a_volume(runtime, canary):
    """CVE-2019-19921, CVE-2019-16884, CVE-2015-3631: a volume over /proc, or a part of it, is refused."""
    for place in ("/proc", "/proc/self", "/proc/sys", "/proc/1/attr"):
        bundle = runtime.bundle().mount(place, "bind", str(canary), ["rbind", "rw"])
        assert runtime.refused(runtime.run(bundle))
        bundle = runtime.bundle().mount(place, "tmpfs", "tmpfs", ["rw"])
        assert runtime.refused(runtime.run(bundle))


def test_root_of_a_detached_tree_is_its_end(runtime, canary):
    """A bind mount's ".." inside the container is the container's, whatever descriptors are still around."""
    bundle = runtime.bundle().mount("/volume", "bind", str(canary / "directory"), ["rbind"])
    bundle.sh("ls -a /volume/..; cat /volume/../file")
    out = runtime.run(bundle).out
    assert "core_pattern" not in out and "canary:x" not in out
    canary.events()  # the mount of its own directory was asked for
