# SPDX-License-Identifier: Apache-2.0
"""Engine, shim and runtime are killed in turn at each of their system calls of create, start, exec, exit and removal;
also several at once. Whatever was killed when: `ps -a` tells the truth, exit codes are right, the container can be
removed, its name used again, and nothing of it is left on the machine.

Each run kills at some of the system calls, others each time; TARE_TEST_ROUNDS=all kills at every one, a number at that
many of each sweep. TARE_TEST_SEED repeats a run."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from engine.picture import SHIM, picture_after_one, tared_and_shims, wait_for_picture
from harness import Engine, mounts_below, processes_with, wait_until
from killtree import Tracer, chosen, start_stopped

ENGINE, RUNTIME = "tared", "tare-runtime"
LOST = 255  # nobody was there to see how it ended
PROGRAM = ("sh", "-c", "trap 'exit 7' TERM; echo up; while true; do sleep 0.05; done")


@pytest.fixture(scope="module")
def engine(release_bin_dir, engine_directories):
    """The programs as users have them: a sanitizer makes system calls of its own."""
    engine = Engine(release_bin_dir, next(engine_directories)).start()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def before(engine, busybox):
    """The engine when it has had a container and has none."""
    return picture_after_one(engine, "-p", "127.0.0.1::80", busybox, "true")


def client(engine, *arguments):
    """A client that does not start an engine of its own when it finds none; its exit code."""
    command = [engine.programs / "tare", "-H", f"unix://{engine.socket}", *map(str, arguments)]
    return subprocess.run(command, env=engine.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)


def inspect(engine, name):
    """State of the container, or None."""
    result = engine.tare("inspect", name, code=None)
    return json.loads(result.stdout)[0]["State"] if result.returncode == 0 else None


# What is there before: the container's process, if it runs.
def nothing(engine, name, image):
    pass


def running(engine, name, image):
    engine.tare("run", "-d", "--name", name, "-p", "127.0.0.1::80", image, *PROGRAM)
    wait_until(lambda: engine.output("logs", name) == "up", what="the program")
    return inspect(engine, name)["Pid"]


def stopped(engine, name, image):
    engine.tare("run", "--name", name, image, "sh", "-c", "exit 7", code=7)


# What is done: the client's result, or None.
def create(engine, name, image, pid):
    return client(engine, "create", "--name", name, image, *PROGRAM)


def run_detached(engine, name, image, pid):
    return client(engine, "run", "-d", "--name", name, "-p", "127.0.0.1::80", image, *PROGRAM)


def run_attached(engine, name, image, pid):
    return client(engine, "run", "--name", name, image, "sh", "-c", "exit 7")


def run_and_remove(engine, name, image, pid):
    return client(engine, "run", "--rm", "--name", name, image, "sh", "-c", "exit 7")


def start_again(engine, name, image, pid):
    return client(engine, "start", name)


def execute(engine, name, image, pid):
    return client(engine, "exec", name, "sh", "-c", "exit 5")


def end(engine, name, image, pid):
    """Without the engine's help: it is told by the shim. Who waits hears of it before the runtime cleans up; nobody does
    where the engine was killed, and not in full where the runtime was."""
    os.kill(pid, signal.SIGTERM)
    client(engine, "wait", name)
    with contextlib.suppress(AssertionError):
        wait_until(lambda: engine.process.poll() is not None or tared_and_shims(engine) == [engine.process.pid], timeout=5)


def stop(engine, name, image, pid):
    return client(engine, "stop", "-t", "5", name)


def kill(engine, name, image, pid):
    return client(engine, "kill", name)


def remove(engine, name, image, pid):
    return client(engine, "rm", "-f", name)


def remove_stopped(engine, name, image, pid):
    return client(engine, "rm", name)


# Before, act, the client's exit code; victims; how the container may be found: status and, once it has ended, exit codes.
# 128 is Docker's for a start that failed.
ALL = [ENGINE, SHIM, RUNTIME]
SWEEPS = {
    "create": (nothing, create, 0, [ENGINE], {None, "created"}, {0}),
    "run": (nothing, run_detached, 0, ALL, {None, "created", "running", "exited"}, {LOST, 128}),
    "run-attached": (nothing, run_attached, 7, ALL, {None, "created", "running", "exited"}, {7, LOST, 128}),
    "run-rm": (nothing, run_and_remove, 7, ALL, {None, "running"}, {7, LOST, 128}),
    "start": (stopped, start_again, 0, [ENGINE], {"exited", "running"}, {7}),
    "exec": (running, execute, 5, [ENGINE, RUNTIME], {"running"}, {}),
    "exec-shim": (running, execute, 5, [SHIM], {"exited"}, {LOST}),
    "exit": (running, end, None, [ENGINE, RUNTIME], {"exited"}, {7}),
    "exit-shim": (running, end, None, [SHIM], {"exited"}, {7, LOST}),
    "stop": (running, stop, 0, [ENGINE, RUNTIME], {"running", "exited"}, {7}),
    "stop-shim": (running, stop, 0, [SHIM], {"running", "exited"}, {7, LOST}),
    "kill": (running, kill, 0, [ENGINE, RUNTIME], {"running", "exited"}, {137}),
    "remove": (running, remove, 0, [ENGINE, RUNTIME], {None, "running", "exited"}, {137, LOST}),
    "remove-shim": (running, remove, 0, [SHIM], {None, "exited"}, {137, LOST}),
    "remove-stopped": (stopped, remove_stopped, 0, [ENGINE], {None, "exited"}, {7}),
}


def trace(killtree, engine, sweep, victims, point, image):
    """The tracer, when all is done; the client's exit code is right if nobody was killed."""
    prepare, act, code, _, _, _ = SWEEPS[sweep]
    pid = prepare(engine, "swept", image)
    with Tracer(killtree, victims, point, tared_and_shims(engine)) as tracer:
        result = act(engine, "swept", image, pid)
    assert tracer.fired or result is None or result.returncode == code, (tracer.said, result)
    return tracer


