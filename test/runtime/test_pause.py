# SPDX-License-Identifier: Apache-2.0
"""pause, resume, and what other commands do to a paused container."""

import json
import subprocess


def paused(runtime, **config):
    name = runtime.start(runtime.bundle().sh("while :; do echo x; sleep 0.01; done"))
    runtime.ok("pause", name)
    return name


def test_pause_stops_every_process_and_resume_lets_them_go_on(runtime):
    name = paused(runtime)
    assert runtime.state(name)["status"] == "paused"
    pid = runtime.state(name)["pid"]
    ticks = [open(f"/proc/{pid}/stat").read().split()[13:15] for _ in range(2)]
    assert ticks[0] == ticks[1]
    runtime.ok("resume", name)
    assert runtime.state(name)["status"] == "running"


def test_pausing_twice_and_resuming_a_running_one_fail(runtime):
    name = paused(runtime)
    assert runtime("pause", name).code == 1
    assert "container not running or created: paused" in runtime.last_error()["msg"]
    runtime.ok("resume", name)
    assert runtime("resume", name).code == 1
    assert runtime.last_error()["msg"] == "container not paused"
    assert runtime("pause", "nonexistent").code == 1


def test_a_created_container_can_be_paused(runtime):
    name = runtime.create(runtime.bundle().args("/bin/sleep", "100"))
    runtime.ok("pause", name)
    runtime.ok("resume", name)
    assert runtime.state(name)["status"] == "created"


def test_exec_in_a_paused_container(runtime):
    name = paused(runtime)
    assert runtime("exec", name, "true").code != 0
    assert "cannot exec in a paused container" in runtime.last_error()["msg"]
    waiting = subprocess.Popen(runtime.command("exec", "--ignore-paused", name, "echo", "on"), stdout=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, text=True)
    runtime.ok("resume", name)
    assert waiting.communicate(timeout=60)[0] == "on\n"


def test_a_paused_container_is_killed_and_deleted(runtime):
    name = paused(runtime)
    runtime.ok("kill", name, "KILL")
    runtime.wait_status(name, "stopped")
    runtime.ok("delete", name)
    name = paused(runtime)
    runtime.ok("delete", "--force", name)


def test_ps_lists_the_processes_of_the_container_only(runtime):
    name = runtime.start(runtime.bundle().sh("sleep 100 & sleep 100 & wait"))
    pid = runtime.state(name)["pid"]
    runtime.ok("exec", name, "true")
    pids = json.loads(runtime.ok("ps", "-f", "json", name).out)
    assert pid in pids and len(pids) == 3
    lines = runtime.ok("ps", name).out.splitlines()
    assert lines[0].split()[:3] == ["UID", "PID", "PPID"] and len(lines) == 4
    lines = runtime.ok("ps", name, "-e", "-o", "args,pid").out.splitlines()
    assert lines[0].split() == ["COMMAND", "PID"] or len(lines) == 1
    assert runtime("ps", name, "-e", "-o", "args").code == 1
    assert "couldn't find PID field" in runtime.last_error()["msg"]
    assert runtime("ps", "-f", "yaml", name).code == 1
