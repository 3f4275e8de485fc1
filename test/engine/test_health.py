# SPDX-License-Identifier: Apache-2.0
"""Health checks from the user's side."""

import json
import pathlib
import re

import pytest

from harness import wait_until


def inspect(engine, name):
    (found,) = json.loads(engine.output("inspect", name))
    return found


def wait_for(engine, name, status):
    wait_until(lambda: inspect(engine, name)["State"].get("Health", {}).get("Status") == status, what=f"{name} to be {status}")
    return inspect(engine, name)["State"]["Health"]


def test_command_decides_and_everybody_sees_it(engine, busybox):
    engine.tare("run", "-d", "--name", "well", "--health-cmd", "echo checked; test -e /ok", "--health-interval", "200ms",
                "--health-retries", "2", busybox, "sleep", "1000")
    assert re.search(r"Up .*\((health: starting|unhealthy)\)", engine.output("ps"))
    health = wait_for(engine, "well", "unhealthy")
    assert health["FailingStreak"] >= 2
    assert health["Log"][-1]["ExitCode"] == 1 and health["Log"][-1]["Output"] == "checked\n"
    assert re.search(r"Up .*\(unhealthy\)", engine.output("ps"))
    engine.tare("exec", "well", "touch", "/ok")
    health = wait_for(engine, "well", "healthy")
    assert health["FailingStreak"] == 0 and len(health["Log"]) <= 5
    assert re.search(r"Up .*\(healthy\)", engine.output("ps"))
    assert inspect(engine, "well")["Config"]["Healthcheck"] == {
        "Test": ["CMD-SHELL", "echo checked; test -e /ok"], "Interval": 200000000, "Retries": 2}
    engine.tare("rm", "-f", "well")


def test_probes_go_on_while_the_engine_is_away(engine, busybox):
    engine.tare("run", "-d", "--name", "away", "--health-cmd", "echo >>/probes; test -e /ok", "--health-interval", "200ms",
                "--health-retries", "1", busybox, "sleep", "1000")
    wait_for(engine, "away", "unhealthy")
    root = pathlib.Path(f"/proc/{inspect(engine, 'away')['State']['Pid']}/root")
    engine.kill()
    (root / "ok").touch()
    before = (root / "probes").stat().st_size
    wait_until(lambda: (root / "probes").stat().st_size > before + 2, what="probes that nobody asks for")
    engine.start()
    health = wait_for(engine, "away", "healthy")
    assert all(re.fullmatch(r"20.*Z", entry["Start"]) for entry in health["Log"])
    engine.tare("rm", "-f", "away")


def test_http_from_inside_without_a_helper(engine, busybox):
    engine.tare("run", "-d", "--name", "web", "--health-http", "8080/fine", "--health-interval", "200ms", busybox,
                "sh", "-c", "mkdir /www; echo fine > /www/fine; exec busybox httpd -f -p 127.0.0.1:8080 -h /www")
    health = wait_for(engine, "web", "healthy")
    assert health["Log"][-1]["Output"] == "HTTP 200\nfine\n"
    assert inspect(engine, "web")["Config"]["Healthcheck"]["Test"] == ["URL", "http://127.0.0.1:8080/fine"]
    engine.tare("rm", "-f", "web")


def test_unhealthy_container_is_killed_if_asked_for(engine, busybox):
    engine.tare("run", "-d", "--name", "ill", "--health-cmd", "false", "--health-interval", "100ms", "--health-retries", "1",
                "--health-on-failure", "kill", busybox, "sleep", "1000")
    assert engine.output("wait", "ill") == "137"
    assert inspect(engine, "ill")["State"]["Health"]["Status"] == "unhealthy"
    engine.tare("rm", "ill")


def test_no_healthcheck_is_none(engine, busybox):
    engine.tare("run", "-d", "--name", "none", "--no-healthcheck", busybox, "sleep", "1000")
    found = inspect(engine, "none")
    assert "Health" not in found["State"] and found["Config"]["Healthcheck"] == {"Test": ["NONE"]}
    engine.tare("rm", "-f", "none")


@pytest.mark.parametrize("arguments, words", [
    (["--health-cmd", "x", "--health-http", "80"], "only one of --health-cmd, --health-http"),
    (["--no-healthcheck", "--health-cmd", "x"], "--no-healthcheck conflicts with --health-"),
    (["--health-cmd", "x", "--health-interval", "soon"], "--health-interval"),
    (["--health-cmd", "x", "--health-interval", "1us"], "interval cannot be less than 1ms"),
    (["--health-cmd", "x", "--health-on-failure", "dance"], "unknown action 'dance'"),
    (["--health-http", "ftp://x/"], "is not a URL"),
])
def test_bad_words_are_refused(engine, busybox, arguments, words):
    engine.fails(125, re.escape(words), "run", "--name", "refused", *arguments, busybox, "true")
    assert "refused" not in engine.output("ps", "-a")
