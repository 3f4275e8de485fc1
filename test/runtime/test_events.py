# SPDX-License-Identifier: Apache-2.0
"""What a container uses, and that it runs out of memory."""

import json
import subprocess

from cgroups import V2, limited, needs
from harness import wait_until


@needs("pids")
def test_statistics_once(runtime):
    name = runtime.start(limited(runtime, pids={"limit": 77}))
    event = json.loads(runtime.ok("events", "--stats", name).out)
    assert event["type"] == "stats" and event["id"] == name
    data = event["data"]
    assert set(data) == {"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"}
    assert data["cpu"]["usage"]["total"] > 0
    assert data["network_interfaces"] is None and data["intel_rdt"] == {}


@needs("pids")
def test_pids_in_statistics(runtime):
    name = runtime.start(limited(runtime, pids={"limit": 77}))
    assert json.loads(runtime.ok("events", "--stats", name).out)["data"]["pids"] == {"current": 1, "limit": 77}


@needs("memory")
def test_memory_in_statistics(runtime):
    name = runtime.start(limited(runtime, memory={"limit": 64 << 20}))
    memory = json.loads(runtime.ok("events", "--stats", name).out)["data"]["memory"]
    assert memory["usage"]["limit"] == 64 << 20 and 0 < memory["usage"]["usage"] < 64 << 20
    assert ("anon" if V2 else "rss") in memory["raw"]


@needs("memory")
def test_events_come_at_the_interval_and_tell_of_oom_until_the_end(runtime, tmp_path):
    name = runtime.start(limited(runtime, memory={"limit": 16 << 20, "swap": 16 << 20}))
    with open(tmp_path / "events", "w") as out:
        events = subprocess.Popen(runtime.command("events", "--interval", "50ms", name), stdout=out)
    seen = lambda kind: [e for e in map(json.loads, open(tmp_path / "events")) if e["type"] == kind]
    wait_until(lambda: len(seen("stats")) >= 2, what="two statistics")
    assert runtime("exec", name, "tail", "/dev/zero").code == 137
    wait_until(lambda: seen("oom"), what="an oom event")
    assert seen("oom")[0] == {"type": "oom", "id": name}
    runtime.ok("delete", "--force", name)
    assert events.wait(60) == 0


def test_who_does_not_live_has_no_events(runtime):
    name = runtime.start(runtime.bundle().args("/bin/true"))
    runtime.wait_status(name, "stopped")
    assert runtime("events", "--stats", name).code == 1
    assert f"container with id {name} is not running" in runtime.last_error()["msg"]
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime("events", "--interval", "0s", name).code == 1
