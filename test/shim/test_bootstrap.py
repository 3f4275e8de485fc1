# SPDX-License-Identifier: Apache-2.0
"""The ways in which containerd's generations call `start`."""

import json
import os
import pathlib

import pytest

from shim.shimclient import MESSAGES
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
