# SPDX-License-Identifier: Apache-2.0
"""A user to whom a part of cgroup v2 was delegated limits containers as root does, and cannot leave that part."""

import os
import pathlib
import signal

import pytest
from bundle import cgroupfs_only, own_cgroup
from rootless import USER, user  # noqa: F401

ROOT = pathlib.Path("/sys/fs/cgroup")
MEBI = 1 << 20
V2 = (ROOT / "cgroup.controllers").exists() and "memory" in (ROOT / "cgroup.controllers").read_text()

pytestmark = [cgroupfs_only, pytest.mark.skipif(not V2, reason="no cgroup v2 with controllers")]
ENTER = 'echo 0 > "$0/cgroup.procs" && exec "$@"'


@pytest.fixture
def delegated(user):  # noqa: F811
    """The user's commands run in a cgroup below one that is theirs, as systemd's Delegate= has it."""
    parent = ROOT / f"tt-delegated-{os.getpid()}"
    top = parent / "user"
    (top / "shell").mkdir(parents=True)
    for path in (parent, top):
        (path / "cgroup.subtree_control").write_text("+memory +pids +cpu")
    for path in (top, top / "shell"):
        for name in (".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
            os.chown(path / name, USER, USER)
    inner = user.command
    user.command = lambda *words: ["bash", "-c", ENTER, str(top / "shell"), *inner(*words)]
    user.top = top
    yield user
    user.clean()
    for path in (top / "shell", top, parent):
        path.rmdir()


def limited(user, **resources):  # noqa: F811
    bundle = user.bundle().args("/bin/sleep", "1000")
    bundle.config["linux"]["resources"] = resources
    return bundle


def test_the_cgroup_is_beside_the_callers_with_limits(delegated):
    name = delegated.start(limited(delegated, memory={"limit": 64 * MEBI}, pids={"limit": 9}, cpu={"shares": 1024}))
    inside = own_cgroup(delegated.state(name)["pid"])
    assert inside == delegated.top / name
    assert (inside / "memory.max").read_text() == f"{64 * MEBI}\n"
    assert (inside / "pids.max").read_text() == "9\n"
    assert (inside / "cpu.weight").read_text() == "100\n"
    assert own_cgroup_of_exec(delegated, name) == inside
    delegated.ok("delete", "--force", name)
    assert not inside.exists()


def own_cgroup_of_exec(delegated, name):
    out = delegated.ok("exec", name, "cat", "/proc/self/cgroup").out
    return pathlib.Path(f"{ROOT}{out.strip().removeprefix('0::')}")


@pytest.mark.guest_smoke
def test_memory_and_processes_are_limited(delegated):
    bundle = limited(delegated, memory={"limit": 16 * MEBI, "swap": 16 * MEBI}).args("/bin/tail", "/dev/zero")
    assert delegated.run(bundle).code == 128 + signal.SIGKILL
    bundle = limited(delegated, pids={"limit": 4}).sh("for i in 1 2 3 4 5; do sleep 1000 & done; echo five")
    assert "can't fork" in delegated.run(bundle).err


def test_paused_and_resumed_and_updated(delegated):
    name = delegated.start(limited(delegated))
    delegated.ok("pause", name)
    assert delegated.state(name)["status"] == "paused"
    delegated.ok("resume", name)
    delegated.ok("update", "--pids-limit", "7", name)
    assert (own_cgroup(delegated.state(name)["pid"]) / "pids.max").read_text() == "7\n"


def test_an_absolute_path_inside_is_taken(delegated):
    bundle = limited(delegated, pids={"limit": 5})
    bundle.config["linux"]["cgroupsPath"] = f"/{delegated.top.relative_to(ROOT)}/deep/inside"
    name = delegated.start(bundle)
    assert own_cgroup(delegated.state(name)["pid"]) == delegated.top / "deep/inside"
    delegated.ok("delete", "--force", name)
    (delegated.top / "deep").rmdir()


def test_a_path_outside_is_refused(delegated):
    bundle = limited(delegated, pids={"limit": 5})
    bundle.config["linux"]["cgroupsPath"] = f"/tt-foreign-{os.getpid()}"
    assert delegated.run(bundle).code == 1
    assert "permission denied" in delegated.last_error()["msg"].lower()
    assert not (ROOT / f"tt-foreign-{os.getpid()}").exists()


def test_a_limit_whose_controller_was_not_delegated_is_refused(delegated):
    if "hugetlb" not in (ROOT / "cgroup.controllers").read_text():
        pytest.skip("no v2 controller hugetlb")
    bundle = limited(delegated, hugepageLimits=[{"pageSize": "2MB", "limit": 0}])
    assert delegated.run(bundle).code == 1
    assert "hugetlb" in delegated.last_error()["msg"] or "hugepageLimits" in delegated.last_error()["msg"]


def test_without_delegation_there_are_no_limits_but_containers(user):  # noqa: F811
    assert user.run(limited(user).sh("echo hello")).out == "hello\n"
    assert user.run(limited(user, pids={"limit": 5})).code == 1
    assert "cgroup" in user.last_error()["msg"]
