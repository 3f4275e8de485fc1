# SPDX-License-Identifier: Apache-2.0
"""All kinds of namespaces, made and joined."""

import os
import pathlib
import subprocess
import time

import pytest
from bundle import cgroup_lines, mapped, reachable

KINDS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup", "time": "time",
         "user": "user"}


def inode(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{KINDS[kind]}")


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "user"])
def test_new_namespace_differs(runtime, kind):
    pid = runtime.state(runtime.start(runtime.bundle().namespace(kind).args("/bin/sleep", "100")))["pid"]
    assert inode(pid, kind) != inode("self", kind)


@pytest.mark.parametrize("kind", ["network", "ipc", "uts", "cgroup", "time", "pid"])
def test_absent_namespace_is_the_callers(runtime, kind):
    bundle = runtime.bundle().drop_namespace(kind).args("/bin/sleep", "100")
    if kind == "uts":
        del bundle.config["hostname"]
    if kind == "network":
        bundle.drop_mount("/sys")
        bundle.drop_mount("/sys/fs/cgroup")
        bundle.config["linux"]["maskedPaths"] = []
    name = runtime.start(bundle)
    assert inode(runtime.state(name)["pid"], kind) == inode("self", kind)
    runtime.ok("delete", "--force", name)


@pytest.mark.parametrize("kind", ["network", "ipc", "uts", "cgroup", "time", "pid"])
def test_joining_by_path(runtime, kind):
    first = runtime.state(runtime.start(runtime.bundle().namespace(kind).args("/bin/sleep", "100")))["pid"]
    other = runtime.bundle().namespace(kind, path=f"/proc/{first}/ns/{KINDS[kind]}").args("/bin/sleep", "100")
    if kind == "uts":
        del other.config["hostname"]
    second = runtime.state(runtime.start(other))["pid"]
    assert inode(first, kind) == inode(second, kind) != inode("self", kind)
    assert inode(first, "mount") != inode(second, "mount")


def test_loopback_is_up(runtime):
    assert "127.0.0.1" in runtime.run(runtime.bundle().sh("ip addr show lo; ip link show lo")).out


def test_hostname_and_domainname(runtime):
    bundle = runtime.bundle().sh("hostname; cat /proc/sys/kernel/domainname")
    bundle.config["domainname"] = "example.org"
    assert runtime.run(bundle).out.split() == ["tare-test", "example.org"]


def test_user_namespace(runtime):
    reachable(runtime)
    bundle = mapped(runtime.bundle()).sh("id -u; cat /proc/self/uid_map; touch /tmp/x; ls -ln /dev/null; echo > /dev/null")
    result = runtime.run(bundle)
    assert result.code == 0, result
    assert result.out.split()[:4] == ["0", "0", "100000", "65536"]
    assert os.stat(bundle.rootfs / "tmp/x").st_uid == 100000


def test_runtime_comes_back_from_a_user_namespace(runtime):
    """It opens mounts inside; what it does later is done in its caller's directory and mount namespace."""
    reachable(runtime)
    folder = runtime.directory / "caller"
    folder.mkdir()
    bundle = mapped(runtime.bundle()).args("/bin/sleep", "100")
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"readlink /proc/self/ns/mnt >{folder}/namespace"]}
    bundle.config["hooks"] = {"createRuntime": [hook]}
    name = runtime.create(bundle, "--pid-file", "pid", cwd=folder)
    pid = runtime.state(name)["pid"]
    assert int((folder / "pid").read_text()) == pid
    assert (folder / "namespace").read_text().strip() == inode("self", "mount") != inode(pid, "mount")


def test_user_namespace_joined_by_path(runtime):
    reachable(runtime)
    first = runtime.state(runtime.start(mapped(runtime.bundle()).args("/bin/sleep", "100")))["pid"]
    other = mapped(runtime.bundle()).namespace("user", path=f"/proc/{first}/ns/user").args("/bin/sleep", "100")
    del other.config["linux"]["uidMappings"], other.config["linux"]["gidMappings"]
    second = runtime.state(runtime.start(other))["pid"]
    assert inode(first, "user") == inode(second, "user") != inode("self", "user")
    assert os.stat(f"/proc/{second}").st_uid == 100000


def test_user_namespace_with_a_joined_network(runtime):
    reachable(runtime)
    first = runtime.state(runtime.start(runtime.bundle().args("/bin/sleep", "100")))["pid"]
    other = mapped(runtime.bundle()).namespace("network", path=f"/proc/{first}/ns/net").args("/bin/sleep", "100")
    other.drop_mount("/sys").drop_mount("/sys/fs/cgroup")
    second = runtime.state(runtime.start(other))["pid"]
    assert inode(first, "network") == inode(second, "network")
    assert inode(second, "user") != inode("self", "user")


