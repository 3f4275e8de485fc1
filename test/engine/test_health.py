# SPDX-License-Identifier: Apache-2.0
"""Health checks from the user's side."""

import json
import pathlib
import re

import pytest

import images
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


def test_the_start_period_forgives_failures_until_the_first_success(engine, busybox):
    engine.tare("run", "-d", "--name", "slow", "--health-cmd", "test -e /ok", "--health-interval", "200ms", "--health-retries", "1",
                "--health-start-period", "1000h", "--health-start-interval", "200ms", busybox, "sleep", "1000")
    wait_until(lambda: len(inspect(engine, "slow")["State"]["Health"]["Log"]) >= 3, what="some probes")
    health = inspect(engine, "slow")["State"]["Health"]
    assert (health["Status"], health["FailingStreak"]) == ("starting", 0) and health["Log"][-1]["ExitCode"] == 1
    engine.tare("exec", "slow", "touch", "/ok")
    wait_for(engine, "slow", "healthy")
    engine.tare("exec", "slow", "rm", "/ok")
    wait_for(engine, "slow", "unhealthy")
    engine.tare("rm", "-f", "slow")


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


@pytest.fixture(scope="module")
def image(engine, tmp_path_factory):
    """image(name, healthcheck): busybox with that HEALTHCHECK, whatever it says."""
    base, directory = images.busybox_tar(), tmp_path_factory.mktemp("images")

    def make(name, healthcheck):
        layout = images.Layout(directory / name)
        layout.tag(f"{name}:latest", layout.manifest([base], {**images.BUSYBOX_CONFIG, "Healthcheck": healthcheck}, compression="none"))
        engine.tare("load", "-i", layout.archive(directory / f"{name}.tar"))
        return name

    return make


def test_what_the_image_says_holds_where_the_user_says_nothing(engine, image):
    checked = image("checked", {"Test": ["CMD-SHELL", "echo of the image"], "Interval": 100_000_000, "Retries": 7})
    engine.tare("run", "-d", "--name", "plain", checked, "sleep", "1000")
    assert wait_for(engine, "plain", "healthy")["Log"][-1]["Output"] == "of the image\n"
    engine.tare("run", "-d", "--name", "merged", "--health-cmd", "echo of the user; false", "--health-retries", "1", checked, "sleep", "1000")
    assert wait_for(engine, "merged", "unhealthy")["Log"][-1]["Output"] == "of the user\n"
    assert inspect(engine, "merged")["Config"]["Healthcheck"] == {
        "Test": ["CMD-SHELL", "echo of the user; false"], "Interval": 100_000_000, "Retries": 1}
    engine.tare("run", "-d", "--name", "none", "--no-healthcheck", checked, "sleep", "1000")
    assert "Health" not in inspect(engine, "none")["State"]
    shown = {status: engine.output("ps", "--format", "{{.Names}}", "--filter", f"health={status}").split() for status in ("healthy", "unhealthy", "none")}
    assert shown == {"healthy": ["plain"], "unhealthy": ["merged"], "none": ["none"]}
    engine.tare("rm", "-f", "plain", "merged", "none")


@pytest.mark.parametrize("number, healthcheck", enumerate([
    {"Test": ["DANCE", "x"]}, {"Test": ["CMD"]}, {"Test": []}, {"Interval": 1}, {"Test": ["URL", "ftp://x"]},
    {"Test": ["NONE"], "Retries": -1}, {"Test": ["CMD", "true"], "Interval": -1, "Timeout": -(2**63), "Retries": -(2**63)},
]))
def test_nonsense_in_an_image_keeps_nothing_from_running(engine, image, number, healthcheck):
    """As with Docker: it is the user whose words are refused."""
    name = image(f"nonsense{number}", healthcheck)
    assert engine.output("run", "--rm", name, "echo", "ran") == "ran"


def test_changes_are_events(engine, busybox):
    engine.tare("run", "-d", "--name", "told", "--health-cmd", "test -e /ok", "--health-interval", "100ms",
                "--health-retries", "1", busybox, "sleep", "1000")
    wait_for(engine, "told", "unhealthy")
    engine.tare("exec", "told", "touch", "/ok")
    wait_for(engine, "told", "healthy")
    said = engine.output("events", "--since", "1h", "--until", "0s", "--filter", "container=told", "--filter", "event=health_status",
                         "--format", "{{.Action}}").splitlines()
    assert said == ["health_status: unhealthy", "health_status: healthy"]
    engine.tare("rm", "-f", "told")


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
    (["--health-cmd", "x", "--health-interval", "1us"], "Interval in Healthcheck cannot be less than 1ms"),
    (["--health-cmd", "x", "--health-on-failure", "dance"], "unknown action 'dance'"),
    (["--health-http", "ftp://x/"], "is not a URL"),
])
def test_bad_words_are_refused(engine, busybox, arguments, words):
    engine.fails(125, re.escape(words), "run", "--name", "refused", *arguments, busybox, "true")
    assert "refused" not in engine.output("ps", "-a")
