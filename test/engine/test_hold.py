# SPDX-License-Identifier: Apache-2.0
"""A commit reads a container that stands still, and leaves it as it found it, however it ends. tare-pack is kept
at a gate, so that what is looked at is in the middle of a commit, not near it."""

import json
import os
import subprocess

import pytest

from harness import Engine, install_programs, wait_until
from shim.shimclient import Connection

GATED = """#!/bin/sh
mkfifo {directory}/gate.$$
read go < {directory}/gate.$$
exec {directory}/tare-pack.real "$@"
"""


class Gates:
    """Each tare-pack waits at one of its own."""

    def __init__(self, programs):
        self.programs = programs
        self.seen, self.passed = [], []
        program = programs / "tare-pack"
        os.rename(program, programs / "tare-pack.real")
        program.write_text(GATED.format(directory=programs))
        program.chmod(0o755)

    def wait(self):
        """Until one more tare-pack was started."""
        self.seen.append(wait_until(lambda: set(self.programs.glob("gate.*")).difference(self.passed + self.seen), 60, "tare-pack").pop())

    def open(self):
        """Lets the one go on that was there first."""
        self.passed.append(self.seen.pop(0))
        self.passed[-1].write_text("go\n")


@pytest.fixture
def gated(build, temporary, engine_directories, registry):
    """An engine with a gate, and the image of its containers."""
    directory = next(engine_directories)
    programs = directory.with_name(directory.name + "-bin")
    programs.mkdir()
    gate = Gates(install_programs(build, programs))
    engine = Engine(programs, directory).start()
    engine.tare("pull", "-q", registry.reference("busybox"))
    yield engine, gate, registry.reference("busybox")
    engine.close()


def runtime(engine, *arguments):
    command = [engine.programs / "tare-runtime", "--root", engine.state / "runtime", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def status(engine, container):
    return json.loads(runtime(engine, "state", container))["status"]


def by_the_runtime(engine, verb, container):
    runtime(engine, verb, container)


def by_the_shim(engine, verb, container):
    directory = os.open(engine.state / "shim", os.O_PATH)  # the whole path is too long for a socket's address
    connection = Connection(f"/proc/self/fd/{directory}/{container}.sock")
    os.close(directory)
    connection.call(verb.capitalize(), id=container)
    connection.close()


def actions(engine, container):
    return engine.output("events", "--since", "10m", "--until", "0s", "-f", f"container={container}", "--format", "{{.Action}}").split()


COUNTING = "n=0; while :; do n=$((n+1)); echo $n > /next; mv /next /count; done"


def count(engine, container):
    result = engine.tare("exec", container, "cat", "/count", code=None)
    return int(result.stdout or 0) if result.returncode == 0 else 0


def run_counting(engine, image):
    name = engine.output("run", "-d", image, "sh", "-c", COUNTING)
    wait_until(lambda: count(engine, name) > 0, 60, "the first count")
    return name


def counted_so_far(engine, container):
    """Read from outside: nothing can be executed in a container that is paused."""
    pid = json.loads(engine.output("inspect", container))[0]["State"]["Pid"]
    with open(f"/proc/{pid}/root/count") as file:
        return int(file.read())


def test_it_stands_still_while_its_layer_is_packed(gated):
    engine, gate, image = gated
    name = run_counting(engine, image)
    commit = engine.popen("commit", name, "still:1", stdout=subprocess.PIPE, text=True)
    gate.wait()
    assert status(engine, name) == "paused" and actions(engine, name)[-1] == "pause"
    before = counted_so_far(engine, name)
    gate.open()
    made, _ = commit.communicate(timeout=60)
    assert commit.returncode == 0
    # what the image has is the moment at which it was paused
    assert int(engine.output("run", "--rm", "still:1", "cat", "/count")) == before
    assert status(engine, name) == "running" and actions(engine, name)[-3:] == ["pause", "commit", "unpause"]
    wait_until(lambda: count(engine, name) > before + 1, 60, "it to count on")
    assert json.loads(engine.output("image", "inspect", "still:1"))[0]["Id"] == made.strip()


def test_it_runs_on_if_so_wanted(gated):
    engine, gate, image = gated
    name = run_counting(engine, image)
    commit = engine.popen("commit", "--pause=false", name, stdout=subprocess.DEVNULL)
    gate.wait()
    before = counted_so_far(engine, name)
    assert status(engine, name) == "running"
    wait_until(lambda: count(engine, name) > before, 60, "it to count on")
    gate.open()
    assert commit.wait(60) == 0 and "pause" not in actions(engine, name)


def test_the_last_of_two_commits_resumes_it(gated):
    engine, gate, image = gated
    name = engine.output("run", "-d", image, "sleep", "1000")
    commits = []
    for _ in range(2):
        commits.append(engine.popen("commit", name, stdout=subprocess.DEVNULL))
        gate.wait()
    gate.open()
    assert commits[0].wait(60) == 0 and commits[1].poll() is None
    assert status(engine, name) == "paused"
    gate.open()
    assert commits[1].wait(60) == 0 and status(engine, name) == "running"
    assert [action for action in actions(engine, name) if "pause" in action] == ["pause", "unpause"]


def test_a_commit_that_fails_resumes_it(gated):
    engine, gate, image = gated
    name = engine.output("run", "-d", image, "sleep", "1000")
    (engine.programs / "tare-pack.real").unlink()
    commit = engine.popen("commit", name, stderr=subprocess.DEVNULL)
    gate.wait()
    assert status(engine, name) == "paused"
    gate.open()
    assert commit.wait(60) == 1 and status(engine, name) == "running"


@pytest.mark.parametrize("user", [by_the_shim, by_the_runtime])
def test_who_paused_it_wants_it_paused(gated, user):
    engine, gate, image = gated
    name = engine.output("run", "-d", image, "sleep", "1000")
    user(engine, "pause", name)
    commit = engine.popen("commit", name, stdout=subprocess.DEVNULL)
    gate.wait()
    gate.open()
    assert commit.wait(60) == 0 and status(engine, name) == "paused"
    user(engine, "resume", name)


def test_it_can_be_removed_meanwhile(gated):
    engine, gate, image = gated
    name = engine.output("run", "-d", image, "sleep", "1000")
    commit = engine.popen("commit", name, "gone:1", stderr=subprocess.PIPE, text=True)
    gate.wait()
    engine.tare("rm", "-f", name)
    gate.open()
    _, said = commit.communicate(timeout=60)
    assert commit.returncode == 1 and "No such container" in said
    assert engine.tare("image", "inspect", "gone:1", code=1).stderr


def test_an_engine_that_is_killed_leaves_nothing_paused_but_what_the_user_had(gated):
    engine, gate, image = gated
    held, paused = (engine.output("run", "-d", image, "sleep", "1000") for _ in range(2))
    by_the_shim(engine, "pause", paused)
    for name in (held, paused):
        engine.popen("commit", name, f"half:{name[:6]}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        gate.wait()
    engine.kill()
    for _ in range(2):
        gate.open()  # nobody listens to what they say
    assert [status(engine, name) for name in (held, paused)] == ["paused", "paused"]
    engine.start()
    assert [status(engine, name) for name in (held, paused)] == ["running", "paused"]
    assert engine.output("images", "-q", "half") == ""
    # and it is no different from any other: it can be committed, and is not resumed a second time for nothing
    by_the_shim(engine, "resume", paused)
    by_the_shim(engine, "pause", held)
    engine.kill()
    engine.start()
    assert status(engine, held) == "paused"
    by_the_shim(engine, "resume", held)
    assert engine.output("exec", held, "echo", "alive") == "alive"
