# SPDX-License-Identifier: Apache-2.0
"""What flows between a program in a container and ours, with a shim that the test plays itself."""

import json
import os
import signal
import subprocess
import time

import pytest

from cli.fake_engine import FAILED, HELLO, RESIZE, STDERR, STDIN, STDOUT, Refusal
from harness import wait_until

import grpc


def test_output_goes_to_its_stream_and_the_exit_code_is_ours(tare, container):
    def script(peer):
        assert peer.welcome() == (0b110, "")
        peer.send(STDOUT, b"out\n")
        peer.send(STDERR, b"err\n")
        peer.exit(7)

    container(script)
    result = tare.run("run", "image", code=7)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_attach_comes_before_start(fake, tare, container):
    container(lambda peer: (peer.welcome(), peer.exit(0)))
    tare.run("run", "image")
    assert [method.rsplit("/", 1)[1] for method, _ in fake.calls] == ["Create", "Attach", "Start", "Wait"]


def test_output_before_the_exit_is_never_lost(tare, container):
    data = os.urandom(65536) * 64

    def script(peer):
        peer.welcome()
        for at in range(0, len(data), 65536):
            peer.send(STDOUT, data[at : at + 65536])
        peer.exit(0)

    container(script)
    process = tare.popen("run", "image", stdout=subprocess.PIPE)
    time.sleep(0.3)  # the reader is slow: everything piles up before the exit
    assert process.stdout.read() == data
    assert process.wait(60) == 0


def test_frames_may_arrive_in_any_pieces(tare, container):
    def script(peer):
        peer.welcome()
        frames = b"\1\0\0\0\0\0\0\5hello" + b"\2\0\0\0\0\0\0\0" + b"\1\0\0\0\0\0\0\1\n" + b"\x14\0\0\0\0\0\0\4\0\0\0\3"
        for byte in frames:
            peer.connection.sendall(bytes([byte]))
            time.sleep(0.002)

    container(script)
    assert tare.run("run", "image", code=3).stdout == "hello\n"


def test_input_arrives_whole_and_its_end_too(tare, container):
    data = os.urandom(3 << 20)
    got = []

    def script(peer):
        assert peer.welcome()[0] == 0b111
        got.append(peer.read_input())
        peer.send(STDOUT, b"%d" % len(got[0]))
        peer.exit(0)

    shim = container(script)
    result = tare.run("run", "-i", "image", input=data, text=False)
    shim.finish()
    assert result.stdout == b"%d" % len(data) and got[0] == data


def test_output_flows_on_after_the_input_has_ended(tare, container):
    def script(peer):
        peer.welcome()
        assert peer.read_input() == b"x"
        time.sleep(0.2)
        peer.send(STDOUT, b"later")
        peer.exit(0)

    container(script)
    assert tare.run("run", "-i", "image", input="x").stdout == "later"


def test_without_i_no_input_is_taken(tare, container):
    def script(peer):
        assert peer.welcome()[0] == 0b110
        peer.connection.settimeout(0.3)
        with pytest.raises(OSError):
            peer.read()
        peer.exit(0)

    shim = container(script)
    tare.run("run", "image", input="not for you")
    shim.finish()


def test_both_directions_at_once_do_not_block_each_other(tare, container):
    data = b"x" * (4 << 20)

    def script(peer):
        peer.welcome()
        echoed = 0
        while echoed < len(data):
            kind, payload = peer.read()
            assert kind == STDIN
            peer.send(STDOUT, payload)
            echoed += len(payload)
        peer.exit(0)

    container(script)
    assert len(tare.run("run", "-i", "image", input=data, text=False).stdout) == len(data)


def test_attach_options_choose_the_streams(fake, tare, container):
    def script(peer):
        assert peer.welcome()[0] == 0b100
        peer.send(STDERR, b"err")
        peer.exit(0)

    shim = container(script)
    assert tare.run("run", "-a", "stderr", "image").stderr == "err"
    shim.finish()
    (request,) = fake.requests("Create")
    assert (request.attach_stdin, request.attach_stdout, request.attach_stderr) == (False, False, True)


