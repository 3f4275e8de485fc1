# SPDX-License-Identifier: Apache-2.0
"""--storage-opt size: what a container may write, by the file system's quotas or btrfs'."""

import contextlib
import subprocess

import pytest

import disk
from harness import Engine

KINDS = {"ext4": ("overlay", "prjquota"), "xfs": ("overlay", "prjquota"), "xfs-native": ("native", "prjquota"), "btrfs": ("btrfs", "")}


@pytest.fixture(params=KINDS)
def engine(request, temporary, bin_dir):
    driver, options = KINDS[request.param]
    kind = request.param.partition("-")[0]
    with contextlib.ExitStack() as stack:
        try:
            point = stack.enter_context(disk.disk(temporary / f"q-{request.param}", kind, options=options, quota=True))
        except subprocess.CalledProcessError:
            pytest.skip(f"this kernel has no project quotas on {kind}")
        engine = Engine(bin_dir, point / "e", {"storage-driver": driver}).start()
        yield engine
        engine.close()


def test_a_container_writes_no_more_than_its_size(engine, registry):
    name = registry.reference("busybox")
    write = "dd if=/dev/zero of=/big bs=1M count=40 2>&1; sync; ls -l /big"
    output = engine.output("run", "--storage-opt", "size=20M", "--name", "small", name, "sh", "-c", write)
    assert "No space left" in output or "Disk quota exceeded" in output, output
    assert "38+0" not in output
    # others are as free as before, and so is who comes after it
    assert "41943040" in engine.output("run", "--rm", name, "sh", "-c", write)
    assert engine.output("inspect", "--format", "{{.HostConfig.StorageOpt.size}}", "small") == "20M"
    engine.tare("rm", "small")
    assert "41943040" in engine.output("run", "--rm", "--storage-opt", "size=80M", name, "sh", "-c", write)


def test_a_disk_without_quotas_says_so(new_engine, registry):
    engine = new_engine().start()
    name = registry.reference("busybox")
    engine.tare("pull", name)
    engine.fails(125, "storage-opt size: .*(project quotas|no such)", "run", "--rm", "--storage-opt", "size=1G", name, "true")
    engine.fails(125, "unknown option for --storage-opt: colour", "run", "--rm", "--storage-opt", "colour=red", name, "true")
    engine.fails(125, "storage-opt size", "run", "--rm", "--storage-opt", "size=many", name, "true")
    assert engine.output("ps", "-aq") == ""
