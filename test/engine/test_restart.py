# SPDX-License-Identifier: Apache-2.0
"""Restart policies from the user's side: they hold while the engine is away, and a stop is a stop."""

import json
import os
import pathlib
import re
import shutil
import signal
import time

import pytest

from harness import wait_until


def inspect(engine, name):
    (found,) = json.loads(engine.output("inspect", name))
    return found


def count(engine, name):
    return inspect(engine, name)["RestartCount"]


def test_policy_is_kept_and_shown(engine, busybox):
    engine.tare("create", "--name", "kept", "--restart", "on-failure:5", busybox, "true")
    found = inspect(engine, "kept")
    assert found["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 5}
    assert found["RestartCount"] == 0
    engine.tare("rm", "kept")


@pytest.mark.parametrize("arguments, words", [
    (["--restart", "sometimes"], "unknown policy 'sometimes'"),
    (["--restart", "on-failure:x"], "invalid restart policy format: maximum retry count must be an integer"),
    (["--restart", "always:3"], "maximum retry count can only be used with 'on-failure'"),
    (["--restart", "always", "--rm"], "conflicting options: cannot specify both --restart and --rm"),
])
def test_bad_policies_are_refused(engine, busybox, arguments, words):
    engine.fails(125, words, "run", "--name", "refused", *arguments, busybox, "true")
    assert "refused" not in engine.output("ps", "-a")


def test_failures_are_tried_again_and_told(engine, busybox):
    engine.tare("run", "-d", "--name", "flaky", "--restart", "on-failure:3", busybox, "sh", "-c", "echo life; exit 9")
    assert engine.output("wait", "flaky") == "9"
    found = inspect(engine, "flaky")
    assert found["RestartCount"] == 3 and found["State"]["ExitCode"] == 9 and found["State"]["Status"] == "exited"
    assert engine.output("logs", "flaky").split() == ["life"] * 4
    engine.tare("rm", "flaky")


def test_between_two_lives_it_is_restarting(engine, busybox):
    engine.tare("run", "-d", "--name", "loop", "--restart", "always", busybox, "sh", "-c", "exit 4")
    # then it is for six seconds and more: time enough to look around
    wait_until(lambda: count(engine, "loop") >= 6 and inspect(engine, "loop")["State"]["Restarting"])
    found = inspect(engine, "loop")["State"]
    assert (found["Status"], found["Running"], found["ExitCode"], found["Pid"]) == ("restarting", True, 4, 0)
    assert re.search(r"Restarting \(4\) .* ago", engine.output("ps"))
    assert "loop" in engine.output("ps", "--filter", "status=restarting")
    engine.fails(1, "restarting", "exec", "loop", "true")
    engine.tare("stop", "loop")
    found = inspect(engine, "loop")["State"]
    assert (found["Status"], found["Restarting"], found["ExitCode"]) == ("exited", False, 4)
    engine.tare("rm", "loop")


@pytest.mark.parametrize("stop", [["stop", "-t", "1"], ["kill"]])
def test_stop_is_a_stop(engine, busybox, stop):
    engine.tare("run", "-d", "--name", "still", "--restart", "always", busybox, "sleep", "1000")
    engine.tare(*stop, "still")
    assert inspect(engine, "still")["State"]["Status"] == "exited"
    time.sleep(0.5)
    assert inspect(engine, "still")["RestartCount"] == 0 and inspect(engine, "still")["State"]["Status"] == "exited"
    engine.tare("start", "still")
    os.kill(inspect(engine, "still")["State"]["Pid"], signal.SIGKILL)  # nobody's wish: it goes on
    wait_until(lambda: count(engine, "still") == 1 and inspect(engine, "still")["State"]["Pid"])
    engine.tare("rm", "-f", "still")


def test_other_signals_do_not_end_the_policy(engine, busybox):
    engine.tare("run", "-d", "--name", "hup", "--restart", "always", busybox, "sleep", "1000")
    engine.tare("kill", "-s", "USR1", "hup")  # as pid 1 it ignores this
    os.kill(inspect(engine, "hup")["State"]["Pid"], signal.SIGKILL)
    wait_until(lambda: count(engine, "hup") == 1)
    engine.tare("rm", "-f", "hup")


def test_policy_holds_while_the_engine_is_away(engine, busybox):
    engine.tare("run", "-d", "--name", "away", "--restart", "always", busybox, "sh", "-c", "echo life; sleep 0.3; exit 1")
    log = pathlib.Path(inspect(engine, "away")["LogPath"])
    engine.kill()
    wait_until(lambda: log.read_text().count("life") >= 3, what="lives without an engine")
    engine.start()
    lives = engine.output("logs", "away").split().count("life")
    assert lives >= 3
    assert count(engine, "away") >= lives - 1
    before = count(engine, "away")
    wait_until(lambda: count(engine, "away") > before, what="news after the engine's restart")
    engine.tare("rm", "-f", "away")


def test_what_died_with_its_shim_is_started_again(engine, busybox):
    for name, policy in (("orphan", "unless-stopped"), ("plain", "no")):
        engine.tare("run", "-d", "--name", name, "--restart", policy, busybox, "sleep", "1000")
    pids = {name: inspect(engine, name)["State"]["Pid"] for name in ("orphan", "plain")}
    engine.kill()
    for pid in pids.values():
        status = open(f"/proc/{pid}/status").read()
        shim = int(re.search(r"^PPid:\s+(\d+)", status, re.M).group(1))
        os.kill(shim, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
    engine.start()
    wait_until(lambda: inspect(engine, "orphan")["State"]["Running"])
    assert inspect(engine, "orphan")["State"]["Pid"] not in (0, pids["orphan"])
    plain = inspect(engine, "plain")["State"]
    assert (plain["Status"], plain["ExitCode"]) == ("exited", 255)
    engine.tare("rm", "-f", "orphan", "plain")


def test_a_boot_starts_what_the_policy_wants(new_engine, registry):
    """The volatile state is empty, as after a boot."""
    engine = new_engine().start()
    busybox = registry.reference("busybox")
    engine.tare("run", "-d", "--name", "always", "--restart", "always", busybox, "sleep", "1000")
    engine.tare("run", "-d", "--name", "unless", "--restart", "unless-stopped", busybox, "sleep", "1000")
    engine.tare("kill", "always", "unless")
    engine.stop()
    engine.start()
    assert engine.output("ps", "-q") == "", "a restart of the engine is no boot"
    engine.stop()
    shutil.rmtree(engine.state)
    engine.start()
    wait_until(lambda: inspect(engine, "always")["State"]["Running"])
    assert inspect(engine, "unless")["State"]["Status"] == "exited"
    engine.tare("rm", "-f", "always", "unless")


def test_policy_is_changed_on_the_way(engine, busybox):
    engine.tare("run", "-d", "--name", "changed", busybox, "sleep", "1000")
    assert engine.output("update", "--restart", "always", "changed") == "changed"
    os.kill(inspect(engine, "changed")["State"]["Pid"], signal.SIGKILL)
    wait_until(lambda: count(engine, "changed") == 1 and inspect(engine, "changed")["State"]["Pid"])
    engine.tare("update", "--restart", "no", "changed")
    os.kill(inspect(engine, "changed")["State"]["Pid"], signal.SIGKILL)
    assert engine.output("wait", "changed") == "137"
    assert inspect(engine, "changed")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    engine.fails(125, "you must provide one or more flags", "update", "changed")
    engine.tare("rm", "changed")


def test_limits_are_changed_on_the_way(engine, busybox):
    script = "cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max"
    engine.tare("run", "-d", "--name", "limits", "--pids-limit", "50", busybox, "sleep", "1000")
    before = engine.tare("exec", "limits", "sh", "-c", script, code=None).stdout.split()
    if before[-1:] != ["50"]:
        pytest.skip(f"the container's pids cgroup cannot be seen here: {before}")
    engine.tare("update", "--pids-limit", "60", "limits")
    assert engine.output("exec", "limits", "sh", "-c", script) == "60"
    assert inspect(engine, "limits")["HostConfig"]["PidsLimit"] == 60
    engine.tare("rm", "-f", "limits")


def test_foreground_client_ends_with_the_first_life(engine, busybox):
    result = engine.tare("run", "--name", "front", "--restart", "always", busybox, "sh", "-c", "echo hello; exit 6", code=None)
    assert (result.stdout, result.returncode) == ("hello\n", 6)
    engine.tare("rm", "-f", "front")
