# SPDX-License-Identifier: Apache-2.0
"""The runtime inside a container: as root, in a user namespace, with /proc and cgroups that are not its own."""

import json
import os
import shutil

import pytest
from bundle import make_rootfs

ALL = ["CAP_" + name for name in (
    "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_ADMIN SYS_CHROOT SYS_PTRACE "
    "SYS_ADMIN MKNOD AUDIT_WRITE SETFCAP").split()]
INNER = "/inner"


def map_ids(bundle, host=100000, size=65536):
    bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        bundle.config["linux"][kind] = [{"containerID": 0, "hostID": host, "size": size}]
    for directory, names, files in os.walk(bundle.rootfs):
        for name in [directory, *(os.path.join(directory, n) for n in names + files)]:
            os.lchown(name, host, host)


def reachable(runtime):
    path = runtime.directory
    while str(path) not in ("/", "/tmp"):
        os.chmod(path, os.stat(path).st_mode | 0o755)
        path = path.parent


@pytest.fixture
def outer(runtime, release_bin_dir):
    """A bundle that holds a runtime without sanitizers (a container has no libraries for them) and, at /inner, a
    second bundle; the function that this gives runs the second in the first."""
    reachable(runtime)
    bundle = runtime.bundle().caps(*ALL)
    bundle.config["process"]["noNewPrivileges"] = False
    inner = bundle.rootfs / INNER[1:]
    make_rootfs(inner / "rootfs")
    shutil.copy(release_bin_dir / "tare-runtime", bundle.rootfs / "bin/tare-runtime")
    document = json.loads(json.dumps(bundle.config))
    document["process"]["args"] = ["/bin/sh", "-c", "id -u; hostname; readlink /proc/self/ns/pid; cat /proc/self/uid_map"]
    document["process"]["capabilities"] = {}
    del document["linux"]["resources"]

    def run(change=lambda document: None, user=False):
        change(document)
        (inner / "config.json").write_text(json.dumps(document))
        if user:
            map_ids(bundle)
        return runtime.run(bundle.sh(f"tare-runtime --root /tmp/state run --bundle {INNER} inner; echo code $?; "
                                     "ls /tmp/state"))

    run.bundle = bundle
    return run


def test_as_root_with_its_own_cgroup_hierarchy(outer):
    outer.bundle.namespace("cgroup").drop_mount("/sys/fs/cgroup")
    outer.bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev"])
    outer.bundle.config["linux"].update(maskedPaths=[], readonlyPaths=[])
    result = outer()
    assert result.out.split()[:2] == ["0", "tare-test"] and "code 0" in result.out, result


def test_in_a_user_namespace_with_masked_proc(outer):
    """A new procfs is refused there; cgroups are read-only. The container runs, and knows its pid namespace."""
    result = outer(user=True)
    assert "code 0" in result.out, result
    lines = result.out.splitlines()
    assert lines[0] == "0" and lines[2].startswith("pid:[") and lines[2] != os.readlink("/proc/self/ns/pid")


def test_a_user_namespace_in_a_user_namespace(outer):
    def change(document):
        document["linux"]["namespaces"].append({"type": "user"})
        for kind in ("uidMappings", "gidMappings"):
            document["linux"][kind] = [{"containerID": 0, "hostID": 0, "size": 1000}]

    result = outer(change, user=True)
    assert "code 0" in result.out, result
    assert result.out.splitlines()[3].split() == ["0", "0", "1000"]


def test_shared_network_shows_the_outer_sysfs(outer):
    def change(document):
        document["linux"]["namespaces"] = [n for n in document["linux"]["namespaces"] if n["type"] != "network"]
        document["process"]["args"] = ["/bin/sh", "-c", "ls /sys/class/net; touch /sys/x 2>&1"]

    result = outer(change, user=True)
    assert "lo" in result.out.split() and "code 1" in result.out, result
