# SPDX-License-Identifier: Apache-2.0
"""Who was killed for lack of memory is told: by inspect, and as an event."""

import json
import subprocess

import pytest

from harness import wait_until

LIMIT = 24 << 20
EAT = "tail /dev/zero"  # keeps all that it reads


def inspect(engine, name):
    (found,) = json.loads(engine.output("inspect", name))
    return found["State"]


@pytest.fixture
def heard(engine):
    """The lines of `tare event`."""
    lines = []
    listener = engine.popen("event", stdout=subprocess.PIPE, text=True)
    try:
        # it listens when it hears of a namespace that is made for that
        def begun():
            engine.tare("namespace", "create", "begin", code=None)
            engine.tare("namespace", "remove", "begin", code=None)
            return "begin" in listener.stdout.readline()
        wait_until(begun, 30, "the listener")
        yield lambda: lines.append(listener.stdout.readline()) or lines[-1]
    finally:
        listener.kill()
        listener.wait()


def until_oom(heard):
    while "/tasks/oom" not in (line := heard()):
        pass
    assert " tare /tasks/oom containerd.events.TaskOOM" in line


def test_the_program_itself(engine, busybox, heard):
    engine.tare("run", "--name", "eater", "-m", str(LIMIT), busybox, "sh", "-c", f"exec {EAT}", code=137)
    state = inspect(engine, "eater")
    assert state["OOMKilled"] is True and state["ExitCode"] == 137
    oom = state["OOM"]
    assert oom["Kills"] == 1 and oom["Limit"] == LIMIT and oom["Exec"] == "" and oom["Pid"] > 0
    assert LIMIT // 2 < oom["Usage"] <= 2 * LIMIT
    until_oom(heard)
    engine.tare("rm", "eater")


def test_an_exec_while_the_container_goes_on(engine, busybox, heard):
    engine.tare("run", "-d", "--name", "host", "-m", str(LIMIT), busybox, "sleep", "1000")
    assert "OOM" not in inspect(engine, "host")
    engine.tare("exec", "host", "sh", "-c", f"exec {EAT}", code=137)
    until_oom(heard)
    wait_until(lambda: inspect(engine, "host").get("OOM", {}).get("Usage"), 30, "the victim")
    state = inspect(engine, "host")
    assert state["Running"] and state["OOM"]["Kills"] == 1 and state["OOM"]["Exec"] != ""
    engine.kill()
    engine.start()
    assert inspect(engine, "host")["OOM"]["Kills"] == 1, "the next engine knows it as well"
    engine.tare("rm", "-f", "host")


def test_who_is_not_killed_has_none(engine, busybox):
    engine.tare("run", "--name", "modest", "-m", str(LIMIT), busybox, "true")
    assert inspect(engine, "modest")["OOMKilled"] is False and "OOM" not in inspect(engine, "modest")
    engine.tare("rm", "modest")