def count(killtree, engine, sweep, victims, image):
    tracer = trace(killtree, engine, sweep, victims, -1, image)
    engine.tare("rm", "-f", "swept", code=None)
    return tracer.counted


def wait_for_truth(engine, states, where):
    """A runtime or shim that was killed becomes known a moment later."""
    def found():
        state = inspect(engine, "swept")
        return [state] if (state and state["Status"]) in states else None

    return wait_until(found, what=f"{where}: {inspect(engine, 'swept')}\n{engine.log()[-600:]}")[0]


def tells_the_truth(engine, sweep, where):
    _, _, _, _, states, codes = SWEEPS[sweep]
    state = wait_for_truth(engine, states, where)
    if state and state["Status"] == "running":
        alive = engine.tare("exec", "swept", "echo", "alive", code=None).stdout == "alive\n"
        # the signal was sent, and then the sender was killed
        state = inspect(engine, "swept") if alive else wait_for_truth(engine, {"exited"}, where)
    if state and state["Status"] == "exited":
        assert state["ExitCode"] in codes, (where, state)


def sweep_once(killtree, engine, sweep, victims, point, image, before):
    tracer = trace(killtree, engine, sweep, victims, point, image)
    where = f"{sweep}: {tracer.said}"
    if tracer.fired:
        if ENGINE in victims:
            engine.process.wait(60)
            engine.start()
        tells_the_truth(engine, sweep, where)
    if inspect(engine, "swept"):
        engine.tare("rm", "-f", "swept")
    wait_for_picture(engine, before, where)


@pytest.fixture
def afterwards(engine):
    """Whatever failed, the next test finds the engine as this one did."""
    yield
    engine.revive()
    engine.remove_all()


def sweep_all(killtree, engine, sweep, victims, image, seed, before):
    total = count(killtree, engine, sweep, victims, image)
    wait_for_picture(engine, before, sweep)
    for point in chosen(total, seed, 2):
        sweep_once(killtree, engine, sweep, victims, point, image, before)
    engine.tare("run", "--rm", "--name", "swept", image, "sh", "-c", "exit 9", code=9)


CASES = [(sweep, victim) for sweep, row in SWEEPS.items() for victim in row[3]]


@pytest.mark.usefixtures("afterwards")
@pytest.mark.parametrize("sweep,victim", CASES, ids=[f"{sweep}-{victim}" for sweep, victim in CASES])
def test_killed_at_a_system_call(killtree, engine, busybox, before, seed, sweep, victim):
    sweep_all(killtree, engine, sweep, [victim], busybox, seed, before)


@pytest.mark.usefixtures("afterwards")
@pytest.mark.parametrize("victims", [[SHIM, ENGINE], [RUNTIME, SHIM], [RUNTIME, SHIM, ENGINE]], ids="+".join)
@pytest.mark.parametrize("sweep", ["run-attached", "exit-shim", "stop-shim", "remove-shim"])
def test_killed_together(killtree, engine, busybox, before, seed, sweep, victims):
    sweep_all(killtree, engine, sweep, victims, busybox, seed, before)