def test_a_shim_that_dies_leaves_the_answer_to_the_engine(fake, tare, container):
    def script(peer):
        peer.welcome()
        peer.send(STDOUT, b"last words")
        peer.connection.close()

    pb = fake.messages["container"]
    container(script)
    fake.on("Containers", "Wait", lambda request: pb.WaitContainerResponse(exit_code=137))
    assert tare.run("run", "image", code=137).stdout == "last words"


def test_a_shim_that_dies_inside_a_frame_is_no_hang(fake, tare, container):
    def script(peer):
        peer.welcome()
        peer.connection.sendall(b"\1\0\0\0\0\0\0\x20half")
        peer.connection.close()

    pb = fake.messages["container"]
    container(script)
    fake.on("Containers", "Wait", lambda request: pb.WaitContainerResponse(exit_code=1))
    assert tare.run("run", "image", code=1).stdout == "half"


@pytest.mark.parametrize(
    "header",
    [b"\x09\0\0\0\0\0\0\0", b"\1\1\0\0\0\0\0\0", b"\1\0\0\0\xff\xff\xff\xff", b"\1\0\0\0\0\1\0\1"],
    ids=["unknown type", "padding", "huge", "a byte too long"],
)
def test_frames_that_break_the_protocol_are_refused(tare, container, header):
    def script(peer):
        peer.welcome()
        peer.connection.sendall(header + b"x" * 64)
        peer.read()

    container(script)
    assert tare.run("run", "image", code=125).stdout == ""


def test_a_shim_may_refuse(tare, container):
    def script(peer):
        assert peer.read()[0] == HELLO
        peer.send(FAILED, b"no such exec")

    container(script)
    assert "no such exec" in tare.run("run", "image", code=125).stderr


def test_rm_waits_until_the_container_is_gone(fake, tare, container):
    pb = fake.messages["container"]
    gone = []

    def wait(request):
        time.sleep(0.3)
        gone.append(request.condition)
        return pb.WaitContainerResponse(exit_code=4)

    container(lambda peer: (peer.welcome(), peer.exit(4)))
    fake.on("Containers", "Wait", wait)
    tare.run("run", "--rm", "image", code=4)
    assert gone == [pb.WAIT_REMOVED]


@pytest.mark.parametrize(
    "reason, code", [("COMMAND_NOT_FOUND", 127), ("COMMAND_NOT_EXECUTABLE", 126), (None, 125)], ids=str
)
def test_a_failed_start_has_dockers_exit_code_and_removes_with_rm(fake, tare, container, reason, code):
    def refuse(request):
        raise Refusal(grpc.StatusCode.NOT_FOUND, "exec: 'x': not there", reason)

    pb = fake.messages["container"]
    container(lambda peer: peer.welcome(), on_start=refuse)
    fake.on("Containers", "Remove", lambda request: pb.ContainerEmpty())
    result = tare.run("run", "--rm", "image", code=code)
    assert result.stderr == "tare: exec: 'x': not there\n\nRun 'tare run --help' for more information\n"
    assert len(fake.requests("Remove")) == 1


def test_detached_prints_the_id_and_attaches_nothing(fake, tare, container):
    container(lambda peer: None)
    assert tare.run("run", "-d", "-i", "-t", "image").stdout == "c" * 64 + "\n"
    (request,) = fake.requests("Create")
    assert request.open_stdin and request.terminal
    assert not (request.attach_stdin or request.attach_stdout or request.attach_stderr or request.stdin_once)
    assert not fake.requests("Attach")


