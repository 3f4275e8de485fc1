# SPDX-License-Identifier: Apache-2.0
"""Verbs for containers, end to end."""

import hashlib
import json
import os
import re
import select
import signal
import subprocess
import time

import pytest

from harness import wait_until


@pytest.fixture
def run(engine, busybox, request):
    """run(option…, command=[…]) runs a container in the background, gone after the test; returns its id."""
    made = []

    def start(*options, command=("sleep", "1000")):
        made.append(engine.output("run", "-d", *options, busybox, *command))
        return made[-1]

    yield start
    for container in made:
        engine.tare("rm", "-f", container, code=None)


def state(engine, container):
    return json.loads(engine.output("inspect", container))[0]["State"]


def test_several_targets_and_one_that_is_wrong(engine, run):
    first, second = run(), run()
    result = engine.tare("stop", "-t", "0", first, "nobody", second[:12], code=1)
    assert result.stdout.split() == [first, second[:12]]
    assert re.fullmatch(r"tare: .*nobody.*\n", result.stderr)
    result = engine.tare("rm", "nobody", first, second, code=1)
    assert result.stdout.split() == [first, second]


def test_references_are_names_ids_and_prefixes(engine, run):
    container = run("--name", "someone")
    for reference in ("someone", container, container[:12], container[:5]):
        assert engine.output("inspect", "-f", "{{.Id}}", reference) == container
    assert "no such" in engine.tare("start", "some", code=1).stderr.lower()


def test_management_spellings_are_the_same(engine, run):
    container = run()
    assert engine.output("container", "ls", "-q", "--no-trunc").split() == [container]
    assert engine.output("container", "exec", container, "echo", "x") == "x"
    assert engine.output("container", "inspect", "-f", "{{.State.Running}}", container) == "true"
    engine.tare("container", "inspect", "busybox", code=1)
    assert engine.output("container", "kill", container) == container
    assert engine.output("container", "wait", container) == "137"
    assert engine.output("container", "rm", container) == container


def test_create_then_start_attached(engine, busybox):
    container = engine.output("create", "-i", "--name", "later", busybox, "sh", "-c", "cat; echo err >&2; exit 3")
    assert "Created" in engine.output("ps", "-a", "--filter", "name=later")
    result = engine.tare("start", "-ai", "later", input="typed\n", code=3)
    assert (result.stdout, result.stderr) == ("typed\n", "err\n")
    assert engine.output("rm", container) == container


def test_ps_filters_limits_and_whole_text(engine, run):
    one, two = run("--name", "one", "-l", "colour=red"), run("--name", "two")
    engine.tare("kill", two)
    engine.output("wait", two)
    assert engine.output("ps", "-q") == one[:12]
    assert engine.output("ps", "-aq").split() == [two[:12], one[:12]]
    assert engine.output("ps", "-lq") == two[:12]
    assert engine.output("ps", "-q", "-n=1") == two[:12]
    assert engine.output("ps", "-qf", "status=exited") == two[:12]
    assert engine.output("ps", "-aqf", "label=colour=red") == one[:12]
    assert engine.output("ps", "-aqf", "name=tw") == two[:12]
    assert engine.output("ps", "-aq", "--no-trunc").split() == [two, one]
    assert re.search(r"Exited \(137\) .* ago", engine.output("ps", "-a"))
    engine.tare("ps", "-f", "nonsense=1", code=1)


def test_the_command_is_shown_quoted_and_short(engine, run):
    run(command=("sh", "-c", "sleep 1000; echo never"))
    assert '   "sh -c \'sleep 1000; …"   ' in engine.output("ps")
    assert '   "sh -c \'sleep 1000; echo never\'"   ' in engine.output("ps", "--no-trunc")


def test_names_are_unique(engine, busybox, run):
    run("--name", "only")
    result = engine.tare("run", "--name", "only", busybox, "true", code=125)
    assert "only" in result.stderr and result.stderr.endswith("Run 'tare run --help' for more information\n")


def test_kill_with_any_spelling_of_a_signal(engine, run):
    script = "trap 'echo hup' HUP; echo ready; while true; do sleep 0.05; done"
    container = run(command=("sh", "-c", script))
    wait_until(lambda: "ready" in engine.output("logs", container), what="the trap")
    for n, name in enumerate(("HUP", "SIGHUP", "1"), 1):
        engine.tare("kill", "--signal", name, container)
        wait_until(lambda: engine.output("logs", container).count("hup") == n, what="the signal")  # pylint: disable=W0640
    assert state(engine, container)["Running"]
    engine.tare("kill", "-s", "NOPE", container, code=1)


def test_wait_for_several_that_are_still_running(engine, run):
    containers = [run(command=("sh", "-c", f"sleep 0.{n}; exit {n}")) for n in (5, 3)]
    assert engine.output("wait", *containers).split() == ["5", "3"]


