# SPDX-License-Identifier: Apache-2.0
"""Peers that mean harm, and loads that grow: the shim keeps its container, its memory and its descriptors."""

import contextlib
import ctypes
import os
import pathlib
import random
import re
import shutil
import socket
import struct

import pytest

from shim.shimclient import FAILED, READY, STDIN, STDOUT, CallError, Shim, spec, wait_for


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    client.settimeout(60)
    return client


def descriptors(shim):
    return len(os.listdir(f"/proc/{shim.pid}/fd"))


def anonymous_kib(shim):
    rollup = pathlib.Path(f"/proc/{shim.pid}/smaps_rollup").read_text()
    return int(re.search(r"^Anonymous: +(\d+) kB", rollup, re.MULTILINE).group(1))


@pytest.fixture
def sleeper(shim):
    shim.create(spec(["sleep", "1000"]), options=shim.options(open_stdin=True))
    shim.call("Start")
    return shim


def test_refused_attach_requests(sleeper):
    for frames in ([(99, b"")], [(STDIN, b"x")], [(16, b"\x07nonesuch")], [(16, b"\x07" + b"e" * 300)], [(16, b"")], [(STDOUT, b"")],
                   [(20, b"\0\0\0\0")], [(18, b"no")]):
        client = connect(sleeper.attach_socket)
        for kind, payload in frames:
            client.sendall(struct.pack(">B3xI", kind, len(payload)) + payload)
        answer = client.recv(1000)
        assert answer[0] == FAILED, (frames, answer)
        assert client.recv(1) == b""
        client.close()


def test_second_hello_is_refused(sleeper):
    client = connect(sleeper.attach_socket)
    client.sendall(struct.pack(">B3xI", 16, 1) + b"\x07" + struct.pack(">B3xI", 16, 1) + b"\x07")
    answer = b""
    while piece := client.recv(1000):
        answer += piece
    assert answer[0] == READY and answer[8] == FAILED


@pytest.mark.parametrize("which", ["socket", "attach_socket"])
def test_random_bytes(sleeper, which):
    generator = random.Random(7)
    before = descriptors(sleeper)
    for _ in range(300):
        client = connect(getattr(sleeper, which))
        data = bytearray(generator.randbytes(generator.randrange(1, 200)))
        if generator.random() < 0.7:  # let it look like a frame
            data[0:4] = (bytes([generator.choice([0, 1, 16, 19]), 0, 0, 0]) if which == "attach_socket" else b"\0\0\0" + bytes([len(data) % 64]))
        try:
            client.sendall(bytes(data))
        except OSError:
            pass
        client.close()
    assert sleeper.call("State").status == 2
    wait_for(lambda: descriptors(sleeper) <= before, "the descriptors")


def test_truncated_calls_of_every_length(sleeper):
    connection = sleeper.connect()
    sent = []
    connection.socket, real = type("Recorder", (), {"sendall": lambda self, data: sent.append(data), "close": lambda self: None})(), connection.socket
    connection.send("Wait", id="c1")
    real.close()
    for n in range(len(sent[0])):
        client = connect(sleeper.socket)
        client.sendall(sent[0][:n])
        client.close()
    assert sleeper.call("State").status == 2


def test_too_many_attached_clients_wait_outside(sleeper):
    before = descriptors(sleeper)
    silent = [connect(sleeper.attach_socket) for _ in range(75)]
    wait_for(lambda: descriptors(sleeper) >= before + 60, "64 clients")
    assert sleeper.call("State").status == 2
    assert descriptors(sleeper) <= before + 65
    sleeper.attach().close()  # once those who do not say hello are dropped
    for client in silent:
        client.close()
    wait_for(lambda: descriptors(sleeper) <= before, "the descriptors")


def test_many_calls_may_wait_but_not_without_end(sleeper):
    connection = sleeper.connect()
    calls = [connection.send("Wait", id="c1") for _ in range(70)]
    refused = 0
    for call in calls[64:]:
        with pytest.raises(CallError, match="too many calls wait"):
            connection.receive(call)
        refused += 1
    assert refused == 6
    sleeper.call("Kill", signal=9)
    assert connection.receive(calls[0]).exit_status == 137


@pytest.fixture
def small(release_bin_dir, runtime, temporary, lower):
    """A shim as users have it: sanitizers take memory."""
    shim = Shim(release_bin_dir / "containerd-shim-tare-v2", runtime, temporary / "small", lower).start()
    yield shim
    shim.close()
    shutil.rmtree(shim.directory)


def test_shim_is_small_and_stays_so(small):
    small.create(spec(["cat"]), options=small.options(open_stdin=True))
    small.call("Start")
    assert anonymous_kib(small) <= 250
    for _ in range(300):
        client = small.attach()
        client.send(STDIN, b"x" * 20000)
        client.close()
    for number in range(50):
        small.exec(f"e{number}", ["seq", "1", "2000"])
        client = small.attach(f"e{number}")
        small.call("Start", exec_id=f"e{number}")
        assert client.read_all()[2] == 0
        small.call("Delete", exec_id=f"e{number}")
    assert anonymous_kib(small) <= 500


def test_flood_without_a_reader_is_bounded(small):
    small.create(spec(["sleep", "1000"]))
    small.call("Start")
    small.exec("e1", ["sh", "-c", "yes | head -c 200000000; echo end"])
    client = small.attach("e1")
    small.call("Start", exec_id="e1")
    client.take()
    assert anonymous_kib(small) <= 500 + 3 * 1024
    client.close()
    assert small.call("Wait", exec_id="e1").exit_status == 0
    assert anonymous_kib(small) <= 500


def mounts_of_files(pid):
    """Ids of the mounts of what a process has open."""
    found = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.add(re.search(r"^mnt_id:\s+(\d+)", path.read_text(), re.MULTILINE).group(1))
    return found


def test_runtime_runs_from_a_mount_that_nobody_can_change(shim, runtime):
    """What waits in a created container is the runtime: a way to its file, but not to write to it."""
    if pathlib.Path(runtime).name != "tare-runtime":
        pytest.skip("others have other ways to the same end")
    fd = os.open(f"/proc/{shim.create(spec(['true']))}/exe", os.O_RDONLY)
    try:
        assert os.fstatvfs(fd).f_flag & os.ST_RDONLY
        own = re.search(r"^mnt_id:\s+(\d+)", pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text(), re.MULTILINE).group(1)
        assert own in mounts_of_files(shim.pid)
        attributes = struct.pack("4Q", 0, 1, 0, 0)  # clear MOUNT_ATTR_RDONLY; mount_setattr(2), AT_EMPTY_PATH
        assert ctypes.CDLL(None).syscall(442, fd, b"", 0x1000, attributes, len(attributes)) == -1
    finally:
        os.close(fd)


def test_a_new_runtime_is_run_from_when_it_is_there(new_shim, runtime, tmp_path):
    program, used = tmp_path / "tare-runtime", tmp_path / "used"
    shutil.copy2(runtime, program)
    shim = new_shim(runtime=program)
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    new = tmp_path / "new"
    new.write_text(f'#!/bin/sh\ntouch {used}\nexec {runtime} "$@"\n')
    new.chmod(0o755)
    new.replace(program)
    shim.exec("e", ["true"])
    shim.call("Start", exec_id="e")
    assert shim.call("Wait", exec_id="e").exit_status == 0
    assert used.exists()
