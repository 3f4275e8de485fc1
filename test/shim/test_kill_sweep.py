# SPDX-License-Identifier: Apache-2.0
"""The shim, and what it runs, are killed at each of their system calls of the whole life of a container: `delete` clears
away what is left and knows how the container ended; and `delete` itself may be killed and repeated.

Each run kills at some of the system calls; TARE_TEST_ROUNDS is their number, or "all"; TARE_TEST_SEED repeats a run."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess

import pytest
from harness import mounts_below, processes_with
from killtree import Tracer, chosen, start_stopped

from shim.shimclient import MESSAGES, CallError, Shim, spec, wait_for

numbers = itertools.count(1)
SHIM, RUNTIME = "containerd-shim-tare-v2", "tare-runtime"
ENDED, KILLED = 7, 137


@pytest.fixture
def make_shim(release_bin_dir, temporary, lower):
    """Shims as users have them; each must have left nothing when the next one is made."""
    made = []

    def make():
        for old in made:
            nothing_left(old)
            shutil.rmtree(old.directory)
        name = f"swept{next(numbers)}"
        made[:] = [Shim(release_bin_dir / SHIM, release_bin_dir / RUNTIME, temporary / name, lower, identity=name)]
        return made[0]

    yield make
    for old in made:  # whatever has failed, the next test begins anew
        if old.pid and old.alive():
            old.kill()
        old.run("delete")
        shutil.rmtree(old.directory)


def cgroups_named(name):
    return [path for path, _, _ in os.walk("/sys/fs/cgroup") if path.endswith(f"/{name}")]


def nothing_left(shim):
    where = str(shim.directory)
    wait_for(lambda: not processes_with(where), f"no process: {processes_with(where)}")
    assert mounts_below(where) == []
    assert list((shim.directory / "runtime").glob("[!.]*")) == []
    assert not shim.socket.exists() and not shim.attach_socket.exists()
    assert cgroups_named(shim.id) == []
    assert [name for name in os.listdir(shim.directory) if name.startswith(".exit.json")] == []


def start(shim):
    shim.start()


def create(shim):
    shim.create(spec(["sh", "-c", f"trap 'exit {ENDED}' TERM; while true; do sleep 0.02; done"]))


def begin(shim):
    shim.call("Start")


def execute(shim):
    shim.exec("e1", ["sh", "-c", "exit 5"])
    shim.call("Start", exec_id="e1")
    assert shim.call("Wait", exec_id="e1").exit_status == 5
    shim.call("Delete", exec_id="e1")


def pause(shim):
    shim.call("Pause")
    shim.call("Resume")


def end(shim):
    shim.call("Kill", signal=15)
    assert shim.call("Wait").exit_status == ENDED


def delete(shim):
    assert shim.call("Delete").exit_status == ENDED


def shut_down(shim):
    shim.call("Shutdown")
    wait_for(lambda: not shim.alive(), "the shim's end")


LIFE = [start, create, begin, execute, pause, end, delete, shut_down]


def server(shim):
    return [pid for pid, command in processes_with(str(shim.directory)) if SHIM in command]


def do(step, shim):
    """A call to somebody who dies of it fails, and so does all that follows."""
    with contextlib.suppress(CallError, OSError, AssertionError):
        step(shim)
        return True


def live_until(make_shim, step):
    """A new shim, with its life up to this step."""
    shim = make_shim()
    for earlier in LIFE[: LIFE.index(step)]:
        earlier(shim)
    return shim


def exit_statuses(step):
    """As `delete` may tell it when the shim was killed during the step."""
    return {end: {ENDED, KILLED}, delete: {ENDED}, shut_down: {ENDED}}.get(step, {KILLED})


def delete_after(shim, statuses, where):
    result = shim.run("delete")
    assert result.returncode == 0, (where, result.stderr)
    answer = MESSAGES.type("containerd.task.v3.DeleteResponse").FromString(result.stdout)
    assert answer.exit_status in statuses, (where, answer)
    return answer


@pytest.mark.parametrize("step", LIFE[1:], ids=lambda step: step.__name__)
def test_the_shim_is_killed(killtree, make_shim, seed, step):
    shim = live_until(make_shim, step)
    with Tracer(killtree, [SHIM], -1, server(shim)) as tracer:
        assert do(step, shim)
    if shim.alive():
        shim.kill()
    delete_after(shim, exit_statuses(step) | exit_statuses(end), "undisturbed")
    for point in chosen(tracer.counted, seed, 4):
        shim = live_until(make_shim, step)
        with Tracer(killtree, [SHIM], point, server(shim)) as tracer:
            do(step, shim)
        if shim.alive():
            shim.kill()
        delete_after(shim, exit_statuses(step), f"{step.__name__}: {tracer.said}")
        delete_after(shim, exit_statuses(step), f"{step.__name__}: {tracer.said}, again")


@pytest.mark.parametrize("step", [create, begin, end, delete], ids=lambda step: step.__name__)
def test_the_runtime_is_killed_and_the_shim_goes_on(killtree, make_shim, seed, step):
    """What a client does then ends as if nothing had been: Kill, Delete, Shutdown."""
    shim = live_until(make_shim, step)
    with Tracer(killtree, [RUNTIME], -1, server(shim)) as tracer:
        assert do(step, shim)
    finish(shim)
    for point in chosen(tracer.counted, seed, 4):
        shim = live_until(make_shim, step)
        with Tracer(killtree, [RUNTIME], point, server(shim)) as tracer:
            do(step, shim)
        finish(shim)


def finish(shim):
    for method, fields in (("Kill", {"signal": 9}), ("Wait", {}), ("Delete", {}), ("Shutdown", {})):
        with contextlib.suppress(CallError):
            shim.call(method, **fields)
    wait_for(lambda: not shim.alive(), "the shim's end")
    nothing_left(shim)


@pytest.mark.parametrize("step", [begin, end], ids=lambda step: step.__name__)
def test_delete_is_killed(killtree, make_shim, seed, step):
    def dead():
        shim = live_until(make_shim, step)
        step(shim)
        shim.kill()
        return shim

    def run(shim, call):
        """`delete`, attached to before it begins."""
        command = [shim.program, "-namespace", "test", "-id", shim.id, "delete"]
        child = start_stopped(command, cwd=shim.bundle, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with Tracer(killtree, [SHIM], call, [child.pid]) as tracer:
            child.send_signal(signal.SIGCONT)
            child.wait(60)
        return tracer

    tracer = run(dead(), -1)
    for point in chosen(tracer.counted, seed, 6):
        shim = dead()
        where = run(shim, point).said
        delete_after(shim, {ENDED} if step is end else {KILLED}, where)
