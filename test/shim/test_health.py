# SPDX-License-Identifier: Apache-2.0
"""Health checks run beside the container, whether or not anybody is connected."""

import json
import os
import subprocess
import time

import pytest

from shim.shimclient import INVALID, CallError, spec, wait_for
from shim.test_restart import set_restart, watch

MILLISECOND = 10**6
SCRIPT = "cat /tmp/answer; exit $(cat /tmp/status 2>/dev/null || echo 1)"


def probing(shim, args=None, **more):
    fields = dict(interval=100 * MILLISECOND, timeout=5000 * MILLISECOND, retries=2)
    fields.update(more)
    if args:
        (shim.bundle / "health.json").write_text(json.dumps(spec(args)["process"]))
        fields["process"] = str(shim.bundle / "health.json")
    return fields


def health(shim):
    return watch(shim).health


def wait_for_status(shim, status):
    wait_for(lambda: health(shim).status == status, f"{status}, now {health(shim)}")


def write(shim, name, text):
    (shim.rootfs / "tmp" / name).write_text(text)


def start(shim, config=None, **probe):
    shim.create(config or spec(["sleep", "1000"]), shim.options(health=probing(shim, **probe)))
    shim.call("Start")


def test_state_follows_the_probes_and_the_last_five_are_kept(shim):
    start(shim, args=["sh", "-c", SCRIPT])
    assert health(shim).status == "starting"
    write(shim, "answer", "well\n")
    write(shim, "status", "0")
    wait_for_status(shim, "healthy")
    assert health(shim).failing_streak == 0
    write(shim, "answer", "ill\n")
    write(shim, "status", "7")
    wait_for_status(shim, "unhealthy")
    seen = health(shim)
    assert seen.failing_streak >= 2
    assert (seen.results[-1].exit_code, seen.results[-1].output) == (7, b"ill\n")
    assert 0 < seen.results[-1].started_at <= seen.results[-1].ended_at
    wait_for(lambda: len(health(shim).results) == 5, "five results")
    write(shim, "status", "0")
    wait_for_status(shim, "healthy")


def test_failures_in_the_start_period_do_not_count(shim):
    start(shim, args=["sh", "-c", "exit 1"], start_period=1000_000 * MILLISECOND, start_interval=100 * MILLISECOND, retries=1)
    wait_for(lambda: len(health(shim).results) >= 3, "some probes")
    assert health(shim).status == "starting" and health(shim).failing_streak == 0


def test_failures_after_the_start_period_count(shim):
    start(shim, args=["sh", "-c", "exit 1"], start_period=1000 * MILLISECOND, start_interval=100 * MILLISECOND, retries=1)
    wait_for_status(shim, "unhealthy")


def test_probe_that_takes_too_long_is_killed(shim):
    start(shim, args=["sh", "-c", "echo begun; exec sleep 1234"], timeout=300 * MILLISECOND)
    wait_for_status(shim, "unhealthy")
    seen = health(shim)
    assert seen.results[0].exit_code == -1
    # under load it may not have got as far as its word
    assert seen.results[0].output in (b"Health check exceeded timeout (300ms)", b"Health check exceeded timeout (300ms): begun\n")
    # no more of them than the one that may be under way
    wait_for(lambda: sum(runs(p.pid, b"1234") for p in shim.call("Pids").processes) <= 1, "the killed ones to be gone")


def runs(pid, word):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return word in file.read()
    except OSError:
        return False


def test_program_that_is_not_there_is_a_failure(shim):
    start(shim, args=["no-such-program"])
    wait_for_status(shim, "unhealthy")
    assert b"executable file not found" in health(shim).results[0].output


def test_much_output_is_cut(shim):
    start(shim, args=["sh", "-c", "yes | head -c 1000000"])
    wait_for_status(shim, "healthy")
    assert health(shim).results[0].output == b"y\n" * 2048 + b"..."


@pytest.mark.parametrize("action, status", [("kill", 137), ("stop", 137)])
def test_unhealthy_containers_are_ended_if_asked_for(shim, action, status):
    start(shim, config=spec(["sh", "-c", "trap 'exit 137' TERM; while true; do sleep 0.1; done"]),
          args=["false"], on_failure=action, retries=1)
    assert shim.call("Wait").exit_status == status
    assert health(shim).status == "unhealthy"


@pytest.mark.parametrize("action", ["kill", "stop"])
def test_a_restart_policy_goes_on_after_kill_and_not_after_stop(shim, action):
    shim.create(spec(["sleep", "1000"]), shim.options(
        restart={"name": "always"}, health=probing(shim, args=["false"], on_failure=action, stop_signal=9, retries=1)))
    shim.call("Start")
    if action == "kill":
        wait_for(lambda: watch(shim).restart_count >= 1, "the next life")
        set_restart(shim, "no")
    assert shim.call("Wait").exit_status == 137
    assert action == "kill" or watch(shim).restart_count == 0


