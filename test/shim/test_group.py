# SPDX-License-Identifier: Apache-2.0
"""The containers of a pod have one shim, as containerd starts them: bundles beside each other, no -socket."""

import itertools
import json
import os
import pathlib
import shutil
import subprocess
import threading

import pytest

from shim.shimclient import MESSAGES, NOT_FOUND, CallError, Shim, spec, wait_for
from shim.test_crash import response
from shim.test_events import Containerd

POD = "io.kubernetes.cri.sandbox-id"
numbers = itertools.count(1)
GROUP = "io.containerd.runc.v2.group"


class Member(Shim):
    """A container in a directory with its id as the name."""

    def __init__(self, pod, identity, group=None, label=POD):
        super().__init__(pod.program, pod.runtime, pod.directory / "files" / identity, pod.lower,
                         environment={"TARE_STATE": str(pod.state), **pod.environment}, identity=identity)
        self.bundle = pod.directory / "bundles" / identity
        self.rootfs, self.exit_record = self.bundle / "rootfs", self.bundle / "exit.json"
        self.rootfs.mkdir(parents=True)
        self.annotations = {} if group is None else {label: group}
        self.write(["sleep", "1000"])

    def write(self, args):
        self.config = spec(args, annotations=self.annotations)
        self.bundle.joinpath("config.json").write_text(json.dumps(self.config))

    def run(self, action, **more):
        more.setdefault("input", b"")
        return subprocess.run([self.program, "-namespace", "test", "-id", self.id, "-address", "/engine.sock", action],
                              cwd=self.bundle, env=self.environment, capture_output=True, timeout=60, **more)

    def start(self):
        result = self.run("start")
        assert result.returncode == 0, result.stderr
        assert result.stdout == self.bundle.joinpath("address").read_bytes()
        return self.join(result.stdout.decode())

    def join(self, address):
        assert address.startswith("unix:///")
        self.socket = pathlib.Path(address[len("unix://"):])
        self.pid = self.connect().call("Connect", id=self.id).shim_pid
        return self

    def run_detached(self, args=("sleep", "1000")):
        self.write(list(args))
        pid = self.create(self.config, options=self.options(exit_record=""))
        self.call("Start")
        return pid

    def end(self):
        self.call("Kill", signal=9)
        status = self.call("Wait").exit_status
        self.call("Delete")
        return status

    def close(self):
        pass


class Pod:
    def __init__(self, program, runtime, directory, lower, environment=None):
        self.program, self.runtime, self.directory, self.lower = program, runtime, directory, lower
        self.environment, self.state, self.members = environment or {}, directory / "state", []

    def member(self, identity, group="pod", **more):
        self.members.append(Member(self, identity, group, **more))
        return self.members[-1]

    def sockets(self):
        return sorted(os.listdir(self.state / "s"))


@pytest.fixture
def pod(bin_dir, runtime, temporary, lower):
    directory = temporary / f"p{next(numbers)}"
    directory.mkdir()
    made = Pod(bin_dir / "containerd-shim-tare-v2", runtime, directory, lower)
    yield made
    if any(member.pid and member.alive() for member in made.members):
        for member in made.members:  # a test that has failed
            if member.pid and member.alive():
                member.kill()
            member.run("delete")
    wait_for(lambda: made.sockets() == [], f"the end of all shims: {made.sockets()}")
    shutil.rmtree(directory)


def shut_down(member):
    member.call("Shutdown")
    wait_for(lambda: not member.alive(), "the shim's end")


def test_containers_of_a_pod_share_a_shim(pod):
    pause, web, other = pod.member("pause").start(), pod.member("web").start(), pod.member("other", group="elsewhere").start()
    assert pause.pid == web.pid != other.pid and pause.socket == web.socket
    pids = [member.run_detached() for member in (pause, web)]
    assert [member.call("State").pid for member in (pause, web)] == pids
    assert [member.call("Connect").task_pid for member in (pause, web)] == pids
    assert web.end() == 137
    with pytest.raises(CallError) as caught:
        web.call("State")
    assert caught.value.code == NOT_FOUND
    web.call("Shutdown")
    assert pause.call("State").pid == pids[0], "the shim stays while it has a container"
    pause.end()
    shut_down(pause)
    shut_down(other)


def test_the_groups_label_comes_before_the_pods(pod):
    one = pod.member("one", label=GROUP)
    two = pod.member("two", group="two")
    two.annotations[GROUP] = "pod"
    two.write(["true"])
    assert one.start().pid == two.start().pid
    one.call("Shutdown")
    assert one.alive(), "two has joined and will be created"
    two.run_detached()
    two.end()
    shut_down(two)


def test_without_a_group_each_has_its_own(pod):
    one, two = pod.member("one", group=None).start(), pod.member("two", group=None).start()
    assert one.pid != two.pid
    for member in (one, two):
        shut_down(member)


@pytest.mark.parametrize("name", ["", "a/b", "x" * 129])
def test_a_bad_name_of_a_group_is_refused(pod, name):
    result = pod.member("one", group=name).run("start")
    assert result.returncode == 1 and b"is not a valid name of a group" in result.stderr


