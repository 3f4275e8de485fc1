# SPDX-License-Identifier: Apache-2.0
"""What systemd and the runtime both know of a container's limits: nothing that systemd does later takes them away. For
a guest with controllers, with systemd as the manager (test/guest/suite -m systemd)."""

import json
import os
import pathlib
import subprocess

import pytest
from bundle import cgroup_name, own_cgroup, systemd_only
from cgroups import CONTROLLERS, FUSE, OPEN, disk_of

MEBI = 1 << 20
NO_SETTINGS = ("procs", "threads", "pressure", "reclaim", "peak", "kill")

pytestmark = [systemd_only, pytest.mark.skipif("memory" not in CONTROLLERS, reason="no cgroup v2 with controllers")]


def everything(disk):
    major, minor = disk
    rate = {"major": major, "minor": minor, "rate": 5 * MEBI}
    return {
        "cpu": {"shares": 512, "quota": 50000, "period": 100000, "burst": 10000, "cpus": "0", "mems": "0"},
        "memory": {"limit": 64 * MEBI, "reservation": 32 * MEBI, "swap": 96 * MEBI},
        "pids": {"limit": 30},
        "blockIO": {"weight": 300, "throttleWriteBpsDevice": [rate]},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MEBI}],
        "unified": {"memory.high": str(48 * MEBI), "memory.min": str(8 * MEBI), "memory.oom.group": "1"},
    }


def settings(directory):
    """Whatever can be written there, and is not a counter."""
    files = [file for file in directory.iterdir() if file.is_file() and file.stat().st_mode & 0o600 == 0o600]
    return {file.name: file.read_text() for file in files if file.name.rpartition(".")[2] not in NO_SETTINGS}


def systemctl(*words):
    return subprocess.run(["systemctl", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                          timeout=60).stdout


def start_with_everything(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "1000")
    limits = everything(disk_of(runtime.directory))
    if "hugetlb" not in CONTROLLERS:
        del limits["hugepageLimits"]
    bundle.config["linux"]["resources"].update(limits)
    name = runtime.start(bundle)
    return name, own_cgroup(runtime.state(name)["pid"])


def test_limits_are_there_by_file_and_by_property(runtime):
    name, directory = start_with_everything(runtime)
    found = settings(directory)
    for file, value in (("memory.max", 64 * MEBI), ("memory.low", 32 * MEBI), ("memory.swap.max", 32 * MEBI), ("pids.max", 30),
                        ("memory.high", 48 * MEBI), ("memory.min", 8 * MEBI), ("memory.oom.group", 1), ("cpuset.cpus", 0),
                        ("cpu.max", "50000 100000"), ("cpu.max.burst", 10000)):
        assert found[file] == f"{value}\n", file
    shown = systemctl("show", cgroup_name(name)).splitlines()
    for line in (f"MemoryMax={64 * MEBI}", f"MemoryLow={32 * MEBI}", f"MemorySwapMax={32 * MEBI}", f"MemoryHigh={48 * MEBI}",
                 f"MemoryMin={8 * MEBI}", "TasksMax=30", "CPUQuotaPerSecUSec=500ms", "AllowedCPUs=0", "Delegate=yes"):
        assert line in shown, line


def test_a_subgroup_has_the_limits_too(runtime):
    """run.oci.systemd.subgroup (crun): on the scope they are systemd's, on the container's cgroup the runtime's."""
    bundle = runtime.bundle().args("/bin/sleep", "1000")
    bundle.config["linux"]["resources"].update({"memory": {"limit": 64 * MEBI}, "pids": {"limit": 30}})
    bundle.config["annotations"] = {"run.oci.systemd.subgroup": "sub"}
    name = runtime.start(bundle)
    directory = own_cgroup(runtime.state(name)["pid"])
    assert directory.name == "sub" and directory.parent.name == cgroup_name(name)
    for where in (directory, directory.parent):
        found = settings(where)
        assert (found["memory.max"], found["pids.max"]) == (f"{64 * MEBI}\n", "30\n"), where
    runtime.ok("update", "--memory", "80M", "--memory-swap", "80M", name)
    for where in (directory, directory.parent):
        assert settings(where)["memory.max"] == f"{80 * MEBI}\n", where
    assert runtime.ok("exec", name, "grep", "-c", "/sub$", "/proc/self/cgroup").out == "1\n"
    runtime.ok("delete", "-f", name)
    assert not directory.parent.exists()


CHANGES = [["--memory", "80M", "--memory-swap", "100M"], ["--cpu-share", "2048"], ["--cpu-quota", "30000"],
           ["--pids-limit", "40"], ["--blkio-weight", "700"], ["--cpuset-cpus", "0-1"], ["--memory-reservation", "16M"],
           ["--cpu-idle", "1"], ["--cpu-idle", "0"]]


@pytest.mark.guest_smoke
def test_a_reload_of_systemd_undoes_nothing(runtime):
    name, directory = start_with_everything(runtime)
    before = settings(directory)
    systemctl("daemon-reload")
    assert settings(directory) == before
    for change in CHANGES:
        runtime.ok("update", *change, name)
    after = settings(directory)
    assert after["memory.max"] == f"{80 * MEBI}\n" and after["memory.swap.max"] == f"{20 * MEBI}\n" and after["pids.max"] == "40\n"
    assert after["cpu.max"] == "30000 100000\n" and after["cpu.idle"] == "0\n"
    systemctl("daemon-reload")
    assert settings(directory) == after


def test_an_idle_container_stays_idle_until_it_is_told_otherwise(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "1000"))
    directory = own_cgroup(runtime.state(name)["pid"])
    for idle in ("1", "0"):
        runtime.ok("update", "--cpu-idle", idle, name)
        systemctl("daemon-reload")
        assert (directory / "cpu.idle").read_text() == f"{idle}\n"


