# SPDX-License-Identifier: Apache-2.0
"""Log drivers and their options, as users see them."""

import datetime
import json
import os
import pathlib
import subprocess

import pytest

from harness import wait_until


@pytest.fixture
def run(engine, busybox):
    """run(option…, script) runs a shell script in the background, gone after the test; returns its id."""
    made = []

    def start(*options, script):
        made.append(engine.output("run", "-d", "--network", "none", *options, busybox, "sh", "-c", script))
        return made[-1]

    yield start
    for container in made:
        engine.tare("rm", "-f", container, code=None)


def inspect(engine, container):
    return json.loads(engine.output("inspect", container))[0]


def test_driver_and_options_are_shown_and_obeyed(engine, run):
    container = run("--log-driver", "json-file", "--log-opt", "max-size=10k", "--log-opt", "max-file=3", script="seq 1 5000")
    shown = inspect(engine, container)
    assert shown["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "3", "max-size": "10k"}}
    engine.tare("wait", container)
    directory = pathlib.Path(shown["LogPath"]).parent
    assert sorted(p.name[len(container):] for p in directory.glob("*.log*")) == ["-json.log", "-json.log.1", "-json.log.2"]


def test_no_log(engine, run):
    container = run("--log-driver", "none", script="echo hello")
    engine.tare("wait", container)
    shown = inspect(engine, container)
    assert shown["HostConfig"]["LogConfig"] == {"Type": "none", "Config": {}} and shown["LogPath"] == ""
    assert "configured logging driver does not support reading" in engine.tare("logs", container, code=1).stderr


def same(got, wanted):
    """Says where they differ; pytest's own comparison takes minutes with so much."""
    if got != wanted:
        at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
        raise AssertionError(f"{len(got)} instead of {len(wanted)}; at {at}: {got[at:at + 60]!r} instead of {wanted[at:at + 60]!r}")


def check_numbers(lines, count):
    same([line for line in lines[:count]], [str(i) for i in range(1, count + 1)])
    assert len(lines) == count


FILE_DRIVERS = [("json-file", []), ("local", []), ("cri", []),
                ("json-file", ["--log-opt", "max-size=20k", "--log-opt", "max-file=500", "--log-opt", "compress=true"]),
                ("local", ["--log-opt", "max-size=20k", "--log-opt", "max-file=500"])]


@pytest.mark.parametrize("driver, options", FILE_DRIVERS)
def test_output_comes_back_byte_for_byte(engine, run, driver, options):
    script = r"head -c 300000 /dev/urandom | tee /data; head -c 1048576 /dev/zero | tr '\0' x; echo; sleep 0.3; seq 1 20000; printf end"
    container = run("--log-driver", driver, *options, script=script)
    engine.tare("wait", container)
    read = lambda *words: subprocess.run([engine.programs / "tare", "logs", *words, container], env=engine.environment, capture_output=True, check=True, timeout=60).stdout  # noqa: E731
    everything = read()
    numbers = "".join(f"{i}\n" for i in range(1, 20001)).encode() + b"end"
    same(everything[300000:], b"x" * 1048576 + b"\n" + numbers)
    same(read("-f"), everything)
    lines = numbers.splitlines(keepends=True)
    for tail in (1, 2, 1000, 20001):
        same(read("--tail", str(tail)), b"".join(lines[-tail:]))
    assert read("--tail", "0") == b""
    stamped = read("-t", "--tail", "3").splitlines()
    when, text = stamped[-2].decode().split()
    assert read("--since", when) == f"{text}\nend".encode()
    assert read("--until", when, "--tail", "5").splitlines()[-1].decode() == text


def test_a_files_time_may_be_older_than_its_last_line(engine, run):
    """The kernel takes it from its last tick: a line of the first milliseconds of a second may stand in a file of the second before."""
    container = run("--log-driver", "json-file", script="echo one; echo two")
    engine.tare("wait", container)
    when = engine.output("logs", "-t", "--tail", "1", container).split()[0]
    (shown,) = json.loads(engine.output("inspect", container))
    second = int(datetime.datetime.fromisoformat(when[:19] + "+00:00").timestamp())
    os.utime(shown["LogPath"], ns=(0, second * 10**9 - 1))
    assert engine.output("logs", "--since", when, container) == "two"


@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_details(engine, run, driver):
    container = run("--log-driver", driver, "--log-opt", "labels=a", "--log-opt", "env=E", "--log-opt", "tag={{.Name}}/x", "--name", f"tagged-{driver}",
                    "-l", "a=1", "-e", "E=2", script="echo hello")
    engine.tare("wait", container)
    assert engine.tare("logs", "--details", container).stdout == f"E=2,a=1,tag=tagged-{driver}/x hello\n"


def test_details_by_pattern(engine, run):
    container = run("--log-opt", "labels-regex=^org\\.", "--log-opt", "env-regex=^(LC|LANG)", "-l", "org.a=1", "-l", "morg.b=2",
                    "-e", "LC_ALL=C", "-e", "LANG=x", "-e", "OTHER=y", script="echo hello")
    engine.tare("wait", container)
    assert engine.tare("logs", "--details", container).stdout == "LANG=x,LC_ALL=C,org.a=1 hello\n"


@pytest.mark.parametrize("driver, files, more", [("json-file", 2, []), ("json-file", 2, ["--log-opt", "compress=true"]), ("json-file", 1, []),
                                                 ("local", 2, []), ("local", 1, ["--log-opt", "compress=false"]), ("cri", 2, []), ("cri", 1, [])])
def test_follower_sees_every_line_of_many_rotations(engine, run, driver, files, more):
    container = run("--log-driver", driver, "--log-opt", "max-size=50k", "--log-opt", f"max-file={files}", *more,
                    script="echo 0; until [ -e /on ]; do sleep 0.05; done; seq 1 300000")
    with engine.popen("logs", "-f", container, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout.readline() == "0\n"
        engine.tare("exec", container, "touch", "/on")
        check_numbers(follower.stdout.read().splitlines(), 300000)


@pytest.mark.parametrize("driver, more", [("json-file", ["--log-opt", "max-file=1"]), ("json-file", ["--log-opt", "max-file=3", "--log-opt", "compress=true"]),
                                          ("local", ["--log-opt", "max-file=3"])])
def test_whoever_reads_while_files_rotate_gets_lines_without_a_gap(engine, run, driver, more):
    container = run("--log-driver", driver, "--log-opt", "max-size=20k", *more, script="until [ -e /on ]; do sleep 0.05; done; seq 1 300000")
    engine.tare("exec", container, "touch", "/on")
    ended = False
    while not ended:
        ended = inspect(engine, container)["State"]["Status"] == "exited"
        lines = engine.tare("logs", container).stdout.split("\n")[1:-1]  # with "local" a line may begin in a file that has gone
        same(lines, [str(i) for i in range(int(lines[0]), int(lines[0]) + len(lines))] if lines else [])
    assert lines[-1] == "300000"


@pytest.mark.parametrize("words, message", [
    (["--log-driver", "fluentd"], "logger: no log driver named 'fluentd' is registered"),
    (["--log-opt", "colour=red"], "unknown log opt 'colour' for json-file log driver"),
    (["--log-opt", "max-size=big"], "max-size"),
    (["--log-opt", "env-regex=("], "env-regex: '('"),
    (["--log-driver", "none", "--log-opt", "max-size=1k"], "invalid logging opts for driver none"),
    (["--log-driver", "syslog", "--log-opt", "tag={{.Nonsense}}"], "log opt tag: '{{.Nonsense}}'"),
])
def test_mistakes_are_refused(engine, busybox, words, message):
    assert message in engine.tare("create", *words, busybox, "true", code=None).stderr


def test_a_syslog_host_that_is_unknown_is_named(engine, busybox, run):
    words = ["--log-driver", "syslog", "--log-opt", "syslog-address=udp://no.such.host.invalid:514"]
    result = engine.tare("run", "-d", "--network", "none", *words, busybox, "true", code=125)
    assert "syslog-address: cannot look up 'no.such.host.invalid'" in result.stderr
    container = run("--log-driver", "syslog", "--log-opt", "syslog-address=udp://localhost", script="echo hello")
    assert engine.output("wait", container) == "0"


def test_attach_with_replay(engine, run):
    container = run(script="seq 1 1000; until [ -e /on ]; do sleep 0.05; done; echo end")
    wait_until(lambda: engine.output("logs", "--tail", "1", container) == "1000", what="the lines that come before")
    with engine.popen("attach", "--no-stdin", "--replay", container, stdout=subprocess.PIPE, text=True) as client:
        first = client.stdout.readline()
        engine.tare("exec", container, "touch", "/on")
        same(first + client.stdout.read(), "".join(f"{i}\n" for i in range(1, 1001)) + "end\n")