def test_many_that_start_at_once_find_one_shim(pod):
    members = [pod.member(f"m{i}") for i in range(12)]
    threads = [threading.Thread(target=member.start) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({member.pid for member in members}) == 1
    members[0].run_detached()
    members[0].end()
    shut_down(members[0])


def test_a_pods_directory_is_a_part_of_its_name(pod):
    one = pod.member("one").start()
    elsewhere = Pod(pod.program, pod.runtime, pod.directory / "second", pod.lower)
    elsewhere.state, elsewhere.members = pod.state, pod.members
    two = elsewhere.member("one").start()
    assert one.pid != two.pid, "another containerd, or another namespace"
    for member in (one, two):
        shut_down(member)


def test_a_dead_shim_is_replaced(pod):
    one = pod.member("one").start()
    one.kill()
    two = pod.member("two").start()
    assert two.pid != one.pid
    assert response(one.run("delete")).exit_status == 137
    assert two.alive() and two.call("Connect").shim_pid == two.pid
    third = pod.member("third").start()
    assert third.pid == two.pid, "the delete of the dead shim left the new one's name"
    two.run_detached()
    two.end()
    shut_down(two)


def test_delete_of_one_leaves_the_others(pod):
    """containerd calls `delete` when it closes the connection of a container, also after an orderly end."""
    pause, web = pod.member("pause").start(), pod.member("web").start()
    pid = pause.run_detached()
    web.run_detached()
    web.end()
    assert response(web.run("delete")).exit_status == 137
    assert pause.call("State").pid == pid and os.path.exists(f"/proc/{pid}")
    assert pod.member("late").start().pid == pause.pid
    pause.end()
    late = Member.join(pod.member("later"), f"unix://{pause.socket}")
    late.run_detached(["true"])
    late.call("Wait")
    late.call("Delete")
    shut_down(pause)


def test_delete_after_a_killed_shim_ends_all_its_containers(pod):
    """With version 3 containerd calls `delete` for the pod's first container only."""
    pause = pod.member("pause").start()
    web = pod.member("web").join(f"unix://{pause.socket}")
    other = pod.member("other", group="elsewhere").start()
    pids = [member.run_detached() for member in (pause, web, other)]
    pause.kill()
    assert response(pause.run("delete")).pid == pids[0]
    wait_for(lambda: not any(map(running, pids[:2])), "the end of the pod")
    assert running(pids[2]), "another pod's"
    assert not os.path.ismount(web.rootfs)
    assert json.loads(web.exit_record.read_text())["exitStatus"] == 137
    assert response(web.run("delete")).exit_status == 137, "may be repeated"
    other.end()
    shut_down(other)


def running(pid):
    try:
        return "\nState:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_exits_and_events_are_each_containers_own(pod):
    path = pod.directory / "events"
    containerd = Containerd(path)
    pod.environment["TTRPC_ADDRESS"] = str(path)
    members = [pod.member(f"m{i}").start() for i in range(3)]
    for i, member in enumerate(members):
        member.write(["sh", "-c", f"exit {i + 3}"])
        member.create(member.config, options=member.options(exit_record="", log_path=str(member.log)))
    waits = [member.connect() for member in members]
    calls = [connection.send("Wait", id=member.id) for connection, member in zip(waits, members)]
    for member in reversed(members):
        member.call("Start")
    assert [connection.receive(call).exit_status for connection, call in zip(waits, calls)] == [3, 4, 5]
    assert [json.loads(member.exit_record.read_text())["exitStatus"] for member in members] == [3, 4, 5]
    wait_for(lambda: sum(envelope.topic == "/tasks/exit" for envelope in containerd.envelopes) == 3, "all exits")
    told = [MESSAGES.type("containerd.events.TaskExit").FromString(envelope.event.value)
            for envelope in containerd.envelopes if envelope.topic == "/tasks/exit"]
    assert {event.container_id: event.exit_status for event in told} == {"m0": 3, "m1": 4, "m2": 5}
    for member in members:
        member.call("Delete")
    shut_down(members[0])


def test_attach_sockets_are_each_containers_own(pod):
    members = [pod.member(f"m{i}").start() for i in range(2)]
    clients = []
    for member in members:
        member.write(["sh", "-c", f"read x; echo {member.id} $x"])
        member.create(member.config, options=member.options(exit_record="", open_stdin=True))
        clients.append(member.attach())
        member.call("Start")
    for number, client in enumerate(clients):
        client.send(0, b"word%d\n" % number)
    assert [client.read_all() for client in clients] == [(b"m0 word0\n", b"", 0), (b"m1 word1\n", b"", 0)]
    for member in members:
        member.call("Delete")
        assert not member.attach_socket.exists()
    shut_down(members[0])


def test_two_of_one_id_are_refused(pod):
    one = pod.member("one").start()
    one.run_detached()
    with pytest.raises(CallError, match="container 'one' exists already"):
        one.create(one.config)
    one.end()
    shut_down(one)


def private_dirty(pid):
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:"))


def test_a_further_container_costs_a_hundred_kilobytes(pod, release_bin_dir):
    pod.program = release_bin_dir / "containerd-shim-tare-v2"
    first = pod.member("m0").start()
    first.run_detached()
    before = private_dirty(first.pid)
    assert before <= 500
    members = [pod.member(f"m{i}").start() for i in range(1, 9)]
    for member in members:
        member.run_detached()
    each = (private_dirty(first.pid) - before) / len(members)
    print(f"private dirty: {before} KiB with one container, {each:.1f} KiB for each further one")
    assert each <= 100
    for member in [first, *members]:
        member.end()
    shut_down(first)
