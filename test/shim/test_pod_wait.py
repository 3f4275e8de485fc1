# SPDX-License-Identifier: Apache-2.0
"""A call or an exit that has to wait holds its own container, and no other of the pod."""

import json
import os
import subprocess
import threading

import pytest

from harness import has_ended
from shim.shimclient import MESSAGES, NOT_FOUND, CallError, wait_for
from shim.test_events import Containerd
from shim.test_group import pod, running, shut_down  # noqa: F401
from shim.test_pod_log import frozen, hang_in_hook, point, thread_waits_for_disk  # noqa: F401


def send_create(member, on=None, **fields):
    """The connection and the call, of a container with a hook that waits for the file `on`."""
    more = hang_in_hook(member, on)[0] if on else {}
    member.config.update(more)
    member.bundle.joinpath("config.json").write_text(json.dumps(member.config))
    connection = member.connect()
    fields.setdefault("rootfs", member.mounts())
    return connection, connection.send("Create", id=member.id, bundle=str(member.bundle), options=member.options(log_path="", exit_record=""), **fields)


def live(member, status=0):
    """All of a life, in the pod's shim."""
    member.write(["sh", "-c", f"exit {status}"])
    member.create(member.config, options=member.options(log_path="", exit_record=""))
    member.call("Start")
    assert member.call("Wait").exit_status == status
    assert json.loads(member.exit_record.read_text())["exitStatus"] == status
    member.call("Delete")


def exits(containerd):
    told = [MESSAGES.type("containerd.events.TaskExit").FromString(envelope.event.value)
            for envelope in list(containerd.envelopes) if envelope.topic == "/tasks/exit"]
    return {event.container_id: event.exit_status for event in told}


def test_others_go_on_while_a_create_waits(pod):  # noqa: F811
    path = pod.directory / "events"
    containerd = Containerd(path)
    pod.environment["TTRPC_ADDRESS"] = str(path)
    held, other, later = [pod.member(name).start() for name in ("held", "other", "later")]
    on = held.directory / "on"
    other.run_detached(["sh", "-c", "until [ -e /on ]; do sleep 0.05; done; exit 7"])
    connection, call = send_create(held, on)
    wait_for((on.parent / "begun").exists, "the hook that waits")
    (other.rootfs / "on").touch()
    assert other.call("Wait").exit_status == 7
    wait_for(lambda: exits(containerd) == {"other": 7}, "the news of the exit")
    other.call("Delete")
    live(later, 3)
    wait_for(lambda: exits(containerd) == {"other": 7, "later": 3}, "the news of the other exit")
    state = connection.send("State", id=held.id)  # comes after the call before it
    on.touch()
    pid = connection.receive(call).pid
    assert connection.receive(state).pid == pid
    connection.close()
    held.call("Start")
    assert held.end() == 137
    shut_down(held)


def test_a_call_of_a_client_that_has_left_is_done(pod):  # noqa: F811
    held, other = [pod.member(name).start() for name in ("held", "other")]
    on = held.directory / "on"
    connection, _ = send_create(held, on)
    wait_for((on.parent / "begun").exists, "the hook that waits")
    connection.send("Start", id=held.id)
    connection.close()
    live(other)
    other.call("Shutdown")
    assert held.alive(), "work is under way"
    on.touch()
    wait_for(lambda: held.call("State").status == 2, "the start that had been asked for")
    assert held.end() == 137
    shut_down(held)


def test_a_create_that_fails_late_leaves_nothing(pod):  # noqa: F811
    held, other = [pod.member(name).start() for name in ("held", "other")]
    on = held.directory / "on"
    held.config.update(hang_in_hook(held, on)[0])
    with (held.directory / "hook").open("a") as hook:
        hook.write("exit 1\n")
    connection, call = send_create(held)
    wait_for((on.parent / "begun").exists, "the hook that waits")
    state = connection.send("State", id=held.id)
    live(other)
    on.touch()
    with pytest.raises(CallError, match="hook"):
        connection.receive(call)
    with pytest.raises(CallError) as caught:
        connection.receive(state)
    assert caught.value.code == NOT_FOUND
    connection.close()
    assert not os.path.ismount(held.rootfs)
    live(other)
    shut_down(held)


