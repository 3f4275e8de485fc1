# SPDX-License-Identifier: Apache-2.0
"""--storage-opt size: what a container may write, by the file system's quotas or btrfs'."""

import contextlib
import json
import shutil
import subprocess

import pytest

import disk
import images
from harness import Engine

KINDS = {
    "ext4": ("overlay", "prjquota"), "ext4-native": ("native", "prjquota"), "ext4-erofs": ("erofs", "prjquota"),
    "xfs": ("overlay", "prjquota"), "xfs-native": ("native", "prjquota"), "btrfs": ("btrfs", ""),
}


@pytest.fixture(scope="module")
def archive(temporary):
    layout = images.Layout(temporary / "quota-layout")
    layout.image("busybox:latest", [images.busybox_tar()], {"Cmd": ["sh"]})
    return layout.archive(temporary / "quota.tar")


@pytest.fixture(scope="module", params=KINDS)
def engine(request, temporary, bin_dir, archive):
    driver, options = KINDS[request.param]
    kind = request.param.partition("-")[0]
    if driver == "erofs" and not (disk.known("erofs") and shutil.which("mkfs.erofs")):
        pytest.skip("no EROFS here: the kernel's or erofs-utils'")
    with contextlib.ExitStack() as stack:
        try:
            point = stack.enter_context(disk.disk(temporary / f"q-{request.param}", kind, options=options, feature="quota"))
        except subprocess.CalledProcessError:
            pytest.skip(f"this kernel has no project quotas on {kind}")
        engine = Engine(bin_dir, point / "e", {"storage-driver": driver}).start()
        engine.kind = request.param
        engine.tare("load", "-i", archive)
        yield engine
        engine.close()


def test_a_container_writes_no_more_than_its_size(engine):
    write = "dd if=/dev/zero of=/big bs=1M count=40 2>&1; sync; ls -l /big"
    # ext4 lets whoever has CAP_SYS_RESOURCE past its quotas; overlayfs writes without it
    rights = [] if engine.kind == "ext4-native" else ["--privileged"]
    output = engine.output("run", *rights, "--storage-opt", "size=20M", "--name", "small", "busybox", "sh", "-c", write)
    assert "No space left" in output or "Disk quota exceeded" in output, output
    assert "38+0" not in output
    # others are as free as before, and so is who comes after it
    assert "41943040" in engine.output("run", "--rm", "busybox", "sh", "-c", write)
    assert engine.output("inspect", "--format", "{{.HostConfig.StorageOpt.size}}", "small") == "20M"
    engine.tare("rm", "small")
    assert "41943040" in engine.output("run", "--rm", "--storage-opt", "size=80M", "busybox", "sh", "-c", write)


def test_engines_on_one_disk_do_not_share_a_limit(engine, archive, bin_dir):
    """Both count their snapshots from one."""
    write = "dd if=/dev/zero of=/big bs=1M count=24 2>/dev/null; sync; stat -c %s /big"
    driver = json.loads(engine.config.read_text())["storage-driver"]
    with contextlib.closing(Engine(bin_dir, engine.directory.parent / "o", {"storage-driver": driver}).start()) as other:
        other.tare("load", "-i", archive)
        for each in (engine, other):
            assert each.output("run", "--storage-opt", "size=40M", "--name", "mine", "busybox", "sh", "-c", write) == str(24 << 20)


def test_a_volume_takes_no_more_than_its_size(engine):
    """Also what an image brings counts; another volume is as free as before, and so is who comes after it."""
    write = "dd if=/dev/zero of=/v/big bs=1M count=40 2>&1; sync; stat -c %s /v/big"
    engine.tare("volume", "create", "--opt", "size=20M", "bounded")
    output = engine.output("run", "--rm", "-v", "bounded:/v", "busybox", "sh", "-c", write)
    assert ("No space left" in output or "Disk quota exceeded" in output) and int(output.split()[-1]) <= 20 << 20, output
    assert engine.output("run", "--rm", "-v", "free:/v", "busybox", "sh", "-c", write).endswith("41943040")
    engine.tare("volume", "rm", "bounded", "free")
    engine.tare("volume", "create", "--opt", "size=80M", "bounded")
    # filled within its project, where names move from the stage
    assert "busybox" in engine.output("run", "--rm", "-v", "bounded:/bin", "busybox", "ls", "/bin")
    assert engine.output("run", "--rm", "-v", "bounded:/v", "busybox", "sh", "-c", write).endswith("41943040")
    engine.tare("volume", "rm", "bounded")


def test_a_disk_without_quotas_says_so(new_engine, archive):
    engine = new_engine().start()
    engine.tare("load", "-i", archive)
    engine.fails(125, "storage-opt size: .*(project quotas|no such)", "run", "--rm", "--storage-opt", "size=1G", "busybox", "true")
    engine.fails(1, "create bad: .*project quotas", "volume", "create", "--opt", "size=1G", "bad")
    assert engine.output("volume", "ls", "-q") == ""
    engine.fails(125, "unknown option for --storage-opt: colour", "run", "--rm", "--storage-opt", "colour=red", "busybox", "true")
    engine.fails(125, "storage-opt size", "run", "--rm", "--storage-opt", "size=many", "busybox", "true")
    assert engine.output("ps", "-aq") == ""
