# SPDX-License-Identifier: Apache-2.0
"""Changing the limits of a container that lives, on whichever cgroup version this machine has."""

import json
import os

import pytest
from bundle import MANAGER
from cgroups import V2, limited, needs, value


def memory(runtime, name):
    return value(runtime, name, "memory", "memory.limit_in_bytes", "memory.max")


@needs("memory")
def test_memory_by_option_and_by_file(runtime, tmp_path):
    name = runtime.start(limited(runtime, memory={"limit": 64 << 20}))
    runtime.ok("update", "--memory", "96M", name)
    assert memory(runtime, name) == str(96 << 20)
    (tmp_path / "limits.json").write_text(json.dumps({"memory": {"limit": 80 << 20}}))
    runtime.ok("update", "--resources", tmp_path / "limits.json", name)
    assert memory(runtime, name) == str(80 << 20)
    runtime.ok("update", "-r", "-", name, stdin=None, input='{"Memory":{"Limit":73400320}}')
    assert memory(runtime, name) == str(70 << 20)
    runtime.ok("update", name, "--memory", "-1")
    assert memory(runtime, name) == ("max" if V2 else "9223372036854771712")


@needs("memory")
def test_memory_and_swap_grow_and_shrink_together(runtime):
    name = runtime.start(limited(runtime, memory={"limit": 32 << 20, "swap": 32 << 20}))
    for size in (64, 16, 48):
        runtime.ok("update", "--memory", f"{size}M", "--memory-swap", f"{size * 2}M", name)
        assert memory(runtime, name) == str(size << 20)
        both = value(runtime, name, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max")
        assert both == str((size if V2 else size * 2) << 20)


@needs("pids")
def test_pids(runtime):
    name = runtime.start(limited(runtime, pids={"limit": 20}))
    for given, kept in (("30", "30"), ("-1", "max"), ("0", "1")):
        runtime.ok("update", "--pids-limit", given, name)
        assert value(runtime, name, "pids", "pids.max", "pids.max") == kept


def bandwidth(runtime, name):
    if V2:
        return value(runtime, name, "", "", "cpu.max").split()
    return [value(runtime, name, "cpu", f"cpu.cfs_{file}_us", "") for file in ("quota", "period")]


@needs("cpu")
def test_quota_and_period_may_come_alone(runtime):
    none = "max" if V2 else "-1"
    whole = MANAGER == "systemd"  # which counts in whole percents, rounded up
    name = runtime.start(limited(runtime, cpu={"quota": 500000, "period": 1000000}))
    for options, after in ((["--cpu-period", "900000"], ["504000" if whole else "500000", "900000"]),
                           (["--cpu-quota", "600000"], ["603000" if whole else "600000", "900000"]),
                           (["--cpu-quota", "-1"], [none, "900000"]),
                           (["--cpu-quota", "20000", "--cpu-period", "100000"], ["20000", "100000"])):
        runtime.ok("update", *options, name)
        assert bandwidth(runtime, name) == after


@needs("cpu")
def test_a_refused_update_leaves_the_old_values(runtime):
    name = runtime.start(limited(runtime, pids={"limit": 20}, cpu={"shares": 512}))
    before = json.loads((runtime.root / name / "config.json").read_text())["linux"]["resources"]
    assert runtime("update", "--pids-limit", "40", "--cpuset-cpus", "4000", name).code == 1
    assert runtime.last_error()["msg"].startswith("linux.resources.cpu.cpus: ")
    assert value(runtime, name, "pids", "pids.max", "pids.max") == "20"
    assert json.loads((runtime.root / name / "config.json").read_text())["linux"]["resources"] == before


@needs("cpu")
def test_updates_add_up(runtime):
    name = runtime.start(limited(runtime, cpu={"shares": 512, "quota": 50000, "period": 100000}))
    runtime.ok("update", "--cpu-share", "1024", name)
    runtime.ok("update", "--cpu-period", "50000", name)
    saved = json.loads((runtime.root / name / "config.json").read_text())["linux"]["resources"]["cpu"]
    assert saved["shares"] == 1024 and saved["period"] == 50000 and "quota" not in saved
    runtime.ok("exec", name, "true")


def test_what_is_not_a_limit_is_refused(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    for options, text in ((["--memory", "much"], "invalid value for memory: "),
                          (["--cpu-share", "-3"], "invalid value for cpu-share: "),
                          (["--cpu-idle", "x"], "invalid value for cpu-idle: "),
                          (["--l3-cache-schema", "L3:0=f"], "Intel RDT"),
                          (["-r", "/proc/nonexistent"], "/proc/nonexistent"), (["-r", "/etc/passwd"], "not JSON")):
        assert runtime("update", *options, name).code == 1, options
        assert text in runtime.last_error()["msg"]


def test_only_what_lives_is_updated(runtime):
    name = runtime.start(runtime.bundle().args("/bin/true"))
    runtime.wait_status(name, "stopped")
    assert runtime("update", "--pids-limit", "5", name).code == 1
    assert runtime.last_error()["msg"] == "container not running"


@needs("pids")
def test_a_paused_container_stays_paused(runtime):
    name = runtime.start(limited(runtime, pids={"limit": 20}))
    runtime.ok("pause", name)
    runtime.ok("update", "--pids-limit", "21", name)
    assert runtime.state(name)["status"] == "paused"


@pytest.mark.skipif(V2 or not os.path.isdir("/sys/fs/cgroup/devices"), reason="no v1 controller devices")
def test_device_rules_stay(runtime):
    fuse = {"type": "c", "major": 10, "minor": 229}
    rules = [{"allow": False, "access": "rwm"}, {"allow": True, **fuse, "access": "rwm"}, {"allow": False, **fuse, "access": "w"}]
    name = runtime.start(limited(runtime, devices=rules))
    before = sorted(value(runtime, name, "devices", "devices.list", "").splitlines())
    assert "c 10:229 rm" in before
    runtime.ok("update", "--pids-limit", "30", name)
    assert sorted(value(runtime, name, "devices", "devices.list", "").splitlines()) == before
