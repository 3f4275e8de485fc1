# SPDX-License-Identifier: Apache-2.0
"""The engine may be killed at any instruction: no container, exit code or line of a log is lost, and nothing
is left that the next start does not adopt or sweep. TARE_TEST_SEED repeats a run, TARE_TEST_ROUNDS bounds it."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import grpc

from cli.fake_engine import load_messages
from engine.picture import differences, picture, wait_for_picture
from harness import processes_with, wait_until

ROUNDS = int(os.environ.get("TARE_TEST_ROUNDS", "50"))
WRITER = "i=0; while true; do echo line $i; i=$((i+1)); usleep 2000; done"


def numbers(log):
    return [int(line.split()[1]) for line in log.splitlines()]


def parse_time(text):
    """Seconds since 1970 of an RFC 3339 time in UTC."""
    whole, fraction = re.fullmatch(r"(\S+?)(\.\d+)?Z", text).groups()
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(fraction or 0)


def test_nothing_is_lost_while_the_engine_is_dead(engine, busybox):
    engine.tare("run", "-d", "--name", "writer", busybox, "sh", "-c", WRITER)
    engine.tare("run", "-d", "--name", "brief", busybox, "sh", "-c", "until [ -e /on ]; do sleep 0.1; done; echo bye; exit 7")
    (brief,) = json.loads(engine.output("inspect", "brief"))
    engine.kill()
    killed = time.time()
    pathlib.Path(f"/proc/{brief['State']['Pid']}/root/on").touch()
    wait_until((engine.root / "containers" / brief["Id"] / "exit.json").exists, what="its end")
    ended = time.time()
    engine.start()
    (writer,) = json.loads(engine.output("inspect", "writer"))
    assert writer["State"]["Running"]
    (brief,) = json.loads(engine.output("inspect", "brief"))
    assert brief["State"]["Status"] == "exited" and brief["State"]["ExitCode"] == 7
    finished = parse_time(brief["State"]["FinishedAt"])
    assert killed < finished < ended, "the time of the exit, not of the restart"
    assert engine.output("wait", "brief") == "7"
    assert engine.output("logs", "brief") == "bye"
    listing = engine.output("ps", "-a")
    assert re.search(r"Up .*writer", listing) and re.search(r"Exited \(7\) .*brief", listing)

    follower = engine.popen("logs", "-f", "writer", stdout=subprocess.PIPE, text=True)
    followed = [follower.stdout.readline() for _ in range(1500)]
    engine.tare("exec", "writer", "true")
    engine.tare("stop", "-t", "1", "writer")
    followed += follower.stdout.readlines()
    assert follower.wait(60) == 0
    assert numbers("".join(followed)) == list(range(len(followed)))
    assert numbers(engine.output("logs", "writer")) == list(range(len(followed)))
    engine.tare("rm", "writer", "brief")


def test_an_attached_client_notices_nothing(engine, busybox):
    script = "i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); usleep 2000; done; exit 3"
    client = engine.popen("run", "--name", "attached", busybox, "sh", "-c", script, stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "line 0\n"
    engine.kill()
    rest = client.stdout.read()
    assert numbers(rest) == list(range(1, 1000))
    assert client.wait(60) == 3
    engine.start()
    assert engine.output("wait", "attached") == "3"
    engine.tare("rm", "attached")


def test_an_exec_notices_nothing(engine, busybox):
    engine.tare("run", "-d", "--name", "host", busybox, "sleep", "1000")
    running = engine.popen("exec", "host", "sh", "-c", "echo begun; sleep 2; echo end; exit 9", stdout=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "begun\n"
    engine.kill()
    engine.start()
    assert (running.stdout.read(), running.wait(60)) == ("end\n", 9)
    assert engine.tare("exec", "host", "echo", "again").stdout == "again\n"
    engine.tare("rm", "-f", "host")


def test_an_exec_can_be_waited_for_at_the_next_engine(engine, busybox, tmp_path):
    pb = load_messages(tmp_path)["container"]
    engine.tare("run", "-d", "--name", "host", busybox, "sleep", "1000")
    with containers_of(engine) as containers:
        ids = {}
        for code in (5, 6):
            ids[code] = containers("ExecCreate", pb.ExecCreateRequest(container="host", command=["sh", "-c", f"sleep 1.5; exit {code}"]), pb.ExecCreateResponse).exec_id
        containers("ExecStart", pb.ExecRequest(container="host", exec_id=ids[5]), pb.ContainerEmpty)
    engine.kill()
    time.sleep(1)
    engine.start()
    with containers_of(engine) as containers:
        containers("ExecStart", pb.ExecRequest(container="host", exec_id=ids[6]), pb.ContainerEmpty)
        for code in (5, 6):
            assert containers("ExecWait", pb.ExecRequest(container="host", exec_id=ids[code]), pb.WaitContainerResponse).exit_code == code
    engine.tare("rm", "-f", "host")


@contextlib.contextmanager
def containers_of(engine):
    """call(method, request, type of the answer) on the engine's Containers service."""
    with grpc.insecure_channel(f"unix:{engine.socket}") as channel:
        def call(method, request, answer):
            serialize = type(request).SerializeToString
            return channel.unary_unary(f"/tare.v1.Containers/{method}", serialize, answer.FromString)(request, timeout=30)
        yield call


