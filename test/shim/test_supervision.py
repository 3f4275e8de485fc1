# SPDX-License-Identifier: Apache-2.0
"""Nothing of a container outlives it, and its end is on disk before anybody hears of it, whatever is exhausted."""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess

import pytest

from shim.shimclient import spec, wait_for

# processes that die and are replaced faster than anybody could list them; the limit leaves room for all
FORK_BOMB = "for i in $(seq 50); do (while true; do sleep 0.01; done) & done; while true; do wait; done"


@pytest.fixture
def traced(tmp_path):
    """traced(shim, calls) writes down these system calls of the shim's, until it is asked for them."""
    if subprocess.run(["sh", "-c", "command -v strace"], stdout=subprocess.DEVNULL).returncode:
        pytest.skip("no strace in $PATH")
    tracers = []

    def begin(shim, calls):
        tracer = subprocess.Popen(["strace", "-y", "-e", f"trace={calls}", "-o", tmp_path / "trace", "-p", str(shim.pid)],
                                  stderr=subprocess.PIPE, text=True)
        tracers.append(tracer)
        assert "attached" in tracer.stderr.readline()

        def end():
            tracer.terminate()
            tracer.wait()
            return (tmp_path / "trace").read_text().splitlines()

        return end

    yield begin
    for tracer in tracers:
        tracer.kill()
        tracer.wait()


def first(lines, pattern):
    return next(number for number, line in enumerate(lines) if re.match(pattern, line))


def test_the_exit_record_is_durable_before_it_is_announced(shim, traced):
    shim.create(spec(["sh", "-c", "exit 4"]))
    connection = shim.connect()
    waiting = connection.send("Wait", id=shim.id)
    client = shim.attach()
    lines = traced(shim, "fsync,linkat,sendmsg,sendto,write,writev")
    shim.call("Start")
    assert connection.receive(waiting).exit_status == 4 and client.read_all()[2] == 4
    lines = lines()
    linked = first(lines, r"linkat\(.*exit\.json")
    assert re.match(r"fsync\(", lines[linked - 1]), "the file, before it has its name"
    assert re.match(rf"fsync\(\d+<{shim.directory}>\)", lines[linked + 1]), "the directory with its name"
    # the answer to Start, then nothing until the record is there, then the exit
    sent = [number for number, line in enumerate(lines) if "socket:" in line or "UNIX" in line]
    assert [number for number in sent if number > linked + 1], lines
    assert len([number for number in sent if number < linked]) <= 1, lines


def test_a_fork_bomb_ends_with_its_container(shim):
    shim.create(spec(["sh", "-c", FORK_BOMB], linux={"resources": {"pids": {"limit": 120}}}))
    shim.call("Start")
    wait_for(lambda: len(shim.call("Pids").processes) > 20, "the bomb to go off")
    shim.call("Kill", signal=9, all=True)
    assert shim.call("Wait").exit_status == 137
    shim.call("Delete")
    assert not os.path.ismount(shim.rootfs)


def test_children_without_a_pid_namespace_end_with_the_container(shim):
    config = spec(["sh", "-c", "for i in 1 2 3; do setsid sleep 12345 & done; exit 6"])
    config["linux"]["namespaces"] = [space for space in config["linux"]["namespaces"] if space["type"] != "pid"]
    shim.create(config)
    shim.call("Start")
    assert shim.call("Wait").exit_status == 6
    shim.call("Delete")
    found = subprocess.run(["pgrep", "-f", "^sleep 12345$"], stdout=subprocess.PIPE, text=True).stdout
    assert found == "", "children of the container are left"


def cgroups_of(pid):
    """Directories of a process, one for each hierarchy."""
    points = {}
    for line in open("/proc/self/mountinfo"):
        words = line.split()
        kind = words[words.index("-") + 1]
        if kind == "cgroup2":
            points[""] = words[4]
        elif kind == "cgroup":
            points.update({name: words[4] for name in words[-1].split(",")})
    for line in open(f"/proc/{pid}/cgroup"):
        _, names, path = line.strip().split(":", 2)
        point = points.get(names.split(",")[0])
        if point:
            yield pathlib.Path(point + path)


def test_processes_in_cgroups_below_end_with_the_container(shim):
    """As programs make them that manage cgroups themselves. Not even the pid namespace helps here."""
    config = spec(["sh", "-c", "setsid sleep 54321 & sleep 1000"])
    config["linux"]["namespaces"] = [space for space in config["linux"]["namespaces"] if space["type"] != "pid"]
    pid = shim.create(config)
    shim.call("Start")
    child = int(wait_for(lambda: subprocess.run(["pgrep", "-f", "^sleep 54321$"], stdout=subprocess.PIPE, text=True).stdout.strip(), "the child"))
    above = list(cgroups_of(pid))
    for directory in above:
        below = directory / "one" / "two"
        below.mkdir(parents=True)
        if (below / "cpuset.cpus").exists():
            for step in (below.parent, below):
                for name in ("cpuset.cpus", "cpuset.mems"):
                    (step / name).write_text((directory / name).read_text())
        (below / "cgroup.procs").write_text(str(child))
    os.kill(pid, signal.SIGKILL)
    assert shim.call("Wait").exit_status == 137
    shim.call("Delete")
    wait_for(lambda: not os.path.exists(f"/proc/{child}/exe"), "the child's end")
    assert not [directory for directory in above if directory.exists()]


def test_a_full_disk_does_not_keep_a_container_from_ending(shim):
    """The record cannot be written; who waits is told all the same, and the shim goes on."""
    full = shim.directory / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=3", "tmpfs", full], check=True)
    try:
        (full / "filler").write_bytes(b"x" * 4096)
        shim.create(spec(["sh", "-c", "echo lost; exit 8"]), shim.options(exit_record=str(full / "exit.json"), log_path=str(full / "log")))
        shim.call("Start")
        assert shim.call("Wait").exit_status == 8
        shim.call("Delete")
        assert "exit.json" in (shim.bundle / "shim.log").read_text(), "the shim's log says what is missing"
    finally:
        subprocess.run(["umount", full], check=True)


def test_without_descriptors_calls_fail_and_the_container_lives(shim):
    pid = shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    connection = shim.connect()
    assert connection.call("State", id=shim.id).pid == pid
    used = len(os.listdir(f"/proc/{shim.pid}/fd"))
    soft, hard = resource.prlimit(shim.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(shim.pid, resource.RLIMIT_NOFILE, (used, hard))
    with pytest.raises(Exception, match="too many open files|Too many"):
        process = spec(["true"])["process"]
        connection.call("Exec", id=shim.id, exec_id="e1",
                        spec={"type_url": "types.containerd.io/opencontainers/runtime-spec/1/Process", "value": json.dumps(process).encode()})
        connection.call("Start", id=shim.id, exec_id="e1")
    resource.prlimit(shim.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert connection.call("State", id=shim.id).pid == pid
    shim.exec("e2", ["sh", "-c", "exit 3"])
    shim.call("Start", exec_id="e2")
    assert shim.call("Wait", exec_id="e2").exit_status == 3
