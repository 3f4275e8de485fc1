# SPDX-License-Identifier: Apache-2.0
"""The life of a container and its execs, as an engine drives it."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from shim.shimclient import EXISTS, INVALID, MESSAGES, NOT_FOUND, STATE, UNKNOWN, UNSUPPORTED, CallError, spec, wait_for

CREATED, RUNNING, STOPPED = 1, 2, 3


def fails(code, call, *arguments, **more):
    with pytest.raises(CallError) as caught:
        call(*arguments, **more)
    assert caught.value.code == code, caught.value
    return caught.value


def test_container_runs_and_ends(shim):
    pid = shim.create(spec(["sh", "-c", "echo out; echo err >&2; exit 7"]))
    assert shim.call("State").status == CREATED and shim.call("State").pid == pid
    client = shim.attach()
    assert shim.call("Start").pid == pid
    assert client.read_all() == (b"out\n", b"err\n", 7)
    ended = shim.call("Wait")
    assert ended.exit_status == 7
    state = shim.call("State")
    assert (state.status, state.exit_status, state.id) == (STOPPED, 7, "c1")
    deleted = shim.call("Delete")
    assert (deleted.pid, deleted.exit_status, deleted.exited_at) == (pid, 7, ended.exited_at)
    fails(NOT_FOUND, shim.call, "State")
    assert {entry["stream"]: entry["log"] for entry in shim.log_entries()} == {"stdout": "out\n", "stderr": "err\n"}


@pytest.mark.parametrize("peer", ["runc", "crun"])
def test_other_runtimes_work(new_shim, peer):
    if not shutil.which(peer):
        pytest.skip(f"{peer} is not installed")
    shim = new_shim(runtime=shutil.which(peer))
    try:
        assert shim.run_to_end(spec(["sh", "-c", "echo $0 hello"])) == (b"sh hello\n", b"", 0)
    except CallError as error:
        if peer == "crun" and "cgroup" in error.message:
            pytest.skip(f"crun does not like this machine's cgroups: {error.message}")
        raise
    assert shim.call("Delete").exit_status == 0


def test_both_service_names_answer(shim):
    for version in ("v2", "v3"):
        assert shim.connect(service=f"containerd.task.{version}.Task").call("Connect").shim_pid == shim.pid
    error = fails(UNSUPPORTED, shim.connect(service="containerd.task.v1.Task").call, "Connect")
    assert "not implemented" in error.message


def test_wait_is_answered_at_the_exit(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    connection = shim.connect()
    call = connection.send("Wait", id="c1")
    shim.call("Kill", signal=signal.SIGKILL)
    assert connection.receive(call).exit_status == 137


def test_exit_record_is_there_before_wait_is_answered(shim):
    shim.create(spec(["sh", "-c", "exit 3"]))
    connection = shim.connect()
    call = connection.send("Wait", id="c1")
    shim.call("Start")
    assert connection.receive(call).exit_status == 3
    record = json.loads(shim.exit_record.read_text())
    assert record["exitStatus"] == 3 and record["oomKilled"] is False and record["exitedAt"].endswith("Z")
    assert [path for path in os.listdir(shim.directory) if path.startswith(".")] == []


def test_terminating_signal_becomes_the_status(shim):
    shim.create(spec(["sh", "-c", "kill -TERM $$ ; sleep 10"], linux={"namespaces": [{"type": "mount"}]}))
    shim.call("Start")
    assert shim.call("Wait").exit_status == 143


def test_created_container_can_be_deleted(shim):
    pid = shim.create(spec(["true"]))
    assert shim.call("Delete").pid == pid
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the end of init")
    fails(NOT_FOUND, shim.call, "State")


def test_running_container_is_not_deleted(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    error = fails(STATE, shim.call, "Delete")
    assert error.message == "cannot delete container 'c1': it is running"
    fails(STATE, shim.call, "Start")
    fails(EXISTS, shim.call, "Create", bundle=str(shim.bundle), options=shim.options())


def test_failed_create_leaves_nothing(shim):
    error = fails(NOT_FOUND, shim.create, spec(["/no/such/program"]))
    assert "/no/such/program" in error.message and error.reasons == ["COMMAND_NOT_FOUND"]
    assert not os.path.ismount(shim.rootfs)
    shim.create(spec(["true"]))
    shim.call("Start")
    assert shim.call("Wait").exit_status == 0


def test_bad_requests_are_refused(shim):
    fails(INVALID, shim.connect().call, "Create", id="../x", bundle=str(shim.bundle))
    fails(INVALID, shim.connect().call, "Create", id="c1", bundle="b")
    fails(INVALID, shim.create, spec(["true"]), options={"type_url": "nobody.Options", "value": b"x"})
    fails(INVALID, shim.create, spec(["true"]), options={"type_url": "tare.shim.v1.Options", "value": b"\xff\xff"})
    fails(INVALID, shim.create, spec(["true"]), options=shim.options(log_path="relative"))
    fails(NOT_FOUND, shim.create, spec(["true"]), options=shim.options(runtime="no-such-runtime"))


def test_what_the_runtime_cannot_do_is_no_missing_method(shim):
    """After UNIMPLEMENTED containerd calls Create again, as the service's older version has it."""
    runtime = shim.directory / "modest"
    runtime.write_text("#!/bin/sh\n" 'case "$*" in *" create "*) ;; *) exit 0 ;; esac\n' 'while [ "$1" != --log ]; do shift; done\n'
                       """echo '{"level":"error","msg":"no such cache here","code":12}' >>"$2"\nexit 1\n""")
    runtime.chmod(0o755)
    error = fails(UNKNOWN, shim.create, spec(["true"]), options=shim.options(runtime=str(runtime)))
    assert error.message == "no such cache here"