def test_frozen_shims_do_not_keep_an_engine_from_starting(engine, busybox):
    names = [f"frozen{number}" for number in range(4)]
    for name in names:
        engine.tare("run", "-d", "--name", name, busybox, "sleep", "1000")
    shims = [pid for pid, command in processes_with(str(engine.directory)) if "containerd-shim-tare-v2" in command]
    engine.kill()
    for pid in shims:
        os.kill(pid, signal.SIGSTOP)
    try:
        begin = time.monotonic()
        engine.start(timeout=60)
        assert time.monotonic() - begin < 35, "ten seconds for all of them, not for each"
        assert engine.output("ps", "-q").count("\n") == 3
    finally:
        for pid in shims:
            os.kill(pid, signal.SIGCONT)
    for name in names:
        assert engine.tare("exec", name, "echo", name).stdout == f"{name}\n"
        engine.tare("rm", "-f", name)


def test_auto_remove_is_done_by_the_next_engine(engine, busybox):
    before = picture(engine)
    engine.tare("run", "-d", "--rm", "--name", "fleeting", busybox, "sleep", "0.5")
    engine.kill()
    time.sleep(1)
    engine.start()
    wait_until(lambda: engine.output("ps", "-aq") == "", what="the container to be removed")
    wait_for_picture(engine, before, "its parts")


def test_an_engine_can_be_killed_again_and_again(engine, busybox):
    engine.tare("run", "-d", "--name", "steady", busybox, "sh", "-c", WRITER)
    (before,) = json.loads(engine.output("inspect", "steady"))
    for _ in range(10):
        engine.kill()
        engine.start()
    (after,) = json.loads(engine.output("inspect", "steady"))
    assert before["State"]["Pid"] == after["State"]["Pid"]
    engine.tare("rm", "-f", "steady")


def client(engine, *arguments):
    """A client that does not start an engine of its own when it finds none."""
    return engine.popen("-H", f"unix://{engine.socket}", *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def duration(engine, *arguments):
    begin = time.monotonic()
    engine.tare(*arguments, timeout=120)
    return time.monotonic() - begin


def test_killed_during_create_at_random_moments(engine, busybox, seed):
    usual = duration(engine, "run", "-d", "--name", "measured", busybox, "sleep", "1000")
    engine.tare("rm", "-f", "measured")
    before = picture(engine)
    for number in range(ROUNDS):
        process = client(engine, "run", "-d", "--name", f"round{number}", busybox, "sleep", "1000")
        time.sleep(seed.uniform(0, usual * 1.2))
        engine.kill()
        process.wait(60)
        engine.start()
        for container in engine.output("ps", "-aq").split():
            (document,) = json.loads(engine.output("inspect", container))
            if document["State"]["Running"]:
                engine.tare("exec", container, "true")
            engine.tare("rm", "-f", container)
        wait_for_picture(engine, before, f"round {number}")
    engine.tare("run", "--rm", "--name", "round0", busybox, "true")


def volatile(engine):
    """Without files in the engine's root: what was downloaded already is used by the next pull."""
    return [line for line in picture(engine) if not line.startswith("root ")]


def test_killed_during_pull_at_random_moments(engine, registry, seed):
    reference = registry.reference("nginx-gzip")
    usual = duration(engine, "pull", "-q", reference)
    engine.tare("rmi", reference)
    before = volatile(engine)
    for number in range(ROUNDS):
        process = client(engine, "pull", "-q", reference)
        time.sleep(seed.uniform(0, usual * 1.1))
        engine.kill()
        process.wait(60)
        engine.start()
        if reference in engine.output("images"):
            assert "nginx version" in engine.tare("run", "--rm", "--network", "none", reference, "-v").stderr
            engine.tare("rmi", reference)
        wait_until(lambda: volatile(engine) == before, what=f"round {number}: {differences(before, volatile(engine))}")
    engine.tare("pull", "-q", reference)
    assert "nginx version" in engine.tare("run", "--rm", "--network", "none", reference, "-v").stderr
    engine.tare("rmi", "-f", *engine.output("images", "-q").split())
    # what was downloaded or unpacked for nothing does not stay
    engine.kill()
    engine.start()
    for folder in ("content/blobs/sha256", "content/ingest", "snapshots/overlay"):
        wait_until(lambda: not os.listdir(engine.root / folder), what=f"{folder} to be empty: {os.listdir(engine.root / folder)}")
