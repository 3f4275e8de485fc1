# SPDX-License-Identifier: Apache-2.0
"""A runtime that is killed at any instant leaves nothing that `delete --force` does not clean."""

import os
import random
import signal
import subprocess
import time

import pytest
from bundle import MANAGER, cgroupfs_only, cgroups_of
from harness import wait_until


def processes_of(marker):
    """Pids whose command line holds the marker."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if marker.encode() in open(f"/proc/{pid}/cmdline", "rb").read():
                found.append(int(pid))
        except OSError:
            pass
    return found


def gone(pids, seconds=60):
    end = time.monotonic() + seconds
    while any(os.path.exists(f"/proc/{pid}") and state_of(pid) not in "ZX" for pid in pids):
        assert time.monotonic() < end, pids
        time.sleep(0.01)


def state_of(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"


@pytest.mark.parametrize("command", ["create", "run"])
def test_killed_at_random_moments(runtime, command):
    bundle = runtime.bundle().args("/bin/sleep", "12345")
    bundle.namespace("cgroup")
    bundle.write()
    seed = random.randrange(1 << 30)
    print("seed", seed)  # pytest shows it when the test fails
    moments = random.Random(seed)
    for _ in range(40):
        name = runtime.new_id()
        process = subprocess.Popen(runtime.command(command, "-b", bundle.path, name), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0, 0.012))
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = processes_of(name)
        assert runtime.quiet("delete", "--force", name) == 0
        # systemd may have been asked for a scope just before; it goes when nobody is in it
        wait_until(lambda: not cgroups_of(name), 60 if MANAGER == "systemd" else 0, "the end of the cgroup")
        assert not (runtime.root / name).exists()
        gone(left)


def test_killed_during_delete(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "12345")
    for i in range(20):
        name = runtime.start(bundle)
        pid = runtime.state(name)["pid"]
        process = subprocess.Popen(runtime.command("delete", "--force", name), stdin=subprocess.DEVNULL)
        time.sleep(i * 0.0003)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert runtime.quiet("delete", "--force", name) == 0
        assert not cgroups_of(name)
        gone([pid])


def test_init_does_not_outlive_a_runtime_that_died_before_it_was_ready(runtime):
    """A hook that kills the runtime: init finds nobody to talk to and ends."""
    bundle = runtime.bundle().args("/bin/sleep", "12345")
    bundle.config["hooks"] = {"createRuntime": [
        {"path": "/bin/sh", "args": ["sh", "-c", "kill -9 $PPID; sleep 1"], "env": ["PATH=/bin"]}]}
    bundle.write()
    name = runtime.new_id()
    assert runtime.quiet("create", "-b", bundle.path, name) != 0
    record = runtime.root / name / "state.json"
    assert record.exists()
    import json
    pid = json.loads(record.read_text())["pid"]
    gone([pid])
    assert runtime.quiet("delete", "--force", name) == 0


def test_container_killed_while_created(runtime):
    name = runtime.create(runtime.bundle().args("/bin/sleep", "12345"))
    os.kill(runtime.state(name)["pid"], signal.SIGKILL)
    runtime.wait_status(name, "stopped")
    assert runtime("start", name).code == 1
    assert "stopped" in runtime.last_error()["msg"]
    runtime.ok("delete", name)


def test_concurrent_creates_of_one_name(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "12345")
    bundle.write()
    name = runtime.new_id()
    processes = [subprocess.Popen(runtime.command("create", "-b", bundle.path, name), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(8)]
    assert sorted(p.wait(60) for p in processes) == [0] + [1] * 7
    assert runtime.state(name)["status"] == "created"
    runtime.ok("start", name)


def test_concurrent_starts(runtime):
    """One of them starts it; the others are told so, even where they had knocked already."""
    name = runtime.create(runtime.bundle().args("/bin/sleep", "12345"))
    processes = [subprocess.Popen(runtime.command("start", name), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                 for _ in range(6)]
    assert sorted(p.wait(60) for p in processes) == [0] + [1] * 5
    assert {e["msg"] for e in runtime.errors()} == {"cannot start an already running container"}
    assert runtime.state(name)["status"] == "running"


def test_many_at_once(runtime):
    bundle = runtime.bundle().args("/bin/true")
    bundle.write()
    processes = [subprocess.Popen(runtime.command("run", "-b", bundle.path, runtime.new_id()), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(40)]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err


def spoil(path, how):
    text = path.read_text()
    path.unlink()
    if how == "garbage":
        path.write_bytes(bytes(range(256)) * 4)
    elif how == "directory":
        path.mkdir()
    elif how != "absent":
        path.write_text(text[:int(len(text) * how)])


HOW = [0, 0.1, 0.3, 0.5, 0.8, 0.99, "garbage", "absent", "directory"]


@cgroupfs_only
@pytest.mark.parametrize("how", HOW)
def test_force_cleans_up_behind_a_record_that_cannot_be_read(runtime, how):
    parent = f"{runtime.directory.name}-{os.getpid()}"
    bundle = runtime.bundle().args("/bin/sleep", "12345")
    bundle.config["linux"]["cgroupsPath"] = f"/{parent}/it"
    name = runtime.start(bundle)
    pid = runtime.state(name)["pid"]
    assert cgroups_of(parent)
    spoil(runtime.root / name / "state.json", how)
    assert runtime("delete", name).code == 1
    assert runtime.last_error()["msg"].startswith("cannot delete a container that has processes: container")
    assert state_of(pid) not in "ZX" and (runtime.root / name).exists()
    assert runtime.quiet("delete", "--force", name) == 0
    gone([pid])
    assert not (runtime.root / name).exists()
    for place in cgroups_of(parent):
        os.rmdir(place)


@cgroupfs_only
@pytest.mark.parametrize("how", HOW)
def test_a_cgroup_that_is_only_a_guess(runtime, how):
    """Without linux.cgroupsPath it could be that of a container of the same name, of another root."""
    name = runtime.start(runtime.bundle().args("/bin/sleep", "12345"))
    pid = runtime.state(name)["pid"]
    spoil(runtime.root / name / "state.json", how)
    assert runtime.quiet("delete", "--force", name) == 0
    assert not (runtime.root / name).exists()
    if how in (0.5, 0.8, 0.99):  # the pid was still to be read
        gone([pid])
    elif state_of(pid) not in "ZX":
        assert "is left alone: it may be another container's" in runtime.log.read_text()
        os.kill(pid, signal.SIGKILL)
        gone([pid])
        for place in cgroups_of(name):
            os.rmdir(place)