def test_unhealthy_containers_are_restarted_if_asked_for(shim):
    """Ill once: whoever asks is told, and it is over."""
    start(shim, args=["sh", "-c", "mkdir /tmp/told || exit 0; exit 1"], on_failure="restart", retries=1)
    wait_for(lambda: watch(shim).restart_count == 1, "the restart")
    wait_for_status(shim, "healthy")
    assert watch(shim).restart_count == 1


def test_paused_containers_are_not_probed(shim, runtime):
    start(shim, args=["true"])
    wait_for_status(shim, "healthy")
    shim.call("Pause")
    paused = time.time_ns()
    time.sleep(0.5)
    assert all(result.started_at <= paused for result in health(shim).results)
    shim.call("Resume")
    wait_for(lambda: health(shim).results[-1].started_at > paused, "the next probe")


def test_probe_that_a_pause_interrupts_does_not_count(shim):
    begun = shim.rootfs / "tmp" / "begun"
    start(shim, args=["sh", "-c", "touch /tmp/begun; sleep 1000"], timeout=1000_000 * MILLISECOND, retries=1)
    for _ in range(2):
        wait_for(begun.exists, "a probe")
        shim.call("Pause")
        begun.unlink()
        shim.call("Resume")
    wait_for(begun.exists, "the probe after it")
    assert (health(shim).status, list(health(shim).results)) == ("starting", [])


def test_unknown_actions_are_refused(shim):
    with pytest.raises(CallError) as error:
        shim.create(spec(["true"]), shim.options(health=probing(shim, args=["true"], on_failure="explode")))
    assert error.value.code == INVALID and "'explode'" in error.value.message


ISOLATED = {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")]}


@pytest.mark.parametrize("server, url, good, words", [
    ("httpd -f -p 8080 -h /www", "http://127.0.0.1:8080/fine", True, b"HTTP 200\nfine"),
    ("httpd -f -p 8080 -h /www", "http://127.0.0.1:8080/none", False, b"HTTP 404"),
    ("httpd -f -p 8080 -h /www", "http://127.0.0.1:8081/", False, b"Couldn't connect"),
    ("httpd -f -p 8080 -h /www", "tcp://127.0.0.1:8080", True, b"connected"),
    ("httpd -f -p 8080 -h /www", "tcp://127.0.0.1:8081", False, b"Couldn't connect"),
    ("nc -ll -p 8080 -e sleep 100", "http://127.0.0.1:8080/", False, b"imeout"),
])
def test_network_probes_come_from_inside(shim, server, url, good, words):
    """Nobody listens there outside: the answer is the container's."""
    shim.create(spec(["sh", "-c", f"mkdir -p /www; echo fine > /www/fine; exec busybox {server}"], linux=ISOLATED),
                shim.options(health=probing(shim, url=url, timeout=1000 * MILLISECOND, interval=300 * MILLISECOND)))
    shim.call("Start")
    status = "healthy" if good else "unhealthy"
    # the first probes may come before the server listens
    wait_for(lambda: (h := health(shim)).status == status and words in h.results[-1].output, f"{status}, now {health(shim)}")


GRPC = r'''
import sys, concurrent.futures, grpc
status = int(sys.argv[1])
class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method != "/grpc.health.v1.Health/Check":
            return None
        def check(request, context):
            if request == b"\n\x04deep":
                return b"\x08\x01"
            if request:
                context.abort(grpc.StatusCode.NOT_FOUND, "unknown")
            return bytes([8, status])
        return grpc.unary_unary_rpc_method_handler(check)
server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=[Handler()])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
'''


@pytest.mark.parametrize("status, service, code, words", [
    (1, "", 0, "SERVING\n"), (2, "", 1, "not SERVING\n"), (1, "/other", 1, "grpc-status 5\n"), (2, "/deep", 0, "SERVING\n")])
def test_grpc_probe(bin_dir, status, service, code, words):
    server = subprocess.Popen(["/usr/bin/python3", "-c", GRPC, str(status)], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        probe = bin_dir / "tare-probe"
        result = subprocess.run([probe, "/proc/self/ns/net", f"grpc://127.0.0.1:{port}{service}", "5000"],
                                stdout=subprocess.PIPE, text=True, timeout=30, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        assert (result.returncode, result.stdout.replace("\r", "")) == (code, words)
    finally:
        server.kill()
        server.wait()