def test_exec_runs_beside_the_container(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["sh", "-c", "echo in exec; echo oops >&2; exit 9"])
    assert shim.call("State", exec_id="e1").status == CREATED
    client = shim.attach("e1")
    pid = shim.call("Start", exec_id="e1").pid
    assert client.read_all() == (b"in exec\n", b"oops\n", 9)
    assert shim.call("Wait", exec_id="e1").exit_status == 9
    assert shim.call("Delete", exec_id="e1").pid == pid
    fails(NOT_FOUND, shim.call, "State", exec_id="e1")
    assert shim.call("State").status == RUNNING
    assert not shim.log.exists() or shim.log_entries() == [], "an exec does not write to the container's log"


def test_exec_ids_are_unique_and_sane(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["true"])
    fails(EXISTS, shim.exec, "e1", ["true"])
    for bad in ("../e", "a/b", "-x", "", "e" * 200):
        fails(INVALID, shim.exec, bad, ["true"])


def test_killing_what_ends_meanwhile(shim, temporary):
    """The runtime sees the end before the shim does: containerd's words for a task that has ended."""
    program, pid = temporary / "kills-first", temporary / "kills-first.pid"
    program.write_text(f'''#!/bin/sh
case "$*" in *" kill "*)
    kill -9 $(cat {pid})
    until grep -q "State:.Z" /proc/$(cat {pid})/status; do sleep 0.01; done
esac
exec {shim.runtime} "$@"
''')
    program.chmod(0o755)
    pid.write_text(str(shim.create(spec(["sleep", "1000"]), options=shim.options(runtime=str(program)))))
    shim.call("Start")
    assert fails(NOT_FOUND, shim.call, "Kill", signal=15).message == "process already finished"
    assert shim.call("Wait").exit_status == 137
    shim.call("Delete")
    program.unlink()
    pid.unlink()


def test_exec_can_be_killed(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["sleep", "1000"])
    shim.call("Start", exec_id="e1")
    shim.call("Kill", exec_id="e1", signal=9)
    assert shim.call("Wait", exec_id="e1").exit_status == 137
    assert fails(NOT_FOUND, shim.call, "Kill", exec_id="e1", signal=9).message == "process already finished"


def test_exec_of_a_missing_program_says_so(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["nonesuch"])
    client = shim.attach("e1")
    error = fails(NOT_FOUND, shim.call, "Start", exec_id="e1")
    assert "nonesuch" in error.message and error.reasons == ["COMMAND_NOT_FOUND"]
    assert client.read_all()[2] == 127
    shim.call("Delete", exec_id="e1")


