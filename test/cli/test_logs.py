# SPDX-License-Identifier: Apache-2.0
"""Log drivers and their options, as users see them."""

import json
import pathlib

import pytest


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


@pytest.mark.parametrize("words, message", [
    (["--log-driver", "fluentd"], "logger: no log driver named 'fluentd' is registered"),
    (["--log-opt", "colour=red"], "unknown log opt 'colour' for json-file log driver"),
    (["--log-opt", "max-size=big"], "max-size"),
    (["--log-driver", "none", "--log-opt", "max-size=1k"], "invalid logging opts for driver none"),
    (["--log-driver", "syslog", "--log-opt", "tag={{.Nonsense}}"], "log opt tag: '{{.Nonsense}}'"),
])
def test_mistakes_are_refused(engine, busybox, words, message):
    assert message in engine.tare("create", *words, busybox, "true", code=None).stderr