def start_traced(killtree, engine, point):
    """An engine that is killed at a system call of its start; False: it was not, and serves."""
    with open(engine.log_path, "ab") as log:
        engine.process = start_stopped([engine.programs / "tared"], env=engine.environment, stdout=log, stderr=log)
    with Tracer(killtree, [ENGINE], point, [engine.process.pid]) as tracer:
        os.kill(engine.process.pid, signal.SIGCONT)
        wait_until(lambda: tracer.process.poll() is not None or engine.answers(), what="the engine's start or end")
    return tracer


def crowd(engine, image):
    """One that goes on; one that ends, one that loses its shim, one that the engine should remove, all while it is away."""
    steady = running(engine, "steady", image)
    ended = running(engine, "ended", image)
    engine.tare("run", "-d", "--name", "orphan", image, "sleep", "1000")
    engine.tare("run", "-d", "--rm", "--name", "fleeting", image, "sleep", "1000")
    orphan, fleeting = inspect(engine, "orphan")["Pid"], inspect(engine, "fleeting")["Pid"]
    engine.kill()
    os.kill(ended, signal.SIGTERM)
    os.kill(fleeting, signal.SIGKILL)
    os.kill(parent_of(orphan), signal.SIGKILL)
    return steady


def parent_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def crowd_is_right(engine, steady, where):
    def right():
        found = {name: inspect(engine, name) for name in ("steady", "ended", "orphan", "fleeting")}
        return (found["steady"]["Pid"] == steady and found["ended"]["ExitCode"] == 7 and found["ended"]["Status"] == "exited" and
                found["orphan"]["ExitCode"] == LOST and found["orphan"]["Status"] == "exited" and not found["fleeting"])

    wait_until(right, what=f"{where}: {engine.output('ps', '-a')}")
    engine.tare("rm", "-f", "steady", "ended", "orphan")


@pytest.mark.usefixtures("afterwards")
def test_killed_while_it_recovers(killtree, engine, busybox, before, seed):
    steady = crowd(engine, busybox)
    total = start_traced(killtree, engine, -1).counted
    crowd_is_right(engine, steady, "undisturbed")
    for point in chosen(total, seed, 2):
        steady = crowd(engine, busybox)
        # and a second time, somewhere else, over what the first has left
        for at in (point, seed.randrange(total)):
            if start_traced(killtree, engine, at).fired:
                engine.process.wait(60)
            else:
                engine.kill()
        engine.start()
        crowd_is_right(engine, steady, f"killed at {point} of {total}")
        wait_for_picture(engine, before, f"killed at {point} of {total}")


def reboot(engine, pids):
    """Everything of it ends at once, and nothing that is not on disk is there afterwards."""
    engine.kill()
    for pid in pids + [pid for pid, _ in processes_with(str(engine.directory))]:
        with contextlib.suppress(ProcessLookupError):  # an init that ends takes others with it
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not processes_with(str(engine.directory)))
    for procs in pathlib.Path("/sys/fs/cgroup").glob("**/tare/*/cgroup.procs"):
        wait_until(lambda: not procs.read_text(), what="the containers' end")
        procs.parent.rmdir()
    for mount in reversed(mounts_below(engine.directory)):
        subprocess.run(["umount", "-l", mount], check=True)
    shutil.rmtree(engine.state)
    subprocess.run(["ip", "link", "delete", engine.bridge], check=True)
    subprocess.run(["nft", "delete", "table", "ip", f"tare_{engine.bridge}"], check=True)


@pytest.mark.usefixtures("afterwards")
def test_the_machine_is_switched_off(engine, busybox, before):
    pid = running(engine, "swept", busybox)
    engine.tare("run", "-d", "--name", "again", "--restart", "always", busybox, *PROGRAM)
    engine.tare("run", "-d", "--rm", "--name", "fleeting", busybox, *PROGRAM)
    engine.tare("create", "--name", "made", busybox, "sleep", "1")
    stopped(engine, "done", busybox)
    pids = [pid] + [inspect(engine, name)["Pid"] for name in ("again", "fleeting")]
    reboot(engine, pids)
    engine.start()
    wait_until(lambda: inspect(engine, "again")["Status"] == "running", what="the policy")
    state = {name: inspect(engine, name) for name in ("swept", "made", "done", "fleeting")}
    assert (state["swept"]["Status"], state["swept"]["ExitCode"]) == ("exited", LOST)
    assert (state["done"]["Status"], state["done"]["ExitCode"]) == ("exited", 7)
    assert state["made"]["Status"] == "created" and state["fleeting"] is None
    assert engine.output("exec", "again", "echo", "alive") == "alive"
    engine.tare("start", "swept")
    assert inspect(engine, "swept")["Status"] == "running"
    engine.tare("rm", "-f", "swept", "again", "made", "done")
    wait_for_picture(engine, before, "switched off")
