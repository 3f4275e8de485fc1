# SPDX-License-Identifier: Apache-2.0
"""tare starts an engine when none answers where it looks by default."""

import contextlib
import os
import signal
import stat
import subprocess
import time

import pytest

from cli.conftest import CommandLine
from harness import has_ended, processes_with, wait_until


@pytest.fixture
def dormant(new_engine):
    """An engine that nobody has started; whatever tare starts for it is stopped in the end."""
    engine = new_engine()
    del engine.environment["TARE_HOST"]
    engine.log_path.touch()
    yield engine
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        pid = int((engine.state / "tared.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: has_ended(pid), what="tared to end")


def running(engine):
    return [pid for pid, command in processes_with(str(engine.state)) if "tared" in command.split()[0]]


def test_the_first_command_starts_an_engine_that_stays(dormant):
    assert "Server: Tare" in dormant.output("version")
    (pid,) = running(dormant)
    # a session of its own: a ctrl-c in our terminal is not for it
    assert os.getsid(pid) == pid and os.getsid(pid) != os.getsid(0)
    log = dormant.state / "tared.log"
    assert "tared" in log.read_text() and stat.S_IMODE(log.stat().st_mode) == 0o600
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
    assert stat.S_IMODE(dormant.state.stat().st_mode) == 0o700
    dormant.output("version")
    assert running(dormant) == [pid]


def test_many_at_once_start_one_engine(dormant):
    processes = [dormant.popen("version", stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(8)]
    for process in processes:
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0 and b"Server: Tare" in out, error
    wait_until(lambda: len(running(dormant)) == 1, what="one engine to be left")


def test_a_stale_socket_is_no_obstacle(dormant):
    dormant.output("version")
    (pid,) = running(dormant)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: has_ended(pid), what="the engine to die")
    assert dormant.socket.exists()
    assert "Server: Tare" in dormant.output("version")


def test_a_foreground_run_starts_an_engine_to_be_removed_by(dormant, registry):
    """--rm ends when the container is gone: if the engine was killed meanwhile, another one has to do it."""
    image = registry.reference("busybox")
    dormant.tare("pull", "-q", image)
    (pid,) = running(dormant)
    process = dormant.popen("run", "-i", "--rm", image, "sh", "-c", "echo one; read line; exit 6", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"one\n"
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: has_ended(pid), what="the engine to die")
    process.stdin.write(b"two\n")
    process.stdin.flush()
    assert process.wait(60) == 6
    assert len(running(dormant)) == 1 and dormant.output("ps", "-aq") == ""


def test_an_engine_that_cannot_start_says_why(dormant):
    dormant.config.write_text('{"bip": 1}')
    begin = time.monotonic()
    result = dormant.tare("ps", code=1)
    assert result.stderr.startswith("tare: cannot start the engine: ")
    assert "bip" in result.stderr and f"{dormant.state}/tared.log" in result.stderr
    assert time.monotonic() - begin < 30, "it waits for an engine that lives"
    dormant.config.write_text("{}")


def test_a_named_host_is_never_started(dormant):
    for words, environment in ((["-H", f"unix://{dormant.socket}"], {}), ([], {"TARE_HOST": f"unix://{dormant.socket}"})):
        tare = CommandLine(dormant.programs / "tare", environment={**dormant.environment, **environment})
        assert "is tared running?" in tare.run(*words, "ps", code=1).stderr
    assert not dormant.state.exists() and not running(dormant)


def fake_programs(directory, script):
    """A directory with tare and a tared of the test's own."""
    directory.mkdir()
    (directory / "tared").write_text("#!/bin/sh\n" + script)
    (directory / "tared").chmod(0o755)
    return directory


def test_words_of_a_dying_engine_are_shown(bin_dir, tmp_path):
    programs = fake_programs(tmp_path / "bin", "echo 'first line' >&2; echo 'tared: disk on fire' >&2; exit 1\n")
    os.link(bin_dir / "tare", programs / "tare")
    tare = CommandLine(programs / "tare", environment={"TARE_STATE": str(tmp_path / "state")})
    result = tare.run("ps", code=1)
    assert result.stderr == f"tare: cannot start the engine: tared: disk on fire (see {tmp_path}/state/tared.log)\n"
    # run's failures are 125
    assert tare.run("run", "x", code=125).stderr.startswith("tare: cannot start the engine: ")


def test_without_a_tared_that_is_said(bin_dir, tmp_path):
    (tmp_path / "bin").mkdir()
    os.link(bin_dir / "tare", tmp_path / "bin" / "tare")
    tare = CommandLine(tmp_path / "bin" / "tare", environment={"TARE_STATE": str(tmp_path / "state"), "PATH": "relative:"})
    assert "cannot find tared beside this program" in tare.run("ps", code=1).stderr
    assert not (tmp_path / "state").exists()