def test_exec_in_a_user_namespace(runtime):
    reachable(runtime)
    name = runtime.start(mapped(runtime.bundle()).args("/bin/sleep", "100"))
    result = runtime.ok("exec", name, "sh", "-c", "id -u; cat /proc/self/uid_map; readlink /proc/self/ns/user")
    assert result.out.split() == ["0", "0", "100000", "65536", inode(runtime.state(name)["pid"], "user")]


def test_user_namespace_needs_mappings(runtime):
    assert runtime.run(runtime.bundle().namespace("user")).code == 1
    assert "linux.uidMappings" in runtime.last_error()["msg"]


def test_time_offsets(runtime):
    bundle = runtime.bundle().namespace("time").args("/bin/cat", "/proc/uptime", "/proc/self/timens_offsets")
    bundle.config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000}, "monotonic": {"secs": 7, "nanosecs": 5}}
    lines = runtime.run(bundle).out.splitlines()
    assert float(lines[0].split()[0]) > 1000000
    assert lines[1].split() == ["monotonic", "7", "5"] and lines[2].split()[1] == "1000000"


def test_exec_sees_time_offsets(runtime):
    bundle = runtime.bundle().namespace("time").args("/bin/sleep", "100")
    bundle.config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000}}
    name = runtime.start(bundle)
    assert float(runtime.ok("exec", name, "cat", "/proc/uptime").out.split()[0]) > 1000000


def test_cgroup_namespace_begins_at_the_container(runtime):
    out = runtime.run(runtime.bundle().namespace("cgroup").args("/bin/cat", "/proc/self/cgroup")).out
    assert set(cgroup_lines(out)) == {"/"}


def test_joined_mount_namespace_is_left_as_it_is(runtime):
    first = runtime.state(runtime.start(runtime.bundle().args("/bin/sleep", "100")))["pid"]
    other = runtime.bundle().namespace("mount", path=f"/proc/{first}/ns/mnt").sh("echo joined > /tmp/mark")
    other.config["linux"].update(maskedPaths=[], readonlyPaths=[])
    assert runtime.run(other).code == 0
    assert not (other.rootfs / "tmp/mark").exists()
    assert os.path.exists(f"/proc/{first}/root/tmp/mark")


def test_without_a_mount_namespace_the_rootfs_is_still_the_root(runtime):
    """And nothing is mounted: it would stay on the host."""
    bundle = runtime.bundle().drop_namespace("mount").sh("pwd; ls -d /bin /proc/self; ls /run")
    del bundle.config["linux"]["maskedPaths"], bundle.config["linux"]["readonlyPaths"]
    before = pathlib.Path("/proc/self/mountinfo").read_text()
    result = runtime.run(bundle)
    assert result.out.split() == ["/", "/bin"], result
    assert pathlib.Path("/proc/self/mountinfo").read_text() == before


def test_a_joined_mount_namespace_that_shows_the_rootfs_has_it_as_root(runtime):
    bundle = runtime.bundle().sh("echo joined > /tmp/mark; readlink /proc/self/ns/mnt || true")
    with subprocess.Popen(["unshare", "--mount", "sleep", "100"]) as other:
        try:
            ours = os.readlink("/proc/self/ns/mnt")
            for _ in range(100):
                theirs = os.readlink(f"/proc/{other.pid}/ns/mnt")
                if theirs != ours:
                    break
                time.sleep(0.05)
            result = runtime.run(bundle.namespace("mount", path=f"/proc/{other.pid}/ns/mnt"))
        finally:
            other.kill()
    assert result.code == 0 and (bundle.rootfs / "tmp/mark").read_text() == "joined\n", result


def test_bad_namespaces(runtime):
    bundle = runtime.bundle().namespace("nonsense")
    assert runtime.run(bundle).code == 1
    assert runtime.last_error()["msg"] == 'linux.namespaces[5].type: unknown namespace "nonsense"'
    bundle = runtime.bundle()
    bundle.config["linux"]["namespaces"].append({"type": "pid"})
    assert runtime.run(bundle).code == 1
    assert "duplicated" in runtime.last_error()["msg"]
    bundle = runtime.bundle().namespace("network", path="/proc/nonexistent/ns")
    assert runtime.run(bundle).code == 1
    assert "linux.namespaces[4].path: cannot open '/proc/nonexistent/ns'" in runtime.last_error()["msg"]


def test_cgroup_namespace_in_a_user_namespace(runtime):
    reachable(runtime)
    bundle = mapped(runtime.bundle().namespace("cgroup"))
    lines = runtime.run(bundle.sh("cd /sys/fs/cgroup; for f in */cgroup.procs cgroup.procs; do "
                                  "[ -e $f ] && echo $f: $(cat $f); done")).out.splitlines()
    assert lines and all(line.split()[1] == "1" for line in lines), lines
