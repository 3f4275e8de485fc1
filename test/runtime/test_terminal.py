# SPDX-License-Identifier: Apache-2.0
"""Terminals: by console socket, and in the foreground."""

import fcntl
import os
import pty
import struct
import subprocess
import termios

from console import Console, read_until, terminal


def test_last_words_of_a_short_program(runtime):
    bundle = runtime.bundle().args("/bin/echo", "words")
    bundle.config["process"]["terminal"] = True
    assert [runtime.run(bundle).out for _ in range(20)] == ["words\n"] * 20


def test_console_socket(runtime):
    console = Console(runtime.directory / "console")
    bundle = terminal(runtime.bundle(), "tty; stty size; stat -c %t:%T /dev/console; readlink /proc/self/fd/0; read x; echo got $x; sleep 1")
    bundle.config["process"]["consoleSize"] = {"height": 33, "width": 99}
    name = runtime.create(bundle, "--console-socket", console.path)
    runtime.ok("start", name)
    text = console.read_until(b"/dev/pts/0\r\n33 99")
    os.write(console.master, b"hello\n")
    text += console.read_until(b"got hello")
    assert b"88:0" in text and b"got hello" in text


def test_controlling_terminal_and_job_control(runtime):
    console = Console(runtime.directory / "console")
    name = runtime.create(terminal(runtime.bundle(), "trap 'echo interrupted; exit' INT; echo ready; while :; do sleep 0.1; done"),
                          "--console-socket", console.path)
    runtime.ok("start", name)
    console.read_until(b"ready")
    os.write(console.master, b"\x03")
    assert b"interrupted" in console.read_until(b"interrupted")


def test_exec_with_a_terminal(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    console = Console(runtime.directory / "console")
    assert runtime.quiet("exec", "--tty", "--detach", "--console-socket", console.path, name, "sh", "-c", "tty; sleep 1") == 0
    assert b"/dev/pts/0" in console.read_until(b"/dev/pts/0")


def test_a_console_socket_needs_a_terminal(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime("exec", "--console-socket", "/absent", name, "true").code == 255
    assert "cannot use console socket" in runtime.last_error()["msg"]
    bundle = runtime.bundle()
    bundle.write()
    assert runtime("create", "-b", bundle.path, "--console-socket", "/absent", runtime.new_id()).code == 1
    assert "cannot use console socket" in runtime.last_error()["msg"]


def test_foreground(runtime):
    bundle = terminal(runtime.bundle(), "stty size; read x; echo got $x; exit 5")
    bundle.write()
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 21, 77, 0, 0))
    process = subprocess.Popen(runtime.command("run", "-b", bundle.path, runtime.new_id()), stdin=slave, stdout=slave,
                               stderr=slave)
    os.write(master, b"word\n")
    text = read_until(master, b"got word")
    assert process.wait(60) == 5
    assert b"21 77" in text and b"got word" in text


def test_create_with_a_terminal_needs_a_socket(runtime):
    bundle = terminal(runtime.bundle(), "true")
    bundle.write()
    assert runtime("create", "-b", bundle.path, runtime.new_id()).code == 1
    assert "without setting console socket" in runtime.last_error()["msg"]
    bundle.config["process"]["terminal"] = False
    bundle.write()
    assert runtime("create", "-b", bundle.path, "--console-socket", "/x", runtime.new_id()).code == 1
    assert "cannot use console socket" in runtime.last_error()["msg"]
    assert runtime.left() == []


def test_own_devpts(runtime):
    out = runtime.run(runtime.bundle().sh("ls /dev/pts; ls -l /dev/ptmx")).out
    assert out.split()[0] == "ptmx" and "pts/ptmx" in out
