# SPDX-License-Identifier: Apache-2.0
"""What is left when a shim is killed, and `delete`, which clears it away."""

import json
import os
import pathlib
import signal
import subprocess

from shim.shimclient import MESSAGES, spec, wait_for


def response(result):
    assert result.returncode == 0, result.stderr
    return MESSAGES.type("containerd.task.v3.DeleteResponse").FromString(result.stdout)


def test_delete_after_a_killed_shim(shim):
    pid = shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.kill()
    assert os.path.exists(f"/proc/{pid}"), "the container outlives its shim"
    answer = response(shim.run("delete"))
    assert (answer.pid, answer.exit_status) == (pid, 137)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or "\nState:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text(),
             "the end of the container")
    assert json.loads(shim.exit_record.read_text())["exitStatus"] == 137
    assert not os.path.ismount(shim.rootfs)
    assert not shim.socket.exists() and not shim.attach_socket.exists()
    assert list((shim.directory / "runtime").iterdir()) == []
    assert response(shim.run("delete")).exit_status == 137, "delete may be repeated"


def test_delete_believes_the_exit_record(shim):
    shim.create(spec(["sh", "-c", "exit 11"]))
    shim.call("Start")
    shim.call("Wait")
    shim.kill()
    assert response(shim.run("delete")).exit_status == 11
    assert json.loads(shim.exit_record.read_text())["exitStatus"] == 11


def test_delete_of_a_shim_that_never_created(shim):
    shim.kill()
    assert response(shim.run("delete")).exit_status == 137
    assert not shim.exit_record.exists() and not shim.socket.exists()


def test_delete_by_bundle_flag(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.kill()
    result = subprocess.run([shim.program, "-namespace", "test", "-id", "c1", "-bundle", shim.bundle, "delete"],
                            cwd="/", capture_output=True)
    assert response(result).exit_status == 137


def test_start_replaces_a_dead_socket_and_respects_a_live_one(shim):
    again = shim.run("start")
    assert again.returncode == 1 and b"another shim serves" in again.stderr
    shim.kill()
    assert shim.socket.exists()
    shim.start()


def test_start_leaves_no_descriptor_open(new_shim):
    shim = new_shim()
    links = {os.readlink(f"/proc/{shim.pid}/fd/{fd}") for fd in (0, 1)}
    assert links == {"/dev/null"}
    assert os.readlink(f"/proc/{shim.pid}/cwd") == str(shim.bundle)
    assert os.getsid(shim.pid) == shim.pid


def test_container_inherits_no_descriptor(shim):
    shim.create(spec(["sh", "-c", "ls /proc/self/fd"]))
    client = shim.attach()
    shim.call("Start")
    assert client.read_all()[0].split() == [b"0", b"1", b"2", b"3"]  # 3: ls reads the directory


def test_descriptors_of_a_careless_caller_are_closed(new_shim):
    shim = new_shim(start=False)
    with open("/etc/passwd") as leaked:
        os.dup2(leaked.fileno(), 77)
        result = subprocess.run(
            [shim.program, "-namespace", "test", "-id", "c1", "-socket", shim.socket, "start"], cwd=shim.bundle,
            pass_fds=[77], capture_output=True)
        os.close(77)
    assert result.returncode == 0
    shim.pid = shim.call("Connect").shim_pid
    assert "/etc/passwd" not in {os.readlink(path) for path in pathlib.Path(f"/proc/{shim.pid}/fd").iterdir()}


def test_version_and_info(new_shim):
    program = new_shim(start=False).program
    assert subprocess.check_output([program, "-v"], text=True).startswith("containerd-shim-tare-v2 ")
    info = MESSAGES.type("containerd.types.RuntimeInfo").FromString(
        subprocess.check_output([program, "-info"], stdin=subprocess.DEVNULL))
    assert info.name == "io.containerd.tare.v2" and info.version.version


def test_bad_command_lines_say_what_is_wrong(new_shim):
    shim = new_shim(start=False)
    for flags, words in ((["start"], "no namespace: -namespace is missing"),
                         (["-namespace", "n", "dance"], "unknown action 'dance'"),
                         (["-namespace", "n", "delete"], "no container id: -id is missing"),
                         (["-namespace", "n", "-id", "c", "-socket", "s", "start"], "socket 's' is not an absolute path"),
                         (["-nope"], "unknown flag")):
        result = subprocess.run([shim.program, *flags], cwd=shim.bundle, capture_output=True, text=True)
        assert result.returncode == 1 and words in result.stderr and result.stderr.count("\n") == 1, result.stderr
        assert result.stdout == ""


def test_killed_engine_does_not_matter(shim):
    """Connections that break off in the middle of anything leave the shim as it is."""
    shim.create(spec(["sh", "-c", "read x; exit 2"]), options=shim.options(open_stdin=True))
    for _ in range(200):
        connection = shim.connect()
        connection.send("Wait", id="c1")
        connection.close()
    for data in (b"\0\0\0", b"\0\0\0\x05\0\0\0\x01\x01\0ab", b"\xff" * 10, b"\0\0\0\x02\0\0\0\x01\x01\0\xff\xff"):
        connection = shim.connect()
        connection.socket.sendall(data)
        connection.close()
    shim.call("Start")
    client = shim.attach()
    client.send(0, b"\n")
    assert shim.call("Wait").exit_status == 2


def test_killed_program_of_the_container_is_reaped(shim):
    shim.create(spec(["sh", "-c", "sleep 1000 & wait"]))
    shim.call("Start")
    shim.call("Kill", signal=int(signal.SIGTERM))
    shim.call("Kill", signal=int(signal.SIGKILL))
    assert shim.call("Wait").exit_status in (137, 143)
    children = pathlib.Path(f"/proc/{shim.pid}/task/{shim.pid}/children").read_text()
    assert children == ""