def test_container_end_ends_its_execs(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["sleep", "1000"])
    shim.call("Start", exec_id="e1")
    waiter = shim.connect()
    call = waiter.send("Wait", id="c1", exec_id="e1")
    shim.call("Kill", signal=9)
    assert shim.call("Wait").exit_status == 137
    assert waiter.receive(call).exit_status == 137


def test_shared_pid_namespace_is_cleared_at_the_end(shim):
    shim.create(spec(["sh", "-c", "sleep 1234 & exit 5"], linux={"namespaces": [{"type": "mount"}, {"type": "uts"}]}))
    shim.call("Start")
    assert shim.call("Wait").exit_status == 5
    shim.call("Delete")

    def sleepers():
        import glob
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                if open(path, "rb").read() == b"sleep\0001234\0":
                    found.append(path)
            except OSError:
                pass
        return found

    wait_for(lambda: not sleepers(), "the end of the background process")


def test_pids_names_execs(shim):
    pid = shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["sleep", "1000"])
    exec_pid = shim.call("Start", exec_id="e1").pid
    found = {process.pid: process.info.type_url for process in shim.call("Pids").processes}
    assert found == {pid: "", exec_pid: "containerd.runc.v1.ProcessDetails"}


def test_only_our_own_engine_is_told_reasons(new_shim, runtime):
    """Go's clients print "proto: not found" for a detail whose type they do not know."""
    shim = new_shim()
    runc = MESSAGES.type("containerd.runc.v1.Options")(binary_name=str(runtime), root=str(shim.directory / "runtime"))
    with pytest.raises(CallError) as error:
        shim.create(spec(["no-such-program"]), {"type_url": "containerd.runc.v1.Options", "value": runc.SerializeToString()})
    assert "executable file not found" in error.value.message and not error.value.reasons
    with pytest.raises(CallError) as error:
        shim.create(spec(["no-such-program"]))
    assert error.value.reasons == ["COMMAND_NOT_FOUND"]


COUNTER = ["sh", "-c", "i=0; while true; do i=$((i+1)); echo $i > /tmp/i; sleep 0.1; done"]


def counted(shim):
    return int((shim.rootfs / "tmp" / "i").read_text() or 0)


def test_checkpoint_and_restore(new_shim, criu):
    shim = new_shim()
    shim.create(spec(COUNTER))
    shim.call("Start")
    wait_for(lambda: (shim.rootfs / "tmp" / "i").exists() and counted(shim) >= 5, "a count of five")
    images = shim.directory / "images"
    images.mkdir()
    leave = {"type_url": "containerd.runc.v1.CheckpointOptions", "value": b""}
    shim.call("Checkpoint", path=str(images), options=leave)
    assert shim.call("State").status == 2, "it goes on"
    exit_too = MESSAGES.type("containerd.runc.v1.CheckpointOptions")(exit=True).SerializeToString()
    shutil.rmtree(images)
    images.mkdir()
    shim.call("Checkpoint", path=str(images), options={**leave, "value": exit_too})
    assert shim.call("Wait").exit_status == 137
    before = counted(shim)
    shim.call("Delete")
    shim.create(spec(COUNTER), checkpoint=str(images))
    assert shim.call("Start").pid > 0
    wait_for(lambda: counted(shim) > before + 2, "the count to go on")
    assert counted(shim) < before + 100


def test_container_from_a_checkpoint_can_be_deleted_before_its_start(shim):
    shim.create(spec(["true"]), checkpoint=str(shim.directory / "none"))
    shim.call("Delete")


def test_checkpoint_that_is_not_there_says_so(shim):
    shim.create(spec(["true"]), checkpoint=str(shim.directory / "none"))
    error = fails(NOT_FOUND, shim.call, "Start")
    assert "none" in error.message
    shim.call("Delete")