def test_a_new_systemd_undoes_nothing(runtime):
    name, directory = start_with_everything(runtime)
    before = settings(directory)
    systemctl("daemon-reexec")
    assert settings(directory) == before
    runtime.ok("update", "--pids-limit", "50", name)
    assert settings(directory) == {**before, "pids.max": "50\n"}
    runtime.ok("delete", "--force", name)
    assert not directory.exists()


def test_an_administrators_change_of_one_limit_leaves_the_others(runtime):
    name, directory = start_with_everything(runtime)
    before = settings(directory)
    systemctl("set-property", "--runtime", cgroup_name(name), "MemoryHigh=40M")
    assert settings(directory) == {**before, "memory.high": f"{40 * MEBI}\n"}


def test_a_reload_leaves_device_rules_as_they_are(runtime):
    if not os.path.exists("/dev/fuse"):
        pytest.skip("no /dev/fuse")
    bundle = runtime.bundle().caps("CAP_MKNOD").args("/bin/sleep", "1000")
    bundle.config["linux"]["resources"]["devices"] += [
        {"allow": True, "type": "c", "major": 10, "access": "rwm"}, {"allow": False, **FUSE, "access": "w"}]
    name = runtime.start(bundle)
    for _ in range(2):
        result = runtime.ok("exec", "--cap", "CAP_MKNOD", name, "sh", "-c", OPEN + "; rm -f /tmp/device; : >/dev/null && echo null")
        assert result.out.split() == ["read", "null"], result
        systemctl("daemon-reload")
        runtime.ok("update", "--pids-limit", "50", name)


def test_a_slice_whose_name_is_escaped(runtime):
    """systemd-escape writes a dash that means no level as \\x2d."""
    bundle = runtime.bundle().args("/bin/sleep", "1000")
    bundle.config["linux"]["cgroupsPath"] = f"tt-a\\x2db.slice:tt:{os.getpid()}"
    name = runtime.start(bundle)
    directory = own_cgroup(runtime.state(name)["pid"])
    assert directory == pathlib.Path(f"/sys/fs/cgroup/tt.slice/tt-a\\x2db.slice/tt-{os.getpid()}.scope")
    runtime.ok("update", "--pids-limit", "50", name)
    runtime.ok("delete", "--force", name)
    assert not directory.exists()


def test_the_kernels_pressure_is_reported(runtime):
    name, _ = start_with_everything(runtime)
    data = json.loads(runtime.ok("events", "--stats", name).out)["data"]
    for part in ("cpu", "memory", "blkio"):
        assert set(data[part]["psi"]) >= {"some", "full"}, part
    assert data["memory"]["usage"]["limit"] == 64 * MEBI and data["pids"]["limit"] == 30


def test_a_container_that_was_killed_leaves_no_failed_unit(runtime):
    bundle = runtime.bundle().args("/bin/tail", "/dev/zero")
    bundle.config["linux"]["resources"].update(memory={"limit": 16 * MEBI, "swap": 16 * MEBI}, unified={"memory.oom.group": "1"})
    name = runtime.start(bundle)
    runtime.wait_status(name, "stopped", 30)
    runtime.ok("delete", name)
    assert cgroup_name(name) not in systemctl("list-units", "--all", "--plain", "--no-legend")
