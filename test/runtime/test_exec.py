# SPDX-License-Identifier: Apache-2.0
"""What `exec`, `create` and `run` hand over and take: descriptors, sockets, files, affinity, log."""

import array
import json
import os
import select
import signal
import socket
import subprocess
import threading

import pytest

CPUS = sorted(os.sched_getaffinity(0))


def receive_descriptor(path, action):
    """What comes to a listener at path while action runs: (text, descriptor)."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(60)
    result = []

    def take():
        peer, _ = listener.accept()
        data, control, _, _ = peer.recvmsg(4096, socket.CMSG_SPACE(4))
        fds = array.array("i")
        fds.frombytes(control[0][2])
        result.extend([data.decode(), fds[0]])

    thread = threading.Thread(target=take)
    thread.start()
    action()
    thread.join(20)
    listener.close()
    return result


@pytest.mark.parametrize("command,kind", [("create", "standard"), ("exec", "setns")])
def test_pidfd_socket(runtime, command, kind):
    path = runtime.directory / "pidfd.sock"
    bundle = runtime.bundle().args("/bin/sleep", "100")
    names = []
    if command == "create":
        def action():
            names.append(runtime.create(bundle, "--pidfd-socket", path))
    else:
        names.append(runtime.start(bundle))

        def action():
            assert runtime.quiet("exec", "-d", "--pidfd-socket", path, names[0], "sleep", "100") == 0
    text, pidfd = receive_descriptor(path, action)
    assert text == kind
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    assert poll.poll(10000)
    os.close(pidfd)
    if command == "create":
        runtime.wait_status(names[0], "stopped")


def test_process_from_standard_input(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    process = json.dumps({"args": ["/bin/echo", "from stdin"], "cwd": "/", "user": {"uid": 0, "gid": 0}})
    read, write = os.pipe()
    os.write(write, process.encode())
    os.close(write)
    assert runtime.ok("exec", "--process", "-", name, stdin=read).out == "from stdin\n"
    os.close(read)


@pytest.mark.skipif(len(CPUS) < 2, reason="one CPU")
def test_cpu_affinity_of_exec(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "100")
    bundle.config["process"]["execCPUAffinity"] = {"initial": str(CPUS[0]), "final": str(CPUS[1])}
    name = runtime.start(bundle)
    show = ("grep", "Cpus_allowed_list", "/proc/self/status")
    assert runtime.ok("exec", name, *show).out.split()[1] == str(CPUS[1])
    assert runtime.ok("exec", name, "grep", "Cpus_allowed_list", "/proc/1/status").out.split()[1] != str(CPUS[0])


@pytest.mark.skipif(len(CPUS) < 2, reason="one CPU")
def test_the_callers_affinity_is_not_the_containers(runtime):
    bundle = runtime.bundle().args("/bin/grep", "Cpus_allowed_list", "/proc/self/status")
    result = runtime.run(bundle, preexec_fn=lambda: os.sched_setaffinity(0, {CPUS[0]}))
    assert result.code == 0 and result.out.split()[1] != str(CPUS[0])


def test_bad_affinity_names_the_field(runtime):
    bundle = runtime.bundle()
    bundle.config["process"]["execCPUAffinity"] = {"final": "3-1"}
    assert runtime.run(bundle).code == 1
    assert "process.execCPUAffinity.final" in runtime.last_error()["msg"]


@pytest.mark.parametrize("policy,message", [
    ({}, "invalid memory policy mode"),
    ({"mode": "INTERLEAVE", "nodes": "0"}, 'invalid memory policy mode "INTERLEAVE"'),
    ({"mode": "MPOL_PREFERRED", "nodes": "0", "flags": ["bad"]}, 'invalid memory policy flag "bad"'),
    ({"mode": "MPOL_DEFAULT", "nodes": "0-7"}, "mode requires 0 nodes but got 8"),
    ({"mode": "MPOL_BIND"}, "mode requires at least one node"),
    ({"mode": "MPOL_BIND", "nodes": "0-9876543210"}, "invalid memory policy nodes"),
])
def test_bad_memory_policies(runtime, policy, message):
    bundle = runtime.bundle()
    bundle.config["linux"]["memoryPolicy"] = policy
    assert runtime.run(bundle).code == 1
    assert message in runtime.last_error()["msg"]


@pytest.mark.skipif(not os.path.exists("/proc/self/numa_maps"), reason="a kernel without NUMA")
def test_memory_policy(runtime):
    bundle = runtime.bundle().sh("head -n 1 /proc/self/numa_maps")
    bundle.config["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}
    result = runtime.run(bundle)
    assert result.code == 0 and result.out.split()[1].startswith("bind=static:0"), result


@pytest.mark.skipif(os.path.exists("/sys/fs/resctrl/schemata"), reason="resctrl is mounted")
def test_intel_rdt_without_resctrl(runtime):
    bundle = runtime.bundle()
    bundle.config["linux"]["intelRdt"] = {"closID": "group"}
    assert runtime.run(bundle).code == 1
    assert "linux.intelRdt" in runtime.last_error()["msg"]
    bundle.config["linux"]["intelRdt"] = {"closID": "../x"}
    assert runtime.run(bundle).code == 1
    assert "linux.intelRdt.closID" in runtime.last_error()["msg"]


def test_unknown_capabilities_warn(runtime):
    bundle = runtime.bundle().caps("CAP_KILL", "CAP_MAGIC")
    bundle.config["process"]["capabilities"]["ambient"] = ["CAP_CHOWN"]
    assert runtime.run(bundle).code == 0
    warnings = [json.loads(line)["msg"] for line in runtime.log.read_text().splitlines()]
    assert "ignoring unknown or unavailable capabilities: [CAP_MAGIC]" in warnings
    assert any(w.startswith("can't raise ambient capability CAP_CHOWN: ") for w in warnings)


def test_sockets_of_a_service_manager(runtime):
    """sd_listen_fds(3): LISTEN_PID is the runtime's; the program's is always 1."""
    bundle = runtime.bundle().sh("echo $LISTEN_FDS $LISTEN_PID; readlink /proc/self/fd/3; readlink /proc/self/fd/4")
    bundle.write()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(runtime.directory / "service.sock"))
        script = ('exec 3<&%d; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"' % listener.fileno())
        words = runtime.command("run", "--bundle", bundle.path, runtime.new_id())
        result = subprocess.run(["/bin/bash", "-c", script, "x", *words], pass_fds=[listener.fileno()],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60)
    lines = result.stdout.splitlines()
    assert lines[0] == "1 1" and lines[1].startswith("socket:")


@pytest.mark.parametrize("way", ["run", "start"])
def test_readiness_goes_to_the_service_manager(runtime, way):
    path = runtime.directory / "manager.sock"
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(path))
    manager.settimeout(60)
    compile_notifier(runtime.directory / "notifier")
    bundle = runtime.bundle().args("/notifier")
    os.link(runtime.directory / "notifier", bundle.rootfs / "notifier")
    environment = dict(os.environ, NOTIFY_SOCKET=str(path))
    heard = []

    def listen():
        while not any(text.startswith("BARRIER") for text in heard):
            data, control, _, _ = manager.recvmsg(4096, socket.CMSG_SPACE(4))
            heard.append(data.decode())
            for _, _, fd in control:
                os.close(int.from_bytes(fd[:4], "little"))

    thread = threading.Thread(target=listen)
    thread.start()
    if way == "run":
        bundle.write()
        name = runtime.new_id()
        assert runtime.quiet("run", "-d", "--bundle", bundle.path, name, env=environment) == 0
    else:
        name = runtime.create(bundle, env=environment)
        assert runtime.quiet("start", name, env=environment) == 0
    thread.join(20)
    manager.close()
    assert heard == ["READY=1\n", f"MAINPID={runtime.state(name)['pid']}\n", "BARRIER=1"]


def compile_notifier(path):
    from bundle import compile_static
    compile_static(path, r"""
        #include <stdlib.h>
        #include <string.h>
        #include <sys/socket.h>
        #include <sys/un.h>
        #include <unistd.h>
        int main(void) {
            struct sockaddr_un a = {.sun_family = AF_UNIX};
            int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
            strcpy(a.sun_path, getenv("NOTIFY_SOCKET"));
            sendto(fd, "STATUS=warm\nMAINPID=7", 21, 0, (void *)&a, sizeof a);
            sendto(fd, "READY=1", 7, 0, (void *)&a, sizeof a);
            sleep(100);
        }""")


def test_poststart_failure_ends_the_container(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "100")
    bundle.config["hooks"] = {"poststart": [{"path": "/bin/false"}]}
    name = runtime.create(bundle)
    assert runtime("start", name).code == 1
    assert "error running poststart hook #0" in runtime.last_error()["msg"]
    assert runtime("state", name).code == 1


def test_poststop_failure_only_warns(runtime):
    mark = runtime.directory / "mark"
    bundle = runtime.bundle()
    bundle.config["hooks"] = {"poststop": [{"path": "/bin/false"}, {"path": "/bin/sh", "args": ["sh", "-c", f"echo >{mark}"]}]}
    assert runtime.run(bundle).code == 0
    assert mark.exists()
    assert any("error running poststop hook #0" in line for line in runtime.log.read_text().splitlines())


def test_debug_log_tells_the_steps(runtime):
    bundle = runtime.bundle()
    bundle.write()
    result = runtime("--debug", "run", "--bundle", bundle.path, runtime.new_id())
    text = runtime.log.read_text()
    assert result.code == 0 and "level=debug" not in result.err
    for words in ("nsexec container setup", "child process in init()", "init: closing the pipe to signal completion"):
        assert words in text


def test_created_container_holds_nothing_of_the_host(runtime):
    name = runtime.create(runtime.bundle())
    pid = runtime.state(name)["pid"]
    targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2]
    assert all(t.startswith("socket:") for t in targets), targets


def test_created_container_obeys_sigterm(runtime):
    name = runtime.create(runtime.bundle())
    runtime.ok("kill", name, "TERM")
    runtime.wait_status(name, "stopped")


def test_limits_in_a_user_namespace(runtime):
    hard = 900
    bundle = runtime.bundle().namespace("user").sh("ulimit -n; ulimit -Hn")
    ids = [{"containerID": 0, "hostID": 0, "size": 1000}]
    bundle.config["linux"].update(uidMappings=ids, gidMappings=ids)
    bundle.config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 800, "hard": hard}]
    result = runtime.run(bundle)
    assert result.out.split() == ["800", str(hard)], result
