# SPDX-License-Identifier: Apache-2.0
"""What the kernel kills for lack of memory is told at once, with who it was and how much it used."""

import json
import os

import pytest

from shim.shimclient import CallError, spec, wait_for
from shim.test_events import Containerd, topics

LIMIT = 24 << 20
EAT = "tail /dev/zero"  # keeps all that it reads


@pytest.fixture
def limited(new_shim):
    """A shim, its containerd, and a container that may use 24 MiB; the shell as its argument."""
    def make(script):
        shim = new_shim(start=False)
        containerd = Containerd(shim.directory / "events")
        shim.environment["TTRPC_ADDRESS"] = str(shim.directory / "events")
        config = spec(["sh", "-c", script], linux={"resources": {"memory": {"limit": LIMIT, "swap": LIMIT}}})
        config["mounts"].insert(2, {"destination": "/dev/zero", "type": "bind", "source": "/dev/zero", "options": ["bind"]})
        shim.start()
        try:
            shim.create(config)
        except CallError as error:
            if "memory" in error.message:
                pytest.skip(f"no memory limit here: {error.message}")
            raise
        shim.call("Start")
        return shim, containerd

    return make


def record(shim):
    return json.loads(shim.exit_record.read_text())


def test_the_program_itself(limited):
    shim, containerd = limited(f"exec {EAT}")
    assert shim.call("Wait").exit_status == 137
    assert record(shim)["oomKilled"] is True
    oom = record(shim)["oom"]
    assert oom["kills"] == 1 and oom["pid"] == shim.call("State").pid and "exec" not in oom
    assert oom["limit"] == LIMIT and LIMIT // 2 < oom["usage"] <= 2 * LIMIT
    assert oom.get("peak", LIMIT) <= LIMIT + (1 << 20)
    wait_for(lambda: "/tasks/exit" in topics(containerd), "the exit")
    assert topics(containerd) == ["/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit"]


def test_an_exec_while_the_container_goes_on(limited):
    shim, containerd = limited("sleep 1000")
    pid = shim.call("State").pid
    shim.exec("eater", ["sh", "-c", f"exec {EAT}"])
    victim = shim.call("Start", exec_id="eater").pid
    assert shim.call("Wait", exec_id="eater").exit_status == 137
    wait_for(lambda: topics(containerd)[-2:] == ["/tasks/oom", "/tasks/exit"], "both events")
    assert os.path.exists(f"/proc/{pid}")
    shim.call("Kill", signal=15, all=True)
    shim.call("Kill", signal=9)
    assert shim.call("Wait").exit_status == 137
    assert record(shim)["oom"]["pid"] == victim and record(shim)["oom"]["exec"] == "eater"
    assert record(shim)["oom"]["kills"] == 1 and record(shim)["oomKilled"] is True


def test_a_child_is_told_of_before_anything_ends(limited):
    shim, containerd = limited(f"{EAT}; sleep 1000")
    wait_for(lambda: "/tasks/oom" in topics(containerd), "the notice")
    assert "/tasks/exit" not in topics(containerd)
    shim.call("Kill", signal=9)
    shim.call("Wait")
    assert record(shim)["oom"]["kills"] == 1 and "pid" not in record(shim)["oom"], "the shim never saw that one"


def test_who_has_enough_memory_is_not_mentioned(limited):
    shim, containerd = limited("exit 3")
    assert shim.call("Wait").exit_status == 3
    assert record(shim) == {"exitStatus": 3, "exitedAt": record(shim)["exitedAt"], "oomKilled": False}
    wait_for(lambda: "/tasks/exit" in topics(containerd), "the exit")
    assert "/tasks/oom" not in topics(containerd)