def test_stats_tell_what_the_kernel_counts(shim):
    """Packed as containerd's clients read it, v1 or v2, against the cgroup's own files."""
    script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 1000 & echo done; wait"
    shim.create(spec(["sh", "-c", script], linux={
        "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")],
        "resources": {"pids": {"limit": 77}}}))
    client = shim.attach()
    shim.call("Start")
    client.read_until(b"done")
    stats = shim.call("Stats").stats
    metrics = MESSAGES.type(stats.type_url).FromString(stats.value)
    assert metrics.pids.current == len(shim.call("Pids").processes) == 2
    assert metrics.pids.limit == 77
    assert not metrics.network, "only lo is there"
    if stats.type_url == "io.containerd.cgroups.v1.Metrics":
        assert metrics.cpu.usage.total > 10**7 and sum(metrics.cpu.usage.per_cpu) <= metrics.cpu.usage.total * 1.1
        assert 0 < metrics.memory.usage.usage <= metrics.memory.usage.max < metrics.memory.usage.limit
        assert metrics.memory.total_rss > 0
    else:
        assert stats.type_url == "io.containerd.cgroups.v2.Metrics"
        assert metrics.cpu.usage_usec > 10**4
        assert 0 < metrics.memory.usage < metrics.memory.usage_limit == 2**64 - 1
    shim.call("Kill", signal=9, all=True)
    shim.call("Wait")
    fails(NOT_FOUND, shim.call, "Stats")  # anything else containerd's collector complains of, each time


def test_shutdown_waits_for_the_container_to_be_deleted(shim):
    shim.create(spec(["true"]))
    shim.call("Start")
    shim.call("Wait")
    shim.call("Shutdown")
    assert shim.call("State").status == STOPPED
    os.kill(shim.pid, signal.SIGTERM)
    assert shim.call("State").status == STOPPED, "a shim with a container ignores SIGTERM"
    shim.call("Delete")
    shim.call("Shutdown")
    wait_for(lambda: not shim.alive(), "the shim's end")
    assert not shim.socket.exists()


def test_sockets_are_private(shim):
    shim.create(spec(["true"]))
    for path in (shim.socket, shim.attach_socket):
        assert path.stat().st_mode & 0o777 == 0o600
    with open("/proc/net/unix") as file:
        ours = [line for line in file if str(shim.directory) in line and "@" in line.split()[-1]]
    assert ours == []


def test_many_layers_fit(shim, lower):
    folders = []
    for number in range(100):
        folder = shim.directory / "layers" / f"{number:03}-{'x' * 50}"
        folder.mkdir(parents=True)
        (folder / f"file{number}").write_text("x")
        folders.append(str(folder))
    mounts = shim.mounts()
    mounts[0]["options"][0] = "lowerdir=" + ":".join([*folders, str(lower)])
    assert len(mounts[0]["options"][0]) > 4096
    shim.create(spec(["sh", "-c", "ls /file* | wc -l"]), rootfs=mounts)
    client = shim.attach()
    shim.call("Start")
    assert client.read_all()[0] == b"100\n"


def test_read_only_bind_rootfs(shim, lower):
    shim.create(spec(["sh", "-c", "touch /x 2>&1 || echo no"]),
                rootfs=[{"type": "bind", "source": str(lower), "options": ["rbind", "ro"]}])
    client = shim.attach()
    shim.call("Start")
    assert client.read_all()[0].endswith(b"no\n")
    assert not (lower / "x").exists()


def test_layers_with_mapped_owners(shim):
    """What containerd asks for when a pod has a user namespace: uidmap and gidmap are not overlayfs's own options."""
    mounts = shim.mounts()
    mounts[0]["options"] += ["uidmap=0:70000:65536", "gidmap=0:80000:65536"]
    shim.create(spec(["true"]), rootfs=mounts)
    status = (shim.rootfs / "bin/busybox").stat()
    assert (status.st_uid, status.st_gid) == (70000, 80000)
    assert not (shim.bundle / "layers").exists()
    shim.call("Start")
    shim.call("Wait")
    shim.call("Delete")
    for options, words in ((["uidmap=0:70000:65536"], "uids and gids together"),
                           (["uidmap=0:x:65536", "gidmap=0:80000:65536"], "is not a mapping of ids")):
        mounts = shim.mounts()
        mounts[0]["options"] += options
        with pytest.raises(CallError, match=words):
            shim.create(spec(["true"]), rootfs=mounts)
        assert not (shim.bundle / "layers").exists()
