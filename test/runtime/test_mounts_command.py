# SPDX-License-Identifier: Apache-2.0
"""`mounts add` and `mounts remove`: mounts of a container that lives."""

import json
import os

import pytest
from bundle import mapped, reachable


@pytest.fixture
def running(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "100")
    (bundle.path / "data").mkdir()
    (bundle.path / "data/file").write_text("of the host\n")
    bundle.name = runtime.start(bundle)
    return bundle


def change(runtime, verb, name, mounts):
    return runtime("mounts", verb, name, "-", stdin=None, input=mounts if isinstance(mounts, str) else json.dumps(mounts))


def bind(destination, source="data", **more):
    return {"destination": destination, "type": "bind", "source": source, "options": ["rbind", "ro"], **more}


def sh(runtime, bundle, script):
    return runtime("exec", bundle.name, "sh", "-c", script).out


def test_mounts_come_and_go(runtime, running):
    host = open("/proc/self/mountinfo").read()
    (running.path / "mounts.json").write_text(json.dumps([
        bind("/new/place"), bind("/one-file", "data/file"), {"destination": "/in-memory", "type": "tmpfs", "options": ["size=64k", "ro"]}]))
    runtime.ok("mounts", "add", running.name, running.path / "mounts.json")
    assert sh(runtime, running, "cat /new/place/file /one-file; touch /new/place/x /one-file /in-memory/x; stat -f -c %T /in-memory") == \
        "of the host\nof the host\ntmpfs\n"
    assert os.listdir(running.path / "data") == ["file"] and open("/proc/self/mountinfo").read() == host
    assert change(runtime, "remove", running.name, [{"destination": d} for d in ("/new/place", "/one-file", "/in-memory")]).code == 0
    assert sh(runtime, running, "ls /new/place; cat /one-file; grep -c -e /new/place -e /one-file -e /in-memory /proc/self/mountinfo") == "0\n"
    assert (running.path / "data/file").exists()


def test_all_mounts_or_none(runtime, running):
    wrong = [bind("/first"), {"destination": "/second", "type": "nosuchfs"}]
    assert change(runtime, "add", running.name, wrong).code == 1
    assert "nosuchfs" in runtime.last_error()["msg"]
    assert sh(runtime, running, "grep -c -e /first -e /second /proc/self/mountinfo") == "0\n"


def test_mounts_of_a_paused_container(runtime, running):
    runtime.ok("pause", running.name)
    assert change(runtime, "add", running.name, [bind("/place")]).code == 0
    runtime.ok("resume", running.name)
    assert sh(runtime, running, "cat /place/file") == "of the host\n"


@pytest.mark.parametrize("mounts, words", [
    ("", "not JSON"), ("{}", "mounts: expected an array of objects"), ("[3]", "mounts[0]: expected an object"),
    ("[{}]", "mounts[0].destination: expected a value"), ([bind("/x", "/absent")], "/absent"), ([bind("/")], "mounts[0] ('/'): destination: expected a place below '/'"),
    ([bind("/proc/self")], "/proc"), ([{"destination": "/x", "type": "proc"}], "a new proc is not made"),
    ([{"destination": "/x", "type": "cgroup2"}], "a new cgroup2 is not made")])
def test_what_cannot_be_added(runtime, running, mounts, words):
    assert change(runtime, "add", running.name, mounts).code == 1
    assert words in runtime.last_error()["msg"]
    assert sh(runtime, running, "grep -c ' /x ' /proc/self/mountinfo") == "0\n"


def test_what_cannot_be_removed(runtime, running):
    for destination, words in (("/", "'/' stays"), ("/bin", "cannot unmount '/bin'"), ("/absent/place", "/absent")):
        assert change(runtime, "remove", running.name, [{"destination": destination}]).code == 1
        assert words in runtime.last_error()["msg"]


def test_who_has_no_mounts_to_change(runtime, running):
    assert change(runtime, "swap", running.name, []).code == 1
    assert "expected add or remove" in runtime.last_error()["msg"]
    assert change(runtime, "add", "nobody", []).code == 1
    runtime.ok("kill", running.name, "KILL")
    runtime.wait_status(running.name, "stopped")
    assert change(runtime, "add", running.name, [bind("/place")]).code == 1
    assert "container not running" in runtime.last_error()["msg"]


def test_user_namespaces_are_left_alone(runtime):
    reachable(runtime)
    name = runtime.start(mapped(runtime.bundle()).args("/bin/sleep", "100"))
    for verb in ("add", "remove"):
        assert change(runtime, verb, name, [{"destination": "/dev/shm", "type": "tmpfs"}]).code == 1
        assert "user namespace" in runtime.last_error()["msg"]


def test_symlinks_of_the_container_lead_nowhere_else(runtime, running):
    """Rule A: the container chooses what lies at the destination, and meanwhile changes it."""
    decoy = running.path / "decoy"
    decoy.mkdir()
    os.symlink(decoy, running.rootfs / "link")
    os.symlink("../../../../../../../../../.." + str(decoy), running.rootfs / "up")
    before = open("/proc/self/mountinfo").read()
    assert change(runtime, "add", running.name, [bind("/link/a"), bind("/up/b")]).code == 0
    assert os.listdir(decoy) == [] and open("/proc/self/mountinfo").read() == before
    assert sh(runtime, running, f"cat {decoy}/a/file {decoy}/b/file") == "of the host\nof the host\n"
    assert change(runtime, "remove", running.name, [{"destination": "/link/a"}, {"destination": "/up/b"}]).code == 0
    assert sh(runtime, running, f"grep -c {decoy} /proc/self/mountinfo") == "0\n"
