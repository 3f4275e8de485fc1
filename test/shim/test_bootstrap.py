# SPDX-License-Identifier: Apache-2.0
"""The ways in which containerd's generations call `start`."""

import json
import os
import pathlib
import subprocess

import pytest

from shim.shimclient import MESSAGES, CallError, spec
from shim.test_group import Pod, pod, shut_down  # noqa: F401

PACKAGE = "containerd.runtime.bootstrap.v1."


def params(identity, **more):
    return MESSAGES.type(PACKAGE + "BootstrapParams")(instance_id=identity, namespace="test", **more)


def environment_of(pid):
    return dict(word.split("=", 1) for word in pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in word)


def words_of(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def start(member, message):
    result = member.run("start", input=message.SerializeToString())
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_protobuf_is_answered_in_protobuf(pod):  # noqa: F811
    one, directory = pod.member("one"), pod.directory / "sockets"
    asked = params("one", log_level=-8, containerd_ttrpc_address="/c.ttrpc", containerd_grpc_address="/c.sock",
                   containerd_binary="/bin/containerd", socket_dir=str(directory))
    result = MESSAGES.type(PACKAGE + "BootstrapResult").FromString(start(one, asked))
    assert (result.version, result.protocol) == (3, "ttrpc") and result.address.startswith(f"unix://{directory}/")
    one.join(result.address)
    assert environment_of(one.pid)["TTRPC_ADDRESS"] == "/c.ttrpc"
    words = words_of(one.pid)
    assert words[words.index("-address") + 1] == "/c.sock" and "-debug" in words
    assert words[words.index("-publish-binary") + 1] == "/bin/containerd"
    assert one.bundle.joinpath("address").read_text() == result.address
    shut_down(one)
    assert os.listdir(directory) == []
    (pod.state / "s").mkdir(parents=True)


def test_params_of_another_are_not_ours(pod):  # noqa: F811
    """An older containerd's options may look like them."""
    one = pod.member("one")
    answer = start(one, params("another", socket_dir="/nowhere"))
    assert answer.startswith(b"unix://") and pod.state in one.join(answer.decode()).socket.parents
    shut_down(one)


def test_json_for_those_who_ask(pod):  # noqa: F811
    one = pod.member("one")
    one.environment["MAX_SHIM_VERSION"] = "3"
    answer = json.loads(one.run("start").stdout)
    assert (answer["version"], answer["protocol"]) == (3, "ttrpc")
    shut_down(one.join(answer["address"]))
    one.environment["MAX_SHIM_VERSION"] = "2"
    shut_down(one.start())


@pytest.mark.parametrize("form", ["any", "extension"])
def test_a_cgroup_for_the_shim(pod, form):  # noqa: F811
    mounts = [line.split(" - ") for line in open("/proc/self/mountinfo")]
    points = [first.split()[4] for first, second in mounts if second.startswith("cgroup")]
    point = next(path for path in points if os.access(path, os.W_OK))
    directory = pathlib.Path(point) / f"tare-shim-{os.getpid()}"
    directory.mkdir()
    one = pod.member("one")
    options = MESSAGES.type("containerd.runc.v1.Options")(shim_cgroup=f"/{directory.name}")
    packed = {"type_url": "containerd.runc.v1.Options", "value": options.SerializeToString()}
    try:
        if form == "any":
            one.join(start(one, MESSAGES.type("google.protobuf.Any")(**packed)).decode())
        else:
            answer = start(one, params("one", extensions=[{"value": packed}]))
            one.join(MESSAGES.type(PACKAGE + "BootstrapResult").FromString(answer).address)
        assert directory.joinpath("cgroup.procs").read_text() == f"{one.pid}\n"
        shut_down(one)
        options.shim_cgroup = "/no-such-cgroup"
        packed["value"] = options.SerializeToString()
        result = one.run("start", input=MESSAGES.type("google.protobuf.Any")(**packed).SerializeToString())
        assert result.returncode == 1 and b"no cgroup '/no-such-cgroup'" in result.stderr
    finally:
        directory.rmdir()


def test_when_memory_is_short_the_shim_goes_first(pod):  # noqa: F811
    one = pod.member("one").start()
    own = int(pathlib.Path("/proc/self/oom_score_adj").read_text())
    assert int(pathlib.Path(f"/proc/{one.pid}/oom_score_adj").read_text()) == min(own + 1, 1000)
    shut_down(one)


def generic(**fields):
    value = MESSAGES.type("runtimeoptions.v1.Options")(**fields).SerializeToString()
    return {"type_url": "runtimeoptions.v1.Options", "value": value}


def test_options_in_containerds_configuration(shim):
    """What containerd gives to shims of other names than its own."""
    root = shim.directory / "elsewhere"
    text = f"BinaryName = '{shim.runtime}'\nRoot = \"{root}\"\nSystemdCgroup = false\n"
    path = shim.directory / "options.toml"
    path.write_text(text)
    for options in (generic(config_body=text.encode()), generic(config_path=str(path))):
        shim.create(spec(["sleep", "1000"]), options=options)
        assert [entry.name for entry in (root / "test").iterdir() if entry.is_dir()] == ["c1"]
        shim.call("Kill", signal=9)
        shim.call("Wait")
        shim.call("Delete")
    path.write_text("BinaryName: yes\n")
    for options, words in ((generic(config_path=str(path)), f"'{path}': the runtime's options: line 1: expected '='"),
                           (generic(config_body=b"BinaryName = '/no/such'"), "'/no/such'")):
        with pytest.raises(CallError, match=words):
            shim.create(spec(["true"]), options=options)


def test_info_tells_the_features_of_the_runtime(shim, runtime):
    def info(options):
        text = subprocess.check_output([shim.program, "-info"], input=options)
        return MESSAGES.type("containerd.types.RuntimeInfo").FromString(text)
    options = MESSAGES.type("google.protobuf.Any")(**generic(config_body=f"BinaryName = '{runtime}'".encode()))
    for told in (info(b""), info(options.SerializeToString())):
        assert told.features.type_url.endswith("/runtime-spec/1/features/Features")
        assert "createRuntime" in json.loads(told.features.value)["hooks"]
    assert told.options == options


def test_an_ended_process_is_listed_until_it_is_deleted(shim):
    """Else containerd, when it comes back, deletes the task and forgets its exit status."""
    pid = shim.create(spec(["true"]))
    shim.call("Start")
    shim.call("Wait")
    assert [process.pid for process in shim.call("Pids").processes] == [pid]
