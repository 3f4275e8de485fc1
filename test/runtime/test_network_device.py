# SPDX-License-Identifier: Apache-2.0
"""linux.netDevices: interfaces of the host that move into the container."""

import subprocess

import pytest


def ip(*words):
    subprocess.run(["ip", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def device():
    """A veth of ours; the kernel removes it with the namespace that it ends in."""
    name = "tarend0"
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "tarend1")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no veth here")
    yield name
    for leftover in (name, "tarend1"):
        subprocess.run(["ip", "link", "del", leftover], stderr=subprocess.DEVNULL)


def move(bundle, devices, script):
    bundle.config["linux"]["netDevices"] = devices
    return bundle.sh(script)


def test_device_moves_with_its_lasting_addresses(runtime, device):
    ip("addr", "add", "192.0.2.7/24", "dev", device)
    ip("addr", "add", "127.0.9.9/8", "dev", device, "scope", "host")
    ip("-6", "addr", "add", "2001:db8::7/64", "dev", device, "nodad")
    ip("link", "set", device, "mtu", "1400")
    result = runtime.run(move(runtime.bundle(), {device: {}}, f"ip addr show dev {device}; ip link show dev {device}"))
    assert result.code == 0, result
    assert "192.0.2.7/24" in result.out and "2001:db8::7/64" in result.out and "mtu 1400" in result.out
    assert "127.0.9.9" not in result.out  # of the host's scope: means nothing elsewhere
    assert "UP" in result.out.splitlines()[0]


def test_device_gets_another_name(runtime, device):
    result = runtime.run(move(runtime.bundle(), {device: {"name": "inside0"}}, "ip link show dev inside0"))
    assert result.code == 0 and "inside0" in result.out


@pytest.mark.parametrize("devices,message", [
    ({"tare-none": {}}, "linux.netDevices: tare-none: link not found"),
    ({"a/b": {}}, 'linux.netDevices: invalid network device name "a/b"'),
    ({"lo": {"name": "much-too-long-a-name"}}, 'invalid network device name "much-too-long-a-name"'),
])
def test_bad_devices(runtime, devices, message):
    assert runtime.run(move(runtime.bundle(), devices, "true")).code == 1
    assert message in runtime.last_error()["msg"]
    assert runtime.left() == []


def test_devices_need_a_namespace(runtime):
    bundle = move(runtime.bundle(), {"lo": {}}, "true").drop_namespace("network")
    assert runtime.run(bundle).code == 1
    assert "without a network namespace" in runtime.last_error()["msg"]
