# SPDX-License-Identifier: Apache-2.0
"""A user with a systemd of the user's own: containers are scopes below it, with limits where it has controllers. For a
guest that is forgotten, because the user has to be known to the machine (test/guest/suite -m systemd)."""

import os
import pathlib
import signal

import pytest
from bundle import own_cgroup, systemd_only
from rootless import USER, command, session, user, user_manager  # noqa: F401

ROOT = pathlib.Path("/sys/fs/cgroup")
MEBI = 1 << 20
MANAGER = ROOT / f"user.slice/user-{USER}.slice/user@{USER}.service"

pytestmark = systemd_only


@pytest.fixture
def delegated(session):  # noqa: F811
    if "memory" not in (MANAGER / "cgroup.controllers").read_text().split():
        pytest.skip("no controllers are delegated to users")
    return session


def limited(user, **resources):  # noqa: F811
    bundle = user.bundle().args("/bin/sleep", "1000")
    bundle.config["linux"]["resources"] = resources
    return bundle


def test_a_scope_with_limits_below_the_users_manager(delegated):
    limits = {"memory": {"limit": 64 * MEBI}, "pids": {"limit": 9}, "cpu": {"shares": 2048, "quota": 50000, "period": 100000}}
    name = delegated.start(limited(delegated, **limits))
    inside = own_cgroup(delegated.state(name)["pid"])
    assert inside == MANAGER / f"user.slice/tare-{name}.scope"
    assert (inside / "memory.max").read_text() == f"{64 * MEBI}\n"
    assert (inside / "pids.max").read_text() == "9\n"
    assert (inside / "cpu.max").read_text() == "50000 100000\n"
    assert delegated.ok("exec", name, "cat", "/proc/self/cgroup").out.strip().endswith(f"/tare-{name}.scope")
    delegated.ok("delete", "--force", name)
    assert not inside.exists()


@pytest.mark.guest_smoke
def test_limits_hold(delegated):
    bundle = limited(delegated, memory={"limit": 16 * MEBI, "swap": 16 * MEBI}).args("/bin/tail", "/dev/zero")
    assert delegated.run(bundle).code == 128 + signal.SIGKILL
    bundle = limited(delegated, pids={"limit": 4}).sh("for i in 1 2 3 4 5; do sleep 1000 & done; echo five")
    assert "can't fork" in delegated.run(bundle).err


def test_updates_outlive_a_reload(delegated):
    name = delegated.start(limited(delegated, memory={"limit": 64 * MEBI}, pids={"limit": 9}))
    inside = own_cgroup(delegated.state(name)["pid"])
    delegated.ok("update", "--memory", "32M", "--pids-limit", "7", name)
    command("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "env", f"XDG_RUNTIME_DIR=/run/user/{USER}",
            "systemctl", "--user", "daemon-reload")
    assert (inside / "memory.max").read_text() == f"{32 * MEBI}\n" and (inside / "pids.max").read_text() == "7\n"


def test_paused_resumed_and_seen(session):  # noqa: F811
    name = session.start(limited(session))
    session.ok("pause", name)
    assert session.state(name)["status"] == "paused"
    session.ok("resume", name)
    assert session.ok("ps", "-f", "json", name).out.strip().startswith("[")
    assert '"memory"' in session.ok("events", "--stats", name).out
    session.ok("kill", name, "KILL")
    session.wait_status(name, "stopped")
    session.ok("delete", name)


def test_a_limit_whose_controller_was_not_delegated_is_refused(delegated):
    if "hugetlb" in (MANAGER / "cgroup.controllers").read_text().split():
        pytest.skip("it was")
    assert delegated.run(limited(delegated, hugepageLimits=[{"pageSize": "2MB", "limit": 0}])).code == 1
    assert "linux.resources.hugepageLimits: " in delegated.last_error()["msg"]
    assert delegated.left() == []


def test_a_slice_of_the_users(session):  # noqa: F811
    bundle = limited(session)
    bundle.config["linux"]["cgroupsPath"] = f"tt-mine.slice:tt:{os.getpid()}"
    name = session.start(bundle)
    assert own_cgroup(session.state(name)["pid"]) == MANAGER / f"tt.slice/tt-mine.slice/tt-{os.getpid()}.scope"
    session.ok("delete", "--force", name)
