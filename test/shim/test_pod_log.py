# SPDX-License-Identifier: Apache-2.0
"""A disk that does not answer holds the container whose log is there, and no other of its pod."""

import contextlib
import json
import pathlib
import re
import subprocess
import tempfile

import pytest

from disk import disk
from harness import has_ended
from shim.shimclient import wait_for
from shim.test_group import pod, shut_down  # noqa: F401

SCRIPT = "echo 0; until [ -e /on ]; do sleep 0.05; done; seq 1 {last}"


def run(member, script, log_path, **options):
    member.write(["sh", "-c", script])
    log = {"driver": "json-file", "options": [{"name": name.replace("_", "-"), "value": value} for name, value in options.items()]}
    pid = member.create(member.config, options=member.options(log_path=str(log_path), log=log))
    member.call("Start")
    return pid


def lines(path):
    return [json.loads(line)["log"] for line in path.read_bytes().splitlines()] if path.exists() else []


def thread_waits_for_disk(pid):
    """In the state D, which a write to a frozen file system has."""
    states = []
    for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            states.append(stat.read_text().rpartition(")")[2].split()[0])
    return "D" in states


@contextlib.contextmanager
def frozen(point):
    subprocess.run(["fsfreeze", "--freeze", point], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", point], check=True)


@pytest.fixture
def point(temporary):
    with disk(pathlib.Path(tempfile.mkdtemp(dir=temporary), "slow"), "ext4", 64) as made:
        yield made


def goes_on_beside(held, other):
    (held.rootfs / "on").touch()
    wait_for(lambda: thread_waits_for_disk(held.pid), "a write that waits")
    (other.rootfs / "on").touch()
    assert other.call("Wait").exit_status == 0
    assert lines(other.log) == [f"{i}\n" for i in range(1001)]


def test_others_go_on_while_a_disk_is_frozen(pod, point):  # noqa: F811
    held, other, later = [pod.member(name).start() for name in ("held", "other", "later")]
    run(held, SCRIPT.format(last=200000), point / "log")  # far more than all pipes and buffers hold
    run(other, SCRIPT.format(last=1000), other.log)
    wait_for(lambda: lines(point / "log") and lines(other.log), "the first lines")
    with frozen(point):
        goes_on_beside(held, other)
        run(later, "echo hello", later.log)
        assert later.call("Wait").exit_status == 0 and lines(later.log) == ["hello\n"]
        assert held.call("State").status == 2, "running: its program waits"
    assert held.call("Wait").exit_status == 0
    assert lines(point / "log") == [f"{i}\n" for i in range(200001)]
    for member in (held, other, later):
        member.call("Delete")
    shut_down(held)


def test_others_go_on_while_a_clients_file_is_on_a_frozen_disk(pod, point):  # noqa: F811
    held, other = [pod.member(name).start() for name in ("held", "other")]
    file, uri = point / "out", f"file://{point}/out"
    held.write(["sh", "-c", SCRIPT.format(last=200000)])
    held.create(held.config, stdout=uri, stderr=uri, options=held.options(log_path=""))
    held.call("Start")
    run(other, SCRIPT.format(last=1000), other.log)
    wait_for(lambda: file.read_bytes() and lines(other.log), "the first lines")
    with frozen(point):
        goes_on_beside(held, other)
        assert held.call("State").status == 2, "running: its program waits"
    assert held.call("Wait").exit_status == 0
    assert file.read_text() == "".join(f"{i}\n" for i in range(200001)), "who hears of the exit finds all of it"
    for member in (held, other):
        member.call("Delete")
    shut_down(held)


def hang_in_hook(member, on):
    """A Create that waits for the file `on`, with the file `begun` beside it."""
    script = f"#!/bin/sh\ntouch {on.parent}/begun; until [ -e {on} ]; do sleep 0.05; done\n"
    hook = on.parent / "hook"
    hook.write_text(script)
    hook.chmod(0o755)
    return {"hooks": {"createRuntime": [{"path": str(hook)}]}}, {}


def hang_in_logger(member, on):
    script = f"#!/bin/sh\ntouch {on.parent}/begun; until [ -e {on} ]; do sleep 0.05; done; exec 5>&-; cat <&3 >/dev/null\n"
    program = on.parent / "logger"
    program.write_text(script)
    program.chmod(0o755)
    return {}, {"stdout": f"binary://{program}"}


@pytest.mark.parametrize("hang", [hang_in_hook, hang_in_logger])
def test_output_goes_on_while_a_call_waits(pod, hang):  # noqa: F811
    other, slow = [pod.member(name).start() for name in ("other", "slow")]
    on = slow.directory / "on"
    run(other, SCRIPT.format(last=200000), other.log)
    config, fields = hang(slow, on)
    slow.write(["true"])
    slow.config.update(config)
    slow.bundle.joinpath("config.json").write_text(json.dumps(slow.config))
    connection = slow.connect()
    call = connection.send("Create", id=slow.id, bundle=str(slow.bundle), rootfs=slow.mounts(), options=slow.options(log_path=""), **fields)
    wait_for((on.parent / "begun").exists, "the program that waits")
    (other.rootfs / "on").touch()
    wait_for(lambda: other.log.read_bytes().count(b"\n") == 200001, "all lines, and the call still waits")
    on.touch()
    connection.receive(call)
    connection.close()
    assert other.call("Wait").exit_status == 0
    slow.call("Start")
    assert slow.call("Wait").exit_status == 0
    for member in (other, slow):
        member.call("Delete")
    shut_down(other)


def test_output_goes_on_while_a_log_is_opened_on_a_frozen_disk(pod, point):  # noqa: F811
    other, slow = [pod.member(name).start() for name in ("other", "slow")]
    run(other, SCRIPT.format(last=200000), other.log)
    slow.write(["echo", "hello"])
    connection = slow.connect()
    with frozen(point):
        call = connection.send("Create", id=slow.id, bundle=str(slow.bundle), rootfs=slow.mounts(), options=slow.options(log_path=str(point / "log")))
        wait_for(lambda: thread_waits_for_disk(slow.pid), "an open(2) that waits")
        (other.rootfs / "on").touch()
        wait_for(lambda: other.log.read_bytes().count(b"\n") == 200001, "all lines, and the call still waits")
    connection.receive(call)
    connection.close()
    slow.call("Start")
    assert slow.call("Wait").exit_status == other.call("Wait").exit_status == 0
    assert lines(point / "log") == ["hello\n"]
    for member in (other, slow):
        member.call("Delete")
    shut_down(other)


def test_a_program_does_not_wait_in_non_blocking_mode(pod, point):  # noqa: F811
    member = pod.member("held").start()
    pid = run(member, SCRIPT.format(last=400000), point / "log", mode="non-blocking", max_buffer_size="64k")
    wait_for(lambda: lines(point / "log"), "the first line")
    with frozen(point):
        (member.rootfs / "on").touch()
        wait_for(lambda: has_ended(pid), "the program's end")
    assert member.call("Wait").exit_status == 0
    wait_for(lambda: "lost here" in lines(point / "log")[-1], "the last note")
    found = lines(point / "log")
    notes = [re.match(r"tare: (\d+) bytes of output were lost here: the log could not take them in time\n", line) for line in found]
    lost = sum(int(note.group(1)) for note in notes if note)
    kept = sum(len(line) for line, note in zip(found, notes) if not note)
    assert lost > 0 and lost + kept == sum(len(f"{i}\n") for i in range(400001))
    member.call("Delete")
    shut_down(member)
