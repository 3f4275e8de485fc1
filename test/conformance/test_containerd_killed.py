# SPDX-License-Identifier: Apache-2.0
"""containerd is killed and started again, again and again, while containers live, write, end and are made: our shims go on,
containerd finds them, and nothing is lost. Debian's containerd, or the one in $TARE_TEST_CONTAINERD (a directory)."""

import os
import pathlib
import re
import signal
import threading
import time

import pytest

from conformance import checks, leftovers
from conformance.engine import ContainerdShim, wait_for

ROUNDS = 3
LINES = "i=0; while [ $i -lt {} ]; do echo line $i; i=$((i+1)); sleep 0.01; done; exit {}"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    if not ContainerdShim.installed():
        pytest.skip("containerd is not installed")
    newer = os.environ.get("TARE_TEST_CONTAINERD")
    before = os.environ["PATH"]
    if newer:
        os.environ["PATH"] = f"{newer}:{before}"
    with leftovers.cleared_up():
        made = ContainerdShim(tmp_path_factory.mktemp("killed"), pathlib.Path(os.environ["TARE_BUILD"]) / "runtime/tare-runtime")
        try:
            made.start()
            yield made
        finally:
            made.stop()
            os.environ["PATH"] = before
            # containerd 1.6 forgets a shim that it was killed over before it asked it to create: such a one has no container,
            # ends by itself after a minute, and sooner when told, as one that has a container would not
            for pid in made.shims():
                os.kill(pid, signal.SIGTERM)
            wait_for(lambda: made.shims() == [])


class Load(threading.Thread):
    """Makes, enters and removes containers until it is told to stop; what fails because containerd is away is done again."""

    def __init__(self, engine, number):
        super().__init__()
        self.engine, self.number, self.ended, self.rounds, self.wrong = engine, number, threading.Event(), 0, []

    def again(self, *words, done=lambda result: False):
        while True:
            result = self.engine(*words)
            if result.code == 0 or done(result):
                return result
            time.sleep(0.05)

    def run(self):
        while not self.ended.is_set():
            name = f"load{self.number}.{self.rounds}"
            # a run that was cut off may have made the container, with or without a task
            self.engine(*self.engine.run("-d", name=name, command=("sleep", "1000")))
            result = self.engine("task", "exec", "--exec-id", "e", name, "sh", "-c", "exit 7")
            if result.code not in (1, 7):
                self.wrong.append(result)
            self.remove(name)
            self.rounds += 1

    def remove(self, name):
        gone = re.compile("not found|no running task")
        self.again("task", "rm", "-f", name, done=lambda result: gone.search(result.err))
        self.again("container", "rm", name, done=lambda result: gone.search(result.err))


def writer(engine, name, lines, status):
    path = engine.directory / f"{name}.log"
    engine.ok(*engine.run("-d", "--log-uri", f"file://{path}", name=name, command=("sh", "-c", LINES.format(lines, status))))
    return path


def removed_with(engine, name):
    """The exit status that containerd tells when the task is removed."""
    result = engine("task", "rm", name)
    status = re.search(r"non-zero exit code (\d+)", result.err)
    assert result.code == 0 and status, result
    engine.ok("container", "rm", name)
    return int(status[1])


def test_nothing_is_lost_when_containerd_is_killed_under_load(engine):
    pids = {name: checks.ctr_row(engine, name)[1] for name in (checks.ctr_detached(engine), checks.ctr_detached(engine))}
    pod = ("--annotation", "io.containerd.runc.v2.group=pod")
    for name in ("pod1", "pod2"):
        engine.ok(*engine.run("-d", *pod, name=name, command=("sleep", "1000")))
        pids[name] = checks.ctr_row(engine, name)[1]
    logs = {name: writer(engine, name, 600, status) for name, status in (("writer3", 3), ("writer4", 4))}
    load = [Load(engine, number) for number in range(2)]
    for thread in load:
        thread.start()
    rounds = 0
    try:
        while rounds < ROUNDS or not all(thread.rounds >= 3 for thread in load):
            rounds += 1
            time.sleep(1.2)
            engine.kill()
            time.sleep(0.2)
            engine.begin()
    finally:
        for thread in load:
            thread.ended.set()
        for thread in load:
            thread.join()
    assert not [result for thread in load for result in thread.wrong]
    for name, pid in pids.items():
        assert checks.ctr_row(engine, name)[1:] == [pid, "RUNNING"], name
        assert engine.ok("task", "exec", "--exec-id", "after", name, "echo", "alive") == "alive"
    for name, path in logs.items():
        wait_for(lambda name=name: checks.ctr_status(engine, name) == "STOPPED")
        assert path.read_text() == "".join(f"line {i}\n" for i in range(600)), "each line once, in order"
    assert [removed_with(engine, name) for name in logs] == [3, 4]


def test_an_exit_while_containerd_is_away_is_not_lost(engine):
    engine.ok(*engine.run("-d", name="brief", command=("sh", "-c", "sleep 0.7; exit 9")))
    engine.kill()
    time.sleep(1)
    engine.begin()
    wait_for(lambda: checks.ctr_status(engine, "brief") == "STOPPED")
    assert removed_with(engine, "brief") == 9
