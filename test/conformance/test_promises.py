# SPDX-License-Identifier: Apache-2.0
"""Promises that the suites of others check, and no other suite of ours."""

import json

import pytest


def test_the_configuration_is_read_once(runtime):
    bundle = runtime.bundle().sh("hostname >/tmp/name")
    bundle.config["hostname"] = "first"
    name = runtime.create(bundle)
    bundle.config["hostname"] = "second"
    bundle.args("/bin/false").write()
    runtime.ok("start", name)
    runtime.wait_status(name, "stopped")
    assert (bundle.rootfs / "tmp/name").read_text() == "first\n"


def test_nothing_of_the_program_runs_before_start(runtime):
    bundle = runtime.bundle().sh("echo ran >/tmp/ran")
    name = runtime.create(bundle)
    assert not (bundle.rootfs / "tmp/ran").exists() and runtime.state(name)["status"] == "created"
    runtime.ok("start", name)
    runtime.wait_status(name, "stopped")
    assert (bundle.rootfs / "tmp/ran").read_text() == "ran\n"


def test_start_of_a_stopped_container_changes_nothing(runtime):
    bundle = runtime.bundle().sh("echo ran >>/tmp/ran")
    name = runtime.start(bundle)
    runtime.wait_status(name, "stopped")
    assert runtime("start", name).code != 0
    assert (bundle.rootfs / "tmp/ran").read_text() == "ran\n" and runtime.state(name)["status"] == "stopped"


def test_delete_of_a_running_container_changes_nothing(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime("delete", name).code != 0 and runtime.state(name)["status"] == "running"


@pytest.mark.parametrize("command", ["state", "start", "kill", "delete"])
def test_a_container_must_be_named_and_be_there(runtime, command):
    assert runtime(command).code != 0
    result = runtime(command, "nobody", *(["KILL"] if command == "kill" else []))
    assert result.code != 0 and "does not exist" in runtime.last_error()["msg"]


def test_unknown_properties_and_annotations_do_not_matter(runtime):
    bundle = runtime.bundle().args("/bin/true")
    bundle.config.update(unknown={"a": [1]}, annotations={"org.example.unknown": ""})
    bundle.config["process"]["unknown"] = True
    result = runtime.run(bundle)
    assert result.code == 0, result


@pytest.mark.parametrize("version", ["invalid", "2.0.0", ""])
def test_a_version_that_we_do_not_speak_is_refused(runtime, version):
    bundle = runtime.bundle()
    bundle.config["ociVersion"] = version
    assert runtime.run(bundle).code != 0 and "ociVersion" in runtime.last_error()["msg"]


def test_hooks_read_the_state_of_their_moment(runtime):
    bundle = runtime.bundle().args("/bin/true")
    kinds = ("prestart", "createRuntime", "poststart", "poststop")
    seen = {kind: runtime.directory / kind for kind in kinds}
    bundle.config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", f"cat >{path}"]}]
                              for kind, path in seen.items()}
    name = runtime.start(bundle)
    runtime.wait_status(name, "stopped")
    runtime.ok("delete", name)
    states = {kind: json.loads(path.read_text()) for kind, path in seen.items()}
    assert {kind: state["status"] for kind, state in states.items() if kind != "poststart"} == {
        "prestart": "created", "createRuntime": "created", "poststop": "stopped"}
    for kind, state in states.items():
        assert state["id"] == name and state["bundle"] == str(bundle.path), kind
        assert state["ociVersion"].startswith("1.")


@pytest.mark.parametrize("kind", ["poststart", "poststop"])
def test_a_late_hook_that_fails_leaves_no_container(runtime, kind):
    """The command may say so, as the reference runtime's does. After a failed poststart hook there is no container at
    all (runtime-spec 1.3, lifecycle); a failed poststop hook is only worth a warning."""
    bundle = runtime.bundle().args("/bin/true")
    bundle.config["hooks"] = {kind: [{"path": "/bin/false", "args": ["false"]}]}
    name = runtime.create(bundle)
    runtime("start", name)
    if kind == "poststop":
        runtime.wait_status(name, "stopped")
        runtime("delete", name)
    assert "does not exist" in runtime("state", name).err and not runtime.left()


def test_mounts_lie_in_the_order_of_the_list(runtime):
    bundle = runtime.bundle().sh("cat /a/b/mark; cat /a/mark")
    for place in ("one", "two"):
        (runtime.directory / place).mkdir()
        (runtime.directory / place / "mark").write_text(place + "\n")
    bundle.mount("/a", "bind", str(runtime.directory / "one"), ["bind"])
    bundle.mount("/a/b", "tmpfs", "tmpfs")
    bundle.mount("/a/b", "bind", str(runtime.directory / "two"), ["bind"])
    assert runtime.run(bundle).out == "two\none\n"
    bundle.mount("/a", "bind", str(runtime.directory / "two"), ["bind"])
    assert runtime.run(bundle).out == "two\n", "the last one covers all below"


def test_a_masked_program_is_denied(runtime):
    bundle = runtime.bundle().sh("cat /etc/passwd; ls /proc/acpi | wc -l")
    bundle.config["linux"]["maskedPaths"] = ["/etc/passwd"]
    assert "root" not in runtime.run(bundle).out


def test_groups_of_the_image_do_not_come_along_by_themselves(runtime):
    """Engines decide about supplementary groups; the runtime sets exactly what it is told."""
    bundle = runtime.bundle().args("/bin/id", "-G")
    (bundle.rootfs / "etc/group").write_text("root:x:0:\nuser:x:1000:\nmore:x:50000:user\n")
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [1234]}
    assert runtime.run(bundle).out.split() == ["1000", "1234"]


def test_stopping_asks_the_program_and_killing_does_not(runtime):
    bundle = runtime.bundle().sh("trap 'echo asked >/tmp/asked; exit' TERM; touch /tmp/ready; while :; do sleep 0.05; done")
    name = runtime.start(bundle)
    end = 200
    while not (bundle.rootfs / "tmp/ready").exists() and end:
        end -= 1
        runtime.state(name)
    runtime.ok("kill", name, "TERM")
    runtime.wait_status(name, "stopped")
    assert (bundle.rootfs / "tmp/asked").exists()
