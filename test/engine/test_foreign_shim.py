# SPDX-License-Identifier: Apache-2.0
"""Containers under another project's shim (io.containerd.runc.v2): all that ours can, by the same commands. Debian's
shim, and a newer one in $TARE_TEST_CONTAINERD."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from harness import processes_with, wait_until

NEWER = os.environ.get("TARE_TEST_CONTAINERD", "/nowhere")
SHIMS = [path for path in ("/usr/bin/containerd-shim-runc-v2", f"{NEWER}/containerd-shim-runc-v2") if os.access(path, os.X_OK)]
pytestmark = pytest.mark.skipif(not SHIMS or not shutil.which("runc"), reason="no containerd-shim-runc-v2 and runc here")


def version_of(path):
    said = subprocess.run([path, "-v"], stdout=subprocess.PIPE, text=True).stdout
    return re.search(r"Version:\s+(\S+)", said).group(1)


@pytest.fixture(params=SHIMS, ids=lambda path: version_of(path) if SHIMS else "none")
def run(request, engine, busybox):
    """run(arguments…) is `tare run` of the image under that shim."""

    def run_it(*arguments, command=(), **more):
        return engine.tare("run", "--runtime", request.param, *arguments, busybox, *command, **more)

    assert not os.path.exists("/run/containerd/containerd.sock"), "a machine of our own"
    run_it.shim, run_it.image = request.param, busybox
    yield run_it
    engine.remove_all()
    wait_until(lambda: not shims(engine), what="its shims to end with their containers")
    remove_sockets()


def remove_sockets():
    """What a shim that was killed leaves behind, as it does under containerd: a new start takes it over."""
    for directory in ("/run/containerd/s", "/run/containerd"):
        shutil.rmtree(directory, ignore_errors=True)


def shims(engine, name="containerd-shim-"):
    """pids"""
    return [pid for pid, command in processes_with(str(engine.directory)) if name in command]


def inspect(engine, name):
    (found,) = json.loads(engine.output("inspect", name))
    return found


def test_output_exit_code_and_log(engine, run):
    done = run("--name", "one", command=["sh", "-c", "echo out; echo err >&2; exit 7"], code=7)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    found = inspect(engine, "one")
    assert found["State"]["ExitCode"] == 7 and found["HostConfig"]["Runtime"] == run.shim
    logged = engine.tare("logs", "one")
    assert (logged.stdout, logged.stderr) == ("out\n", "err\n")
    assert engine.output("wait", "one") == "7"


def test_input_and_its_end(engine, run):
    data = "".join(f"line {number}\n" for number in range(20000))
    assert run("--rm", "-i", command=["cat"], input=data).stdout == data
    assert run("--rm", "-i", command=["wc", "-l"], input=data).stdout == "20000\n"


def test_a_lot_of_output_comes_whole(engine, run):
    done = run("--name", "flood", command=["sh", "-c", "yes 0123456789abcde | head -c 900000"])
    assert len(done.stdout) == 900000
    assert len(engine.tare("logs", "flood").stdout) == 900000


def test_terminal_with_its_size_and_detaching(engine, run):
    with engine.terminal("run", "-it", "--runtime", run.shim, "--name", "tty", run.image, "sh") as terminal:
        terminal.expect(r"# ")
        terminal.send("stty size; tty\n")
        terminal.expect(r"24 80\r\n/dev/pts/0")
        terminal.resize(33, 101)
        wait_until(lambda: asks_size(terminal, "33 101"))
        terminal.send("\x10\x11")
        assert terminal.wait() == 0
    assert inspect(engine, "tty")["State"]["Running"]
    with engine.terminal("attach", "tty") as terminal:
        terminal.send("\necho back again; exit 5\n")
        terminal.expect(r"back again\r\n")
        assert terminal.wait() == 5
    assert "back again" in engine.output("logs", "tty")


def asks_size(terminal, size):
    terminal.send("stty size\n")
    return re.search(size, terminal.expect(r"(\d+ \d+)\r\n").group(1))


def test_several_clients_are_attached(engine, run):
    """Each has seen a line before the lines that are counted."""
    script = "until [ -e /on ]; do echo waiting; sleep 0.1; done; seq 1000; sleep 1; exit 3"
    run("-d", "--name", "many", command=["sh", "-c", script])
    clients = [engine.popen("attach", "many", stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) for _ in range(3)]
    expected = "".join(f"{number}\n" for number in range(1, 1001))
    assert [client.stdout.readline() for client in clients] == ["waiting\n"] * 3
    engine.tare("exec", "many", "touch", "/on")
    for client in clients:
        assert client.stdout.read().replace("waiting\n", "") == expected and client.wait(60) == 3


def test_exec(engine, run):
    run("-d", "--name", "host", command=["sleep", "1000"])
    done = engine.tare("exec", "host", "sh", "-c", "echo out; echo err >&2; exit 9", code=9)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert engine.tare("exec", "-i", "host", "cat", input="typed\n").stdout == "typed\n"
    with engine.terminal("exec", "-it", "host", "sh", rows=30, columns=90) as terminal:
        terminal.expect(r"# ")
        wait_until(lambda: asks_size(terminal, "30 90"))
        terminal.send("exit 4\n")
        assert terminal.wait() == 4
    engine.fails(127, "executable file not found|no such file", "exec", "host", "/nowhere")
    engine.tare("exec", "-d", "host", "touch", "/done")
    wait_until(lambda: engine.tare("exec", "host", "test", "-e", "/done", code=None).returncode == 0)


def test_a_command_that_does_not_exist(engine, run):
    said = run("--name", "missing", command=["/nowhere"], code=127).stderr
    assert "/nowhere" in said
    assert inspect(engine, "missing")["State"]["ExitCode"] == 127


def test_stop_kill_and_start_again(engine, run):
    script = "trap 'echo bye; exit 6' TERM; echo life; while true; do sleep 0.05; done"
    run("-d", "--name", "again", command=["sh", "-c", script])
    for _ in range(2):
        wait_until(lambda: engine.output("logs", "again").endswith("life"))
        engine.tare("stop", "again")
        assert inspect(engine, "again")["State"]["ExitCode"] == 6
        engine.tare("start", "again")
    engine.tare("kill", "again")
    found = inspect(engine, "again")["State"]
    assert (found["Status"], found["ExitCode"]) == ("exited", 137)
    assert engine.output("logs", "again").split() == ["life", "bye", "life", "bye", "life"][: len(engine.output("logs", "again").split())]


def test_restart_policy(engine, run):
    run("-d", "--name", "flaky", "--restart", "on-failure:3", command=["sh", "-c", "echo life; exit 9"])
    assert engine.output("wait", "flaky") == "9"
    found = inspect(engine, "flaky")
    assert found["RestartCount"] == 3 and found["State"]["ExitCode"] == 9
    assert engine.output("logs", "flaky").split() == ["life"] * 4


def test_limits_are_changed_while_it_runs(engine, run):
    run("-d", "--name", "limited", "--pids-limit", "50", command=["sleep", "1000"])
    engine.tare("update", "--pids-limit", "60", "limited")
    pid = inspect(engine, "limited")["State"]["Pid"]
    groups = dict(line.split(":", 2)[1:] for line in open(f"/proc/{pid}/cgroup").read().split())
    path = f"/sys/fs/cgroup/pids{groups['pids']}/pids.max" if "pids" in groups else f"/sys/fs/cgroup{groups['']}/pids.max"
    assert open(path).read().strip() == "60"


def test_the_engine_is_killed(engine, run):
    run("-d", "--name", "lives", command=["sh", "-c", "i=0; while true; do echo line $i; i=$((i+1)); usleep 5000; done"])
    run("-d", "--name", "ends", command=["sh", "-c", "sleep 1; echo bye; exit 7"])
    client = engine.popen("run", "--runtime", run.shim, "--name", "attached", run.image, "sh", "-c",
                          "echo begun; sleep 2; echo end; exit 8", stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "begun\n"
    engine.kill()
    time.sleep(1.5)
    engine.start()
    assert engine.output("wait", "ends") == "7" and engine.output("logs", "ends") == "bye"
    assert client.stdout.read() == "end\n" and client.wait(60) == 8
    assert engine.tare("exec", "lives", "echo", "still").stdout == "still\n"
    engine.tare("stop", "-t", "1", "lives")
    numbers = [int(line.split()[1]) for line in engine.output("logs", "lives").splitlines()]
    assert numbers == list(range(len(numbers)))


def test_its_shim_is_killed(engine, run):
    run("-d", "--name", "orphan", command=["sleep", "1000"])
    pid = inspect(engine, "orphan")["State"]["Pid"]
    for shim in shims(engine, "containerd-shim-runc-v2"):
        os.kill(shim, signal.SIGKILL)
    assert engine.output("wait", "orphan") == "137"
    assert not os.path.exists(f"/proc/{pid}")
    engine.tare("start", "orphan")
    assert inspect(engine, "orphan")["State"]["Running"]


@pytest.mark.parametrize("away", [False, True], ids=["engine-there", "engine-away"])
def test_our_shim_is_killed(engine, run, away):
    run("-d", "--name", "orphan", command=["sleep", "1000"])
    pid = inspect(engine, "orphan")["State"]["Pid"]
    if away:
        engine.kill()
    for shim in shims(engine, "containerd-shim-tare-v2"):
        os.kill(shim, signal.SIGKILL)
    if away:
        engine.start()
    assert engine.output("wait", "orphan") == "255"
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), what="the container to be ended")
    wait_until(lambda: not shims(engine), what="both shims to be gone")
    engine.tare("start", "orphan")
    assert inspect(engine, "orphan")["State"]["Running"]


def test_a_start_that_fails_leaves_nothing(engine, run):
    said = run("--name", "broken", "-v", "/dev/null:/proc/version", "-w", "/bin/busybox", command=["true"], code=None)
    assert said.returncode in (125, 126, 127) and said.stderr
    wait_until(lambda: not shims(engine), what="the shims of a failed start to be gone")


def test_health_checks(engine, run):
    said = run("--health-cmd", "true", command=["sleep", "9"], code=125).stderr
    assert "health checks by command need an OCI runtime, not the shim" in said and engine.output("ps", "-aq") == ""
    run("-d", "--name", "web", "--health-tcp", "127.0.0.1:8080", "--health-interval", "200ms",
        command=["httpd", "-f", "-p", "8080"])
    wait_until(lambda: inspect(engine, "web")["State"]["Health"]["Status"] == "healthy")


def test_names_of_the_configuration(new_engine, registry):
    """Docker's form of a shim with options, and of a runtime with arguments."""
    shim = SHIMS[0]
    engine = new_engine({"runtimes": {
        "stock": {"runtimeType": shim, "options": {"BinaryName": shutil.which("crun") or shutil.which("runc")}},
        "debug": {"path": shutil.which("runc"), "runtimeArgs": ["--debug"]}},
        "default-runtime": "debug"}).start()
    image = registry.reference("busybox")
    engine.tare("pull", "-q", image)
    said = engine.output("info")
    assert re.search(r"Runtimes: tare .*stock", said) and "Default Runtime: debug" in said
    for name in ("stock", "debug", "tare", "runc"):
        assert engine.output("run", "--name", name, "--runtime", name, image, "echo", "ran") == "ran"
        assert inspect(engine, name)["HostConfig"]["Runtime"] == name
    assert engine.output("run", "--name", "default", image, "echo", "ran") == "ran"
    assert inspect(engine, "default")["HostConfig"]["Runtime"] == "debug"
    engine.fails(125, "unknown or invalid runtime name: nothing", "run", "--runtime", "nothing", image, "true")
    engine.fails(125, 'runtime "io.containerd.nothing.v1" binary not installed "containerd-shim-nothing-v1"', "run", "--runtime", "io.containerd.nothing.v1", image, "true")
    remove_sockets()