def test_inspect_templates_on_the_real_thing(engine, run):
    container = run("--name", "seen", "-e", "A=1", "-l", "a.b=c", "-p", "127.0.0.1::80")
    assert engine.output("inspect", "-f", "{{.Name}} {{.State.Status}} {{len .Config.Env}}", "seen").startswith("/seen running ")
    assert engine.output("inspect", "-f", '{{index .Config.Labels "a.b"}}', "seen") == "c"
    assert engine.output("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "seen").startswith(engine.subnet)
    ports = json.loads(engine.output("inspect", "-f", "{{json .NetworkSettings.Ports}}", "seen"))
    (binding,) = ports["80/tcp"]
    assert engine.output("inspect", "-f", '{{range index .NetworkSettings.Ports "80/tcp"}}{{.HostPort}}{{end}}', container) == binding["HostPort"]
    assert f"127.0.0.1:{binding['HostPort']}->80/tcp" in engine.output("ps")


# streams


def test_a_lot_of_output_arrives_whole(engine, busybox):
    process = engine.popen("run", "--rm", busybox, "sh", "-c", "head -c 50000000 /dev/zero | tr '\\0' x", stdout=subprocess.PIPE)
    total = 0
    while chunk := process.stdout.read(1 << 16):
        assert chunk == b"x" * len(chunk)
        total += len(chunk)
    assert (process.wait(60), total) == (0, 50000000)


def test_bytes_pass_unchanged_both_ways(engine, busybox):
    data = os.urandom(4 << 20)
    result = subprocess.run(
        [engine.programs / "tare", "run", "--rm", "-i", busybox, "sha256sum"],
        env=engine.environment, input=data, stdout=subprocess.PIPE, timeout=60, check=True,
    )  # fmt: skip
    assert result.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()
    result = subprocess.run(
        [engine.programs / "tare", "run", "--rm", "-i", busybox, "cat"],
        env=engine.environment, input=data, stdout=subprocess.PIPE, timeout=60, check=True,
    )  # fmt: skip
    assert result.stdout == data


def test_the_last_words_before_the_exit_are_there(engine, busybox):
    for n in range(10):
        assert engine.output("run", "--rm", "--network", "none", busybox, "echo", str(n)) == str(n)


def test_many_at_once(engine, busybox):
    def start(n):
        return engine.popen("run", "--rm", "--network", "none", busybox, "sh", "-c", f"echo {n}; exit {n}", stdout=subprocess.PIPE)

    processes = [start(n) for n in range(16)]
    for n, process in enumerate(processes):
        assert process.stdout.read() == b"%d\n" % n and process.wait(60) == n
    assert engine.output("ps", "-aq") == ""


def test_chosen_streams(engine, busybox):
    result = engine.tare("run", "--rm", "-a", "stderr", busybox, "sh", "-c", "echo out; echo err >&2")
    assert (result.stdout, result.stderr) == ("", "err\n")


def test_stdin_is_empty_without_i(engine, busybox):
    assert engine.output("run", "--rm", busybox, "wc", "-c", input="ignored") == "0"


def test_a_reader_that_goes_does_not_take_the_container_along(engine, busybox):
    process = engine.popen("run", "--name", "yes", busybox, "sh", "-c", "echo first; while true; do echo y; sleep 0.01; done", stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == -signal.SIGPIPE
    assert state(engine, "yes")["Running"]
    engine.tare("rm", "-f", "yes")


def test_the_program_outlives_a_client_that_is_killed(engine, busybox):
    process = engine.popen("run", "--name", "orphan", busybox, "sh", "-c", "echo ready; sleep 1000", stdout=subprocess.PIPE)
    process.stdout.readline()
    process.kill()
    process.wait()
    assert state(engine, "orphan")["Running"]
    engine.tare("rm", "-f", "orphan")


def test_a_foreground_run_does_not_notice_that_the_engine_is_killed(new_engine, registry):
    engine = new_engine().start()
    image = registry.reference("busybox")
    engine.tare("pull", "-q", image)
    for options in ((), ("--rm",)):
        process = engine.popen("run", "-i", *options, image, "sh", "-c", "echo one; read line; echo $line; exit 6", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"one\n"
        engine.kill()
        process.stdin.write(b"two\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"two\n"
        assert process.wait(60) == 6
        engine.start()
    wait_until(lambda: len(engine.output("ps", "-aq").split()) == 1, what="--rm to be done")


@pytest.mark.parametrize("words", [["wait", "long"], ["logs", "-f", "long"]], ids=lambda words: words[0])
def test_a_killed_engine_is_said(new_engine, registry, words):
    engine = new_engine().start()
    engine.tare("run", "-d", "--name", "long", "--network", "none", registry.reference("busybox"), "sleep", "1000")
    process = engine.popen(*words, stderr=subprocess.PIPE)
    wait_until(lambda: len(os.listdir(f"/proc/{process.pid}/task")) > 1, what="gRPC's threads")
    time.sleep(0.5)
    engine.kill()
    assert process.stderr.read() == b"tare: the engine closed the connection\n" and process.wait(60) == 1
    engine.start()
    assert state(engine, "long")["Running"]


# attach, exec, logs


def test_two_clients_see_the_same_output(engine, run):
    container = run("-i", command=("cat",))
    listener = engine.popen("attach", "--no-stdin", container, stdout=subprocess.PIPE)
    speaker = engine.popen("attach", "--sig-proxy=false", container, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def says(line):
        speaker.stdin.write(line)
        speaker.stdin.flush()
        assert speaker.stdout.readline() == line
        return select.select([listener.stdout], [], [], 0.1)[0]

    wait_until(lambda: says(b"anybody there?\n"), what="the listener to be attached")
    says(b"hello\n")
    while (heard := listener.stdout.readline()) == b"anybody there?\n":
        pass
    assert heard == b"hello\n"
    engine.tare("kill", container)
    assert listener.wait(60) == 137 and speaker.wait(60) == 137


def test_attach_to_what_has_stopped(engine, run):
    container = run(command=("true",))
    engine.output("wait", container)
    assert "cannot attach to a stopped container" in engine.tare("attach", container, code=1).stderr


def test_detach_from_run_and_come_back(engine, busybox):
    with engine.terminal("run", "-it", "--name", "shell", busybox, "sh") as terminal:
        terminal.expect(r"[#$] ")
        terminal.send("echo $((40+2))\n")
        terminal.expect("\n42\r\n")
        terminal.send("\x10\x11")
        assert terminal.wait() == 0
    assert state(engine, "shell")["Running"]
    with engine.terminal("attach", "--detach-keys", "ctrl-x", "shell") as terminal:
        terminal.send("echo $((40+3))\n")
        terminal.expect("\n43\r\n")
        terminal.send("\x18")
        assert terminal.wait() == 0
    engine.tare("rm", "-f", "shell")


def test_exec_in_every_way(engine, run, tmp_path):
    (tmp_path / "env").write_text("A=1\nB=2\n")
    container = run("--name", "host", "-w", "/tmp")
    assert engine.output("exec", "--env-file", tmp_path / "env", "-e", "B=3", "host", "sh", "-c", "echo $A$B; pwd").split() == ["13", "/tmp"]
    engine.tare("exec", "-d", "host", "sh", "-c", "echo done > /tmp/flag")
    wait_until(lambda: engine.tare("exec", "host", "cat", "/tmp/flag", code=None).stdout == "done\n", what="the detached command")
    result = engine.tare("exec", "host", "sh", "-c", "echo out; echo err >&2; exit 4", code=4)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
    engine.tare("exec", "host", "/etc/passwd", code=126)
    engine.tare("exec", "host", "sh", "-c", "kill -9 $$", code=137)
    engine.tare("kill", container)
    engine.output("wait", container)
    assert "not running" in engine.tare("exec", "host", "true", code=1).stderr
    assert "nobody" in engine.tare("exec", "nobody", "true", code=1).stderr


def test_exec_with_a_lot_of_input_and_output(engine, run):
    container = run()
    data = os.urandom(2 << 20)
    result = subprocess.run(
        [engine.programs / "tare", "exec", "-i", container, "cat"],
        env=engine.environment, input=data, stdout=subprocess.PIPE, timeout=60, check=True,
    )  # fmt: skip
    assert result.stdout == data


def test_logs_in_every_way(engine, run):
    container = run(command=("sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf end"))
    engine.output("wait", container)
    result = engine.tare("logs", container)
    assert (result.stdout, result.stderr) == ("out 1\nout 2\nout 3\nend", "err 1\nerr 2\nerr 3\n")
    last = engine.tare("logs", "-n", "1", container)
    assert last.stdout + last.stderr in ("end", "err 3\n")  # two pipes: which of them was read last is not given
    assert engine.tare("logs", "--tail", "0", container).stdout == ""
    assert engine.tare("logs", "--tail=all", "-f", container).stdout == result.stdout
    stamped = engine.tare("logs", "-tf", container).stdout.splitlines()
    assert all(re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", line) for line in stamped) and len(stamped) == 4
    assert engine.output("logs", "--until", "1h", container) == ""
    assert engine.output("logs", "--since", "1h", container).startswith("out 1")
    second = stamped[1].split()[0]
    assert engine.output("logs", "--since", second, container).startswith("out 2")
    engine.tare("logs", "nobody", code=1)


def test_logs_follow_across_the_end(engine, run):
    container = run(command=("sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done"))
    assert engine.output("logs", "-f", container).split() == ["1", "2", "3", "4", "5"]


def test_info_counts(engine, run):
    run()
    engine.output("wait", run(command=("true",)))
    info = engine.output("info")
    for line in ("Containers: 2", "Running: 1", "Stopped: 1", "Images: 1"):
        assert re.search(rf"^ +{line}$", info, re.MULTILINE)