def test_signals_go_to_the_program(fake, tare, container):
    def script(peer):
        peer.welcome()
        peer.send(STDOUT, b"ready\n")
        wait_until(lambda: len(fake.requests("Kill")) == 3, what="three signals")
        peer.exit(0)

    container(script)
    process = tare.popen("run", "image", stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        count = len(fake.requests("Kill"))
        process.send_signal(number)
        wait_until(lambda: len(fake.requests("Kill")) > count, what="the signal")  # pylint: disable=cell-var-from-loop
    assert process.wait(60) == 0
    assert [request.signal for request in fake.requests("Kill")] == ["SIGTERM", "SIGHUP", "SIGUSR1"]


def test_without_sig_proxy_signals_are_ours(fake, tare, container):
    def script(peer):
        peer.welcome()
        peer.send(STDOUT, b"ready\n")
        peer.read()

    container(script)
    process = tare.popen("run", "--sig-proxy=false", "image", stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    assert not fake.requests("Kill")


def test_a_reader_that_goes_ends_us_by_sigpipe(tare, container):
    def script(peer):
        peer.welcome()
        while True:
            peer.send(STDOUT, b"y\n" * 1000)

    container(script)
    process = tare.popen("run", "image", stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == -signal.SIGPIPE


# terminals


def test_t_wants_a_terminal(tare, container):
    container(lambda peer: None)
    assert "the input device is not a TTY" in tare.run("run", "-it", "image", code=1).stderr
    assert "the input device is not a TTY" in tare.run("exec", "-it", "c", "sh", code=1).stderr


def test_keys_go_to_the_program_unchanged(tare, container):
    got = []

    def script(peer):
        peer.welcome()
        peer.send(STDOUT, b"prompt")
        while b"\x04" not in b"".join(got):
            kind, payload = peer.read()
            if kind == STDIN:
                got.append(payload)
        peer.send(STDOUT, b"bye\r\n")
        peer.exit(5)

    container(script, terminal=True)
    with tare.terminal("run", "-it", "image") as terminal:
        terminal.expect("prompt")
        terminal.send("a\r\x03\x1a\x1c\x04")
        terminal.expect("bye\r\n")
        assert terminal.wait() == 5
        assert "^C" not in terminal.seen
    assert b"".join(got) == b"a\r\x03\x1a\x1c\x04"


def read_resizes(peer, n):
    sizes = []
    while len(sizes) < n:
        kind, payload = peer.read()
        if kind == RESIZE:
            sizes.append((payload[0] << 8 | payload[1], payload[2] << 8 | payload[3]))
    return sizes


def test_the_terminals_size_is_passed_on(fake, tare, container):
    sizes = []

    def script(peer):
        peer.welcome()
        sizes.extend(read_resizes(peer, 1))
        peer.send(STDOUT, b"first")
        sizes.extend(read_resizes(peer, 1))
        peer.exit(0)

    container(script, terminal=True)
    with tare.terminal("run", "-it", "image", rows=33, columns=300) as terminal:
        terminal.expect("first")
        terminal.resize(10, 20)
        assert terminal.wait() == 0
    assert sizes == [(33, 300), (10, 20)]
    (request,) = fake.requests("Create")
    assert (request.terminal_rows, request.terminal_columns) == (33, 300)


@pytest.mark.parametrize("words", [["run", "-it", "image"], ["attach", "c"], ["exec", "-it", "c", "sh"]], ids=lambda w: w[0])
def test_the_detach_keys_leave(fake, tare, container, words):
    got = []

    def script(peer):
        peer.welcome()
        peer.send(STDOUT, b"prompt")
        while True:
            frame = peer.read()
            if frame is None:
                return
            if frame[0] == STDIN:
                got.append(frame[1])

    shim = container(script, terminal=True)
    with tare.terminal(*words) as terminal:
        terminal.expect("prompt")
        terminal.send("a")
        terminal.send("\x10")
        terminal.send("\x11")
        assert terminal.wait() == 0
    shim.finish()
    assert b"".join(got) in (b"a", b"")
    assert not fake.requests("Kill")


@pytest.mark.parametrize("words", [["--detach-keys", "ctrl-a,x"], []], ids=["option", "file"])
def test_other_detach_keys(tare, container, tmp_path, words):
    tare.environment["DOCKER_CONFIG"] = str(tmp_path)
    keys = "ctrl-a,x" if not words else "ctrl-z"  # the option comes before the file
    (tmp_path / "config.json").write_text(json.dumps({"detachKeys": keys}))

    def script(peer):
        peer.welcome()
        peer.send(STDOUT, b"prompt")
        while peer.read():
            pass

    container(script, terminal=True)
    with tare.terminal("attach", *words, "c") as terminal:
        terminal.expect("prompt")
        terminal.send("\x01x")
        assert terminal.wait() == 0


def test_detach_keys_that_are_none_are_refused(tare, tmp_path):
    tare.environment["DOCKER_CONFIG"] = str(tmp_path)
    (tmp_path / "config.json").write_text('{"detachKeys": "ctrl-what"}')
    assert "invalid detach keys (ctrl-what)" in tare.run("attach", "c", code=1).stderr


def test_the_terminal_is_restored_whatever_ends_us(tare, container):
    import termios

    def script(peer):
        peer.welcome()
        peer.send(STDOUT, b"prompt")
        while peer.read():
            pass

    for words, end in ((["attach", "--sig-proxy=false", "c"], signal.SIGTERM), (["attach", "c"], None)):
        container(script, terminal=True)
        with tare.terminal(*words) as terminal:
            before = termios.tcgetattr(terminal.fd)
            terminal.expect("prompt")
            assert termios.tcgetattr(terminal.fd)[3] & termios.ICANON == 0
            if end:
                os.kill(terminal.pid, end)
            else:
                terminal.send("\x10\x11")
            terminal.expect("" if end else "escape")
            wait_until(lambda: termios.tcgetattr(terminal.fd) == before, what="the terminal's settings")
            assert terminal.wait() == (128 + end if end else 0)


def test_attach_makes_the_program_draw_its_prompt_again(tare, container):
    sizes = []

    def script(peer):
        peer.welcome()
        sizes.extend(read_resizes(peer, 2))
        peer.exit(0)

    container(script, terminal=True)
    with tare.terminal("attach", "c", rows=24, columns=80) as terminal:
        assert terminal.wait() == 0
    assert sizes == [(25, 80), (24, 80)]


def test_attach_to_what_does_not_run_is_refused(fake, tare):
    pb = fake.messages["container"]
    fake.on("Containers", "Inspect", lambda request: pb.InspectResponse(json='{"State":{"Running":false}}'))
    assert "cannot attach to a stopped container" in tare.run("attach", "c", code=1).stderr


def test_attach_without_input(tare, container):
    container(lambda peer: (peer.welcome()[0] == 0b110 or 1 / 0, peer.exit(0)))
    tare.run("attach", "--no-stdin", "c", input="x")


def test_start_attached(fake, tare, container):
    def script(peer):
        assert peer.welcome()[0] == 0b111
        peer.send(STDOUT, peer.read_input().upper())
        peer.exit(2)

    container(script)
    assert tare.run("start", "-ai", "c", input="x\n", code=2).stdout == "X\n"
    assert "multiple containers" in tare.run("start", "-a", "c", "d", code=1).stderr


def test_exec_streams_and_exit_code(fake, tare, container):
    def script(peer):
        assert peer.welcome() == (0b111, "e1")
        peer.send(STDOUT, peer.read_input())
        peer.send(STDERR, b"err")
        peer.exit(9)

    container(script)
    result = tare.run("exec", "-i", "-e", "A=1", "-u", "u", "-w", "/w", "c", "cat", "-n", input="x", code=9)
    assert (result.stdout, result.stderr) == ("x", "err")
    (request,) = fake.requests("ExecCreate")
    assert list(request.command) == ["cat", "-n"] and list(request.environment) == ["A=1"]
    assert (request.user, request.working_directory, request.open_stdin) == ("u", "/w", True)


@pytest.mark.parametrize("reason, code", [("COMMAND_NOT_FOUND", 127), ("COMMAND_NOT_EXECUTABLE", 126), (None, 1)], ids=str)
def test_exec_of_what_cannot_run(tare, container, reason, code):
    def refuse(request):
        raise Refusal(grpc.StatusCode.NOT_FOUND, "not there", reason)

    container(lambda peer: peer.welcome(), on_start=refuse)
    assert tare.run("exec", "c", "x", code=code).stderr == "tare: not there\n"


def test_exec_detached(fake, tare, container):
    container(lambda peer: None)
    tare.run("exec", "-d", "c", "x")
    assert len(fake.requests("ExecStart")) == 1
