# SPDX-License-Identifier: Apache-2.0
"""Restart policies are the shim's: they hold while nobody is connected."""

import json

import pytest

from shim.shimclient import INVALID, NOT_FOUND, STATE, CallError, spec, wait_for

COUNTED = ["sh", "-c", "echo life; exit 3"]


def policy(shim, name, maximum_retries=0):
    return shim.options(restart={"name": name, "maximum_retries": maximum_retries})


def watch(shim, **fields):
    connection = shim.connect(service="tare.shim.v1.Shim")
    try:
        return connection.call("Watch", id=shim.id, **fields)
    finally:
        connection.close()


def set_restart(shim, name, maximum_retries=0):
    connection = shim.connect(service="tare.shim.v1.Shim")
    try:
        connection.call("SetRestart", id=shim.id, policy={"name": name, "maximum_retries": maximum_retries})
    finally:
        connection.close()


def lives(shim):
    return [entry["log"] for entry in shim.log_entries()].count("life\n")


def test_on_failure_tries_as_often_as_it_may(shim):
    shim.create(spec(COUNTED), policy(shim, "on-failure", 2))
    shim.call("Start")
    assert shim.call("Wait").exit_status == 3
    assert lives(shim) == 3
    seen = watch(shim)
    assert (seen.restart_count, seen.exit_status, seen.pid, seen.restarting) == (2, 3, 0, False)
    assert json.loads(shim.exit_record.read_text())["exitStatus"] == 3


@pytest.mark.parametrize("name, status", [("", 3), ("no", 3), ("on-failure", 0)])
def test_the_end_is_the_end_without_reason_to_restart(shim, name, status):
    shim.create(spec(["sh", "-c", f"echo life; exit {status}"]), policy(shim, name))
    shim.call("Start")
    assert shim.call("Wait").exit_status == status
    assert lives(shim) == 1 and watch(shim).restart_count == 0


@pytest.mark.parametrize("name", ["always", "unless-stopped"])
def test_always_goes_on_until_it_is_killed(shim, name):
    shim.create(spec(["sh", "-c", "echo life; exit 0"]), policy(shim, name))
    shim.call("Start")
    wait_for(lambda: watch(shim).restart_count >= 3, "three restarts")
    assert not shim.exit_record.exists(), "an exit record of a container that goes on"
    set_restart(shim, "no")
    assert shim.call("Wait").exit_status == 0
    assert lives(shim) == watch(shim).restart_count + 1


def test_kill_between_two_lives_ends_it(shim):
    shim.create(spec(COUNTED), policy(shim, "always"))
    shim.call("Start")
    wait_for(lambda: watch(shim).restart_count >= 5, "restarts")  # then the delay is 3.2 s and more: time enough
    wait_for(lambda: watch(shim).restarting, "the time between two lives")
    with pytest.raises(CallError) as error:
        shim.exec("e1", ["true"])
    assert error.value.code == STATE and "it is restarting" in error.value.message
    shim.call("Kill", signal=15)
    assert shim.call("Wait").exit_status == 3
    count = watch(shim).restart_count
    assert lives(shim) == count + 1


def test_killed_program_is_restarted_and_each_life_has_its_own_pid(shim):
    first = shim.create(spec(["sleep", "1000"]), policy(shim, "always"))
    shim.call("Start")
    before = watch(shim)
    assert before.pid == first and before.started_at > 0 and before.exited_at == 0
    shim.call("Kill", signal=9)
    wait_for(lambda: watch(shim).restart_count == 1 and watch(shim).pid, "the second life")
    after = watch(shim)
    assert after.pid not in (0, first) and after.exit_status == 137 and after.started_at > before.started_at
    assert shim.call("State").pid == after.pid and [p.pid for p in shim.call("Pids").processes] == [after.pid]
    set_restart(shim, "no")
    shim.call("Kill", signal=9)
    assert shim.call("Wait").exit_status == 137


def test_watch_is_answered_at_the_next_change(shim):
    shim.create(spec(["sleep", "1000"]), policy(shim, "always"))
    shim.call("Start")
    connection = shim.connect(service="tare.shim.v1.Shim")
    seen = connection.call("Watch", id=shim.id).revision
    pending = connection.send("Watch", id=shim.id, seen=seen)
    with pytest.raises(TimeoutError):
        connection.receive(pending, timeout=0.3)
    shim.call("Kill", signal=9)
    changed = connection.receive(pending)
    assert changed.revision > seen and changed.restarting
    connection.close()
    set_restart(shim, "no")
    shim.call("Kill", signal=9)
    shim.call("Wait")


def test_attached_clients_are_told_of_each_end(shim):
    shim.create(spec(["sh", "-c", "read line; echo got $line; exit 5"]), policy(shim, "always", 0) | {
        "value": shim.options(restart={"name": "always"}, open_stdin=True)["value"]})
    client = shim.attach()
    shim.call("Start")
    client.send(0, b"one\n")
    assert client.read_all() == (b"got one\n", b"", 5)
    wait_for(lambda: watch(shim).restart_count == 1, "the second life")
    client = shim.attach()
    client.send(0, b"two\n")
    assert client.read_all() == (b"got two\n", b"", 5)
    set_restart(shim, "no")
    shim.call("Kill", signal=9)
    shim.call("Wait")


def test_root_file_system_outlives_a_life(shim):
    script = "n=$(cat /tmp/n 2>/dev/null || echo 0); echo $((n+1)) > /tmp/n; echo life; exit $((n < 2))"
    shim.create(spec(["sh", "-c", script]), policy(shim, "on-failure"))
    shim.call("Start")
    assert shim.call("Wait").exit_status == 0
    assert lives(shim) == 3


def test_life_that_cannot_begin_is_the_end(shim):
    """The program deletes itself."""
    shim.create(spec(["/bin/sh", "-c", "echo life; busybox rm /bin/busybox; exit 1"]), policy(shim, "always"))
    shim.call("Start")
    assert shim.call("Wait").exit_status == 127
    assert lives(shim) == 1 and watch(shim).restart_count == 1


def test_bad_policies_are_refused(shim):
    for name, retries, words in (("sometimes", 0, "unknown restart policy 'sometimes'"),
                                 ("always", 3, "maximum retry count cannot be used with restart policy 'always'")):
        with pytest.raises(CallError) as error:
            shim.create(spec(["true"]), policy(shim, name, retries))
        assert error.value.code == INVALID and error.value.message == words
    with pytest.raises(CallError) as error:
        watch(shim)
    assert error.value.code == NOT_FOUND
