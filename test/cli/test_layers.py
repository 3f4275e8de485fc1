# SPDX-License-Identifier: Apache-2.0
"""Where a container's files are: the image's layers below, one writable layer on top, and a mount while it runs."""

import hashlib
import json
import os
import pathlib
import re
import stat
import subprocess

import pytest

import images
from harness import wait_until

def graph(engine, name):
    return json.loads(engine.output("inspect", "-f", "{{json .GraphDriver.Data}}", name))


def sums(directory):
    files = sorted(path for path in pathlib.Path(directory).rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def layered_image(engine, registry, temporary):
    """Three layers: the second changes one file of the first, the third deletes one and makes a directory anew."""
    layout = images.Layout(temporary / "layered")
    layers = [
        images.busybox_tar(),
        images.tar_bytes([("data/low", "low"), ("data/both", "from below"), ("data/gone", "x"), ("old/inside", "x"), ("large", "l" * 3_000_000)]),
        images.tar_bytes([("data/both", "from above"), ("data/.wh.gone", ""), ("old/.wh..wh..opq", ""), ("old/new", "y")]),
    ]
    layout.image("layered", layers, images.BUSYBOX_CONFIG)
    name = registry.push(layout, "layered", "layered:1")
    engine.tare("pull", "-q", name)
    return name


def test_the_writable_layer_is_all_that_changes(engine, layered_image):
    name = engine.output("run", "-d", layered_image, "sh", "-c", "sleep 1000")
    try:
        data = graph(engine, name)
        lower, upper, merged = data["LowerDir"].split(":"), pathlib.Path(data["UpperDir"]), pathlib.Path(data["MergedDir"])
        assert len(lower) == 3 and all(path.startswith(str(engine.root)) for path in [*lower, data["UpperDir"], data["WorkDir"]])
        before = [sums(path) for path in lower]
        mount = next(line for line in open("/proc/mounts") if line.split()[1] == str(merged))
        options = mount.split()[3]
        assert mount.startswith("overlay ") and f"upperdir={upper}," in options and f"lowerdir={data['LowerDir']}," in options

        # looked for from the top down; what an upper layer hides or deletes is not seen
        assert engine.output("exec", name, "cat", "/data/low", "/data/both", "/old/new") == "lowfrom abovey"
        assert engine.tare("exec", name, "ls", "/data/gone", "/old/inside", code=1).stdout == ""

        # the whole file is copied by the first write, and written in place from then on
        assert not (upper / "large").exists()
        engine.tare("exec", name, "sh", "-c", "echo more >> /large")
        inode = (upper / "large").stat().st_ino
        assert (upper / "large").stat().st_size == 3_000_005
        engine.tare("exec", name, "sh", "-c", "echo more >> /large; echo plain > /mine")
        assert (upper / "large").stat().st_ino == inode and (upper / "mine").read_text() == "plain\n"

        # deleted: a whiteout; made again: seen again; a directory made again is opaque
        engine.tare("exec", name, "sh", "-c", "rm /data/low; rm -r /old; mkdir /old")
        gone = (upper / "data/low").lstat()
        assert stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0 and (merged / "old").is_dir() and not list((merged / "old").iterdir())
        assert os.getxattr(upper / "old", "trusted.overlay.opaque") == b"y"
        engine.tare("exec", name, "sh", "-c", "echo again > /data/low")
        assert engine.output("exec", name, "cat", "/data/low") == "again" and (upper / "data/low").read_text() == "again\n"
        assert [sums(path) for path in lower] == before

        # mounted only while it runs; what it wrote stays, and is another container's no more than the image's
        engine.tare("stop", "-t", "0", name)
        wait_until(lambda: str(merged) not in pathlib.Path("/proc/mounts").read_text(), 60, "the tree to be unmounted")
        assert not merged.exists() or not list(merged.iterdir())
        assert (upper / "mine").exists() and graph(engine, name)["UpperDir"] == str(upper)
        assert engine.output("run", "--rm", layered_image, "cat", "/data/low") == "low"
        assert engine.output("run", "--rm", layered_image, "uname", "-r") == os.uname().release
    finally:
        engine.tare("rm", "-f", name)
    wait_until(lambda: not upper.exists(), 60, "the writable layer to be removed")


def test_a_commit_adds_one_layer_that_never_shrinks_the_image(engine, layered_image):
    """Of a container that has ended, too, and without a name; history tells the command and no steps."""
    name = engine.output("run", "-d", layered_image, "sh", "-c", "rm /large; echo 12345 > /small")
    engine.tare("wait", name)
    image = engine.output("commit", "-m=no large file", name)
    try:
        size, parent = (int(engine.output("image", "inspect", "-f", "{{.Size}}", which)) for which in (image, layered_image))
        assert size == parent + 6
        count = [len(json.loads(engine.output("image", "inspect", "-f", "{{json .RootFS.Layers}}", which))) for which in (image, layered_image)]
        assert count[0] == count[1] + 1
        rows = engine.output("history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Size}}|{{.Comment}}", image).splitlines()
        assert rows[0] == "sh -c rm /large; echo 12345 > /small|6B|no large file"
        assert engine.output("images", "-f", "dangling=true", "--no-trunc", "-q") == image
        assert re.search(r"<none> +<none> ", engine.output("images"))
        assert engine.tare("run", "--rm", image, "ls", "/large", code=1).stdout == ""
        # a second image under one name leaves the first without
        for change in ("LABEL n=1", "LABEL n=2"):
            last = engine.output("commit", "-c", change, name, "twice:1")
        assert engine.output("images", "-q", "--no-trunc", "twice:1") == last
        assert len(engine.output("images", "-f", "dangling=true", "-q").splitlines()) == 2
    finally:
        engine.tare("rm", name)
        engine.tare("rmi", "twice:1")
        engine.tare("image", "prune", "-f")
    # what another image needs is kept
    assert engine.output("run", "--rm", layered_image, "cat", "/data/both") == "from above"


def test_names_of_docker_hub_and_a_tag_that_moves(new_engine, registry, layout, layered_image):
    """Short and full names are one image; a pull of a moved tag leaves the old image without a name, and fetches
    only layers that are not here."""
    engine = new_engine({"registry-mirrors": [f"http://{registry.address}"]}).start()
    registry.push(layout, "busybox", "library/tomcat:8")
    for name in ("tomcat:8", "docker.io/library/tomcat:8", "docker.io/tomcat:8", "index.docker.io/library/tomcat:8"):
        assert engine.output("pull", name).splitlines()[-1] == "docker.io/library/tomcat:8"
    (line,) = engine.output("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
    name, old = line.split()
    assert name == "tomcat:8"
    copy = ["skopeo", "copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"]
    subprocess.run([*copy, f"docker://{layered_image}", f"docker://{registry.address}/library/tomcat:8"], check=True, timeout=60)
    lines = engine.output("pull", "tomcat:8").splitlines()
    assert [line.split(": ")[1] for line in lines if re.match("[0-9a-f]{12}: (Already|Pull c)", line)].count("Already exists") == 1
    assert engine.output("images", "-f", "dangling=true", "-q") == old
    assert engine.output("images", "tomcat:8", "-q") != old
