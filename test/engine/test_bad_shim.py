# SPDX-License-Identifier: Apache-2.0
"""Shims that die or freeze under a living engine, and disks that are full: nobody hangs, nothing stays, no exit is lost."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from harness import wait_until


def inspect(engine, name):
    (found,) = json.loads(engine.output("inspect", name))
    return found


def shim_of(engine, name):
    pid = inspect(engine, name)["State"]["Pid"]
    return int(re.search(r"^PPid:\s+(\d+)", open(f"/proc/{pid}/status").read(), re.M).group(1))


def alive(pid):
    return os.path.exists(f"/proc/{pid}/exe")


@pytest.mark.parametrize("policy, again", [("no", False), ("on-failure", True), ("always", True), ("unless-stopped", True)])
def test_a_shim_killed_under_the_engine(engine, busybox, policy, again):
    """The container ends with it, with 255, as nobody saw its end; its policy is obeyed."""
    name = f"killed-{policy}"
    engine.tare("run", "-d", "--name", name, "--restart", policy, busybox, "sleep", "1000")
    first = inspect(engine, name)["State"]["Pid"]
    waiter = engine.popen("wait", name, stdout=subprocess.PIPE, text=True)
    os.kill(shim_of(engine, name), signal.SIGKILL)
    assert waiter.communicate(timeout=60)[0].strip() == "255"
    wait_until(lambda: not alive(first), 30, "the program's end")
    if again:
        wait_until(lambda: inspect(engine, name)["State"]["Pid"] not in (0, first), 30, "another life")
        assert engine.tare("exec", name, "echo", "here").stdout == "here\n"
    else:
        wait_until(lambda: inspect(engine, name)["State"]["Status"] == "exited", 30, "its end")
        assert inspect(engine, name)["State"]["ExitCode"] == 255
        engine.tare("start", name)
    engine.tare("rm", "-f", name)


def test_a_stopped_container_does_not_come_back_with_its_shims_death(engine, busybox):
    engine.tare("run", "-d", "--name", "stopped", "--restart", "always", busybox, "sh", "-c", "trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done")
    shim = shim_of(engine, "stopped")
    wait_until(lambda: "up" in engine.tare("logs", "stopped").stdout, 30, "the trap")
    stopping = engine.popen("stop", "-t", "1000", "stopped")
    wait_until(lambda: "asked" in engine.tare("logs", "stopped").stdout, 30, "the stop")
    os.kill(shim, signal.SIGKILL)
    assert stopping.wait(60) == 0
    assert inspect(engine, "stopped")["State"]["Status"] == "exited"
    engine.tare("rm", "stopped")


@pytest.fixture
def frozen(engine, busybox):
    """A container whose shim is stopped."""
    engine.tare("run", "-d", "--name", "frozen", busybox, "sleep", "1000")
    shim, pid = shim_of(engine, "frozen"), inspect(engine, "frozen")["State"]["Pid"]
    os.kill(shim, signal.SIGSTOP)
    yield shim, pid
    if alive(shim):
        os.kill(shim, signal.SIGCONT)
    engine.tare("rm", "-f", "frozen", code=None)


def test_a_frozen_shim_is_seen_and_removed_and_nobody_waits(engine, busybox, frozen):
    shim, pid = frozen
    assert "frozen" in engine.tare("ps", timeout=30).stdout
    assert json.loads(engine.tare("inspect", "frozen", timeout=30).stdout)[0]["State"]["Running"]
    assert engine.tare("logs", "frozen", timeout=30).stdout == ""
    removing = engine.popen("rm", "-f", "frozen")
    begin = time.monotonic()
    assert engine.output("run", "--rm", busybox, "echo", "others") == "others"
    others = time.monotonic() - begin
    assert others < 30, "nobody waits until the shim is given up"
    assert removing.wait(60) == 0
    assert not alive(shim) and not alive(pid)
    assert "frozen" not in engine.output("ps", "-a")


def test_a_frozen_shim_is_stopped(engine, frozen):
    shim, pid = frozen
    engine.tare("stop", "-t", "1", "frozen", timeout=50)
    assert not alive(shim) and not alive(pid)
    assert inspect(engine, "frozen")["State"]["Status"] == "exited"
    engine.tare("start", "frozen")
    assert engine.tare("exec", "frozen", "echo", "again").stdout == "again\n"


@pytest.fixture(params=["root", "state"])
def small(request, new_engine, registry, temporary):
    """An engine with its root, or its state, on a disk that the test fills: (engine, image, fill)."""
    directory = temporary / f"small-{request.param}"
    disk = directory / request.param
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs", disk], check=True)
    filler = disk / "filler"

    def fill():
        with open(filler, "wb") as file:
            try:
                while True:
                    os.write(file.fileno(), bytes(4096))
            except OSError:
                pass
        return filler

    try:
        engine = new_engine(directory=directory).start()
        image = registry.reference("busybox")
        engine.tare("pull", "-q", image)
        yield engine, image, fill
        filler.unlink(missing_ok=True)
        engine.remove_all()
        engine.stop()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_an_exit_is_told_though_the_disk_is_full(small):
    engine, image, fill = small
    engine.tare("run", "-d", "-i", "--name", "writer", image, "sh", "-c", "read go; seq 1 100000; exit 7")
    engine.tare("run", "-d", "--name", "other", image, "sleep", "1000")
    waiter = engine.popen("wait", "writer", stdout=subprocess.PIPE, text=True)
    filler = fill()
    attached = engine.popen("attach", "writer", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    out, _ = attached.communicate("go\n", timeout=60)
    assert out.split()[-1] == "100000" and attached.returncode == 7, "clients get what the disk does not"
    assert waiter.communicate(timeout=60)[0].strip() == "7"
    assert inspect(engine, "writer")["State"]["ExitCode"] == 7
    assert inspect(engine, "other")["State"]["Running"]
    failed = engine.tare("run", "--name", "late", image, "sh", "-c", "echo late", code=None)
    assert failed.returncode == 0 or re.search("(?i)no space left|disk is full", failed.stderr), failed
    filler.unlink()
    engine.tare("rm", "-f", "late", code=None)
    assert engine.output("run", "--rm", image, "echo", "room") == "room"
    engine.stop()
    engine.start()
    state = inspect(engine, "writer")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 7), "it is stored as soon as there is room"
    assert engine.tare("exec", "other", "echo", "lives").stdout == "lives\n"
