# SPDX-License-Identifier: Apache-2.0
"""Options of containerd's own shim, in both forms in which its clients send them."""

import os
import pathlib

import pytest

from shim.shimclient import MESSAGES, CallError, spec


def as_message(shim, **fields):
    fields = {"binary_name": str(shim.runtime), "root": str(shim.directory / "runtime"), **fields}
    value = MESSAGES.type("containerd.runc.v1.Options")(**fields).SerializeToString()
    return {"type_url": "containerd.runc.v1.Options", "value": value}


def as_toml(shim, **fields):
    fields = {"binary_name": str(shim.runtime), "root": str(shim.directory / "runtime"), **fields}
    words = [f"{name.title().replace('_', '')} = {repr(value)}" for name, value in fields.items()]
    value = MESSAGES.type("runtimeoptions.v1.Options")(config_body="\n".join(words).encode()).SerializeToString()
    return {"type_url": "runtimeoptions.v1.Options", "value": value}


FORMS = pytest.mark.parametrize("form", [as_message, as_toml])


@FORMS
def test_pipes_belong_to_whom_the_options_name(shim, form):
    """A program that is not root opens /dev/stdout again, through /proc/self/fd."""
    config = spec(["sh", "-c", "sleep 1000 & wait"])
    config["process"]["user"] = {"uid": 1234, "gid": 0}
    pid = shim.create(config, form(shim, io_uid=1234, io_gid=4321))
    shim.call("Start")
    shim.exec("e1", ["sleep", "1000"], user={"uid": 1234, "gid": 0})
    for process in (pid, shim.call("Start", exec_id="e1").pid):
        for number in (1, 2):
            status = os.stat(f"/proc/{process}/fd/{number}")
            assert (status.st_uid, status.st_gid) == (1234, 4321)


def test_pipes_are_roots_where_nobody_is_named(shim):
    pid = shim.create(spec(["sleep", "1000"]), as_message(shim))
    assert os.stat(f"/proc/{pid}/fd/1").st_uid == 0


@FORMS
def test_criu_logs_where_the_options_say(new_shim, tmp_path, runtime, form):
    """The runtime is told; one that writes down how it was called is enough to see it."""
    program, heard = tmp_path / "listener", tmp_path / "heard"
    program.write_text(f'#!/bin/sh\ncase "$*" in *checkpoint*) echo "$@" >>{heard}; exit;; esac\nexec {runtime} "$@"\n')
    program.chmod(0o755)
    shim = new_shim()
    shim.create(spec(["sleep", "1000"]), form(shim, binary_name=str(program), criu_work_path="/work"))
    shim.call("Start")
    shim.call("Checkpoint", path="/images")
    own = MESSAGES.type("containerd.runc.v1.CheckpointOptions")(work_path="/own").SerializeToString()
    shim.call("Checkpoint", path="/images", options={"type_url": "containerd.runc.v1.CheckpointOptions", "value": own})
    first, second = heard.read_text().splitlines()
    assert "--image-path /images --work-path /work" in first and "--work-path /own" in second


@FORMS
def test_what_cannot_be_obeyed_is_refused(shim, form):
    with pytest.raises(CallError, match="'work' is not an absolute path"):
        shim.create(spec(["true"]), form(shim, criu_work_path="work"))
    with pytest.raises(CallError, match="'/no/such/runtime'"):
        shim.create(spec(["true"]), form(shim, binary_name="/no/such/runtime"))


def test_an_owner_that_no_kernel_has_is_refused(shim):
    with pytest.raises(CallError, match="IoUid and IoGid are too large"):
        shim.create(spec(["true"]), as_toml(shim, io_uid=1 << 32))


def test_a_units_cgroup_is_systemds_to_make(new_shim, tmp_path):
    """Nobody else knows what such a path is; kubelets whose driver is systemd give it, whatever the options say."""
    program, heard, booted = tmp_path / "listener", tmp_path / "heard", pathlib.Path("/run/systemd/system")
    program.write_text(f'#!/bin/sh\ncase "$*" in *" create "*) echo "$@" >{heard}; exit 1;; esac\n')
    program.chmod(0o755)
    shim = new_shim()

    def told(path, options=as_message):
        with pytest.raises(CallError):
            shim.create(spec(["true"], linux={"cgroupsPath": path}), options(shim, binary_name=str(program)))
        return "--systemd-cgroup" in heard.read_text().split()

    made = not booted.exists()
    if made:
        assert not told("a-b.slice:cri:c1"), "systemd is not there"
        booted.mkdir(parents=True)
    try:
        assert told("a-b.slice:cri:c1") and told("a-b.slice:cri:c1", as_toml)
        assert not any(told(path) for path in ("/a-b.slice/c1", "/a/b", "a:b:c", ".slice:b:c", "a.slice:b"))
    finally:
        if made:
            booted.rmdir()
            booted.parent.rmdir()