def test_others_go_on_while_a_rootfs_is_mounted_on_a_frozen_disk(pod, point):  # noqa: F811
    held, other = [pod.member(name).start() for name in ("held", "other")]
    for name in ("upper", "work"):
        (point / name).mkdir()
    overlay = [{"type": "overlay", "source": "overlay", "options": [f"lowerdir={held.lower}", f"upperdir={point}/upper", f"workdir={point}/work"]}]
    with frozen(point):
        connection, call = send_create(held, rootfs=overlay)
        wait_for(lambda: thread_waits_for_disk(held.pid), "a mount(2) that waits")
        live(other, 4)
    assert connection.receive(call).pid > 0
    connection.close()
    held.call("Start")
    assert held.end() == 137
    shut_down(held)


def test_an_exit_is_told_when_its_record_is_on_the_disk_and_others_before(pod, point):  # noqa: F811
    path = pod.directory / "events"
    containerd = Containerd(path)
    pod.environment["TTRPC_ADDRESS"] = str(path)
    held, other = [pod.member(name).start() for name in ("held", "other")]
    record = point / "exit.json"
    held.write(["sh", "-c", "until [ -e /on ]; do sleep 0.05; done; exit 5"])
    pid = held.create(held.config, options=held.options(log_path="", exit_record=str(record)))
    held.call("Start")
    connection = held.connect()
    call = connection.send("Wait", id=held.id)
    with frozen(point):
        (held.rootfs / "on").touch()
        wait_for(lambda: has_ended(pid), "the program's end")
        wait_for(lambda: thread_waits_for_disk(held.pid), "a record that waits")
        live(other, 4)
        wait_for(lambda: "other" in exits(containerd), "the news of the other exit")
        assert exits(containerd) == {"other": 4} and held.call("State").status == 2, "nobody knows of it yet"
    assert connection.receive(call).exit_status == 5
    assert json.loads(record.read_text())["exitStatus"] == 5
    wait_for(lambda: exits(containerd) == {"other": 4, "held": 5}, "the news of the exit")
    connection.close()
    held.call("Delete")
    shut_down(held)


def test_in_a_shared_pid_namespace_all_processes_end(pod):  # noqa: F811
    member = pod.member("shared").start()
    member.config["linux"]["namespaces"] = [entry for entry in member.config["linux"]["namespaces"] if entry["type"] != "pid"]
    member.config["process"]["args"] = ["sh", "-c", "sleep 1000 & echo $! >/pid; until [ -e /on ]; do sleep 0.05; done; exit 6"]
    member.create(member.config, options=member.options(log_path="", exit_record=""))
    member.call("Start")
    wait_for(lambda: (member.rootfs / "pid").exists() and (member.rootfs / "pid").read_text().strip(), "the background process")
    background = int((member.rootfs / "pid").read_text())
    assert running(background)
    (member.rootfs / "on").touch()
    assert member.call("Wait").exit_status == 6
    wait_for(lambda: not running(background), "the end of the background process")
    member.call("Delete")
    shut_down(member)


def test_many_live_at_once(pod):  # noqa: F811
    """Each in an order of its own: calls, execs and exits of all cross each other."""
    members = [pod.member(f"m{i}").start() for i in range(6)]
    keeper = pod.member("keeper").start()
    keeper.run_detached()
    problems = []

    def work(i):
        member = members[i]
        try:
            for turn in range(4):
                live(member, i * 10 + turn)
                member.run_detached()
                for number in range(2):
                    member.exec(f"e{number}", ["sh", "-c", f"exit {number + 20}"])
                    member.call("Start", exec_id=f"e{number}")
                    assert member.call("Wait", exec_id=f"e{number}").exit_status == number + 20
                    member.call("Delete", exec_id=f"e{number}")
                assert member.end() == 137
        except (AssertionError, CallError, OSError, subprocess.SubprocessError) as problem:
            problems.append((i, repr(problem)))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(members))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert keeper.call("State").status == 2
    keeper.end()
    shut_down(keeper)
