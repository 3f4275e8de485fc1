# SPDX-License-Identifier: Apache-2.0
"""Hooks: each kind at its moment, in its namespaces, with the state on standard input."""

import json
import os

import pytest


def hook(path, script, **more):
    return {"path": "/bin/sh", "args": ["sh", "-c", script.replace("@", str(path))], **more}


def test_order_and_places(runtime):
    log = runtime.directory / "order"
    bundle = runtime.bundle().sh("echo program >> /tmp/order")
    where = "echo {} $(readlink /proc/self/ns/mnt) >> @"
    bundle.config["hooks"] = {
        kind: [hook(log, where.format(kind), env=["PATH=/bin:/usr/bin"])]
        for kind in ("prestart", "createRuntime", "createContainer", "poststart", "poststop")}
    bundle.config["hooks"]["startContainer"] = [hook("/tmp/inside", "echo startContainer > @; cat >> @",
                                                     env=["PATH=/bin"])]
    name = runtime.create(bundle)
    words = [line.split() for line in log.read_text().splitlines()]
    assert [w[0] for w in words] == ["prestart", "createRuntime", "createContainer"]
    ours = os.readlink("/proc/self/ns/mnt")
    assert words[0][1] == words[1][1] == ours != words[2][1]
    assert not (bundle.rootfs / "tmp/inside").exists()
    runtime.ok("start", name)
    runtime.wait_status(name, "stopped")
    assert log.read_text().splitlines()[3].split()[0] == "poststart"
    inside = (bundle.rootfs / "tmp/inside").read_text().split("\n", 1)
    assert inside[0] == "startContainer" and json.loads(inside[1])["status"] == "created"
    runtime.ok("delete", name)
    assert log.read_text().splitlines()[4].split()[0] == "poststop"


def test_state_on_standard_input(runtime):
    path = runtime.directory / "seen"
    bundle = runtime.bundle().args("/bin/sleep", "100")
    bundle.config["annotations"] = {"a": "b"}
    bundle.config["hooks"] = {"createRuntime": [hook(path, "/bin/cat > @")]}
    name = runtime.create(bundle)
    seen = json.loads(path.read_text())
    assert seen["id"] == name and seen["bundle"] == str(bundle.path) and seen["annotations"] == {"a": "b"}
    assert seen["status"] == "created" and seen["pid"] == runtime.state(name)["pid"]


def test_environment_is_only_the_hooks_own(runtime):
    path = runtime.directory / "env"
    bundle = runtime.bundle()
    bundle.config["hooks"] = {"createRuntime": [hook(path, "/usr/bin/env > @", env=["A=b"])]}
    runtime.create(bundle)
    names = {line.split("=")[0] for line in path.read_text().splitlines()}
    assert "A" in names and not names & {"HOME", "PATH", "LD_PRELOAD"} - {"A", "PWD", "_", "SHLVL", "OLDPWD"}


def test_hooks_see_the_mounts_at_the_rootfs_path(runtime):
    bundle = runtime.bundle().mount("/extra", "tmpfs", "tmpfs").args("/bin/ls", "/extra")
    bundle.config["hooks"] = {"createContainer": [hook(bundle.rootfs / "extra/made", "/usr/bin/touch @")]}
    assert runtime.run(bundle).out == "made\n"
    assert not (bundle.rootfs / "extra/made").exists()


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_failing_hook_ends_create_and_leaves_nothing(runtime, kind):
    bundle = runtime.bundle()
    bundle.config["hooks"] = {kind: [hook("", "echo reason >&2; exit 3")]}
    bundle.write()
    assert runtime("create", "-b", bundle.path, runtime.new_id()).code == 1
    assert runtime.last_error()["msg"] == f"error running {kind} hook #0: /bin/sh: exit status 3: reason"
    assert runtime.left() == []


def test_failing_start_hook(runtime):
    bundle = runtime.bundle()
    bundle.config["hooks"] = {"startContainer": [hook("", "exit 4")]}
    name = runtime.create(bundle)
    assert runtime("start", name).code == 1
    assert "error running startContainer hook #0" in runtime.last_error()["msg"]


def test_hook_timeout(runtime):
    bundle = runtime.bundle()
    # exec: only the hook itself is killed, as in runc; a child of its shell would stay behind
    bundle.config["hooks"] = {"createRuntime": [hook("", "exec /bin/sleep 100", timeout=1)]}
    assert runtime.run(bundle).code == 1
    assert "hook #0" in runtime.last_error()["msg"]


def test_missing_hook(runtime):
    bundle = runtime.bundle()
    bundle.config["hooks"] = {"createRuntime": [{"path": "/does/not/exist"}]}
    assert runtime.run(bundle).code == 1
    assert "/does/not/exist" in runtime.last_error()["msg"]
    bundle.config["hooks"] = {"createRuntime": [{"path": "relative"}]}
    assert runtime.run(bundle).code == 1
    assert "absolute path" in runtime.last_error()["msg"]


def test_directories(runtime):
    """prestart and createRuntime begin in the bundle, createContainer in the rootfs with its mounts, as in runc."""
    bundle = runtime.bundle().mount("/extra", "tmpfs", "tmpfs").args("/bin/ls", "/extra")
    bundle.config["hooks"] = {kind: [hook(runtime.directory / kind, "echo $PWD > @")]
                              for kind in ("prestart", "createRuntime")}
    bundle.config["hooks"]["createContainer"] = [hook("", "/usr/bin/touch ./extra/made")]
    assert runtime.run(bundle).out == "made\n"
    assert not (bundle.rootfs / "extra/made").exists()
    for kind in ("prestart", "createRuntime"):
        assert (runtime.directory / kind).read_text().strip() == str(bundle.path)


def test_output_by_annotation(runtime):
    """crun's run.oci.hooks.stdout and .stderr: every kind of hook appends to files of the host."""
    kinds = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    bundle = runtime.bundle()
    out, err = runtime.directory / "out", runtime.directory / "err"
    out.write_text("before\n")
    bundle.config["annotations"] = {"run.oci.hooks.stdout": str(out), "run.oci.hooks.stderr": str(err)}
    bundle.config["hooks"] = {kind: [hook("", f"echo {kind}; echo {kind} fails >&2")] for kind in kinds}
    name = runtime.start(bundle)
    runtime.wait_status(name, "stopped")
    runtime.ok("delete", name)
    assert out.read_text().split() == ["before", *kinds]
    assert err.read_text().splitlines() == [f"{kind} fails" for kind in kinds]


def test_output_that_cannot_be_opened(runtime):
    bundle = runtime.bundle()
    bundle.config["annotations"] = {"run.oci.hooks.stderr": "/nowhere/err"}
    bundle.config["hooks"] = {"createContainer": [hook("", "true")]}
    assert runtime.run(bundle).code == 1
    assert runtime.last_error()["msg"].startswith("annotation run.oci.hooks.stderr: cannot open '/nowhere/err'")


def test_output_file_is_not_left_open_in_the_program(runtime):
    bundle = runtime.bundle().args("/bin/ls", "-l", "/proc/self/fd")
    bundle.config["annotations"] = {"run.oci.hooks.stdout": str(runtime.directory / "out")}
    bundle.config["hooks"] = {"startContainer": [hook("", "echo")]}
    assert str(runtime.directory) not in runtime.run(bundle).out
