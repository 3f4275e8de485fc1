# SPDX-License-Identifier: Apache-2.0
"""The low-level nouns: content, snapshot, lease, namespace, task and event, through containerd's services."""

import base64
import datetime
import io
import json
import re
import subprocess
import tarfile

from harness import wait_until


def test_content(engine):
    digest = engine.tare("content", "ingest", "-n", "cli", "reference", input="hello\n").stdout.strip()
    assert digest == "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    assert engine.output("content", "ls", "-q", "-n", "cli") == digest
    assert engine.tare("content", "get", "-n", "cli", digest).stdout == "hello\n"
    engine.tare("content", "label", "-n", "cli", digest, "key=value")
    assert engine.output("content", "ls", "-q", "-n", "cli", "-f", "labels.key==value") == digest
    engine.tare("content", "label", "-n", "cli", digest, "key")
    assert engine.output("content", "ls", "-q", "-n", "cli", "-f", "labels.key==value") == ""
    assert "not found" in engine.tare("content", "get", "-n", "other", digest, code=1).stderr
    engine.tare("content", "rm", "-n", "cli", digest)
    wrong = engine.tare("content", "ingest", "-n", "cli", "--expected-digest", digest, "r", input="other", code=1)
    assert "unexpected commit digest" in wrong.stderr
    assert engine.output("content", "active", "-n", "cli").splitlines()[1].startswith("r ")
    engine.tare("namespace", "rm", "cli")


def test_an_images_content_is_fetched_and_not_unpacked(engine, registry):
    image = registry.reference("configured:latest")
    done = engine.output("content", "fetch", "-n", "fetched", "--plain-http", "--label", "key=value", image).splitlines()
    assert done[-1] == image and {line.split()[0] for line in done[:-1]} == {"manifest", "config", "layer"}
    digests = engine.output("content", "ls", "-q", "-n", "fetched").split()
    assert {re.search("sha256:[0-9a-f]{64}", line)[0] for line in done[:-1]} <= set(digests)
    assert engine.output("snapshot", "ls", "-q", "-n", "fetched") == ""
    # the image keeps its content
    engine.tare("lease", "create", "-n", "fetched", "--id", "gone")
    engine.tare("lease", "rm", "--sync", "-n", "fetched", "gone")
    assert engine.output("content", "ls", "-q", "-n", "fetched").split() == digests
    assert engine.output("content", "fetch", "-q", "-n", "fetched", "--plain-http", image) == image
    assert "not found" in engine.tare("content", "fetch", "-n", "fetched", "--plain-http", registry.reference("absent:1"), code=1).stderr
    many = registry.reference("multi:latest")
    other = engine.tare("content", "fetch", "-n", "fetched", "--plain-http", "--platform", "linux/sparc", many, code=1)
    assert "no match for platform" in other.stderr
    assert "linux" in engine.tare("content", "fetch", "-n", "fetched", "--platform", "linux", image, code=1).stderr


def test_fetch_logs_in_with_the_users_credentials(engine, registry_auth, tmp_path):
    image = registry_auth.reference("busybox:latest")
    fetch = [engine.programs / "tare", "content", "fetch", "-n", "fetched", "--plain-http", image]

    def run(login):
        (tmp_path / "config.json").write_text(json.dumps({"auths": {registry_auth.address: login}}))
        environment = dict(engine.environment, DOCKER_CONFIG=str(tmp_path))
        return subprocess.run(fetch, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)

    for login in ({}, {"auth": base64.b64encode(b"alice:wrong").decode()}):
        refused = run(login)
        assert refused.returncode == 1 and refused.stderr
    done = run({"auth": base64.b64encode(b"alice:secret").decode()})
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == image, done.stderr


def test_snapshots_stack_and_mount(engine, tmp_path):
    mount = engine.output("snapshot", "prepare", "-n", "cli", "-t", tmp_path, "active")
    subprocess.run(["sh", "-c", mount], check=True)
    try:
        (tmp_path / "file").write_text("content")
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert engine.output("snapshot", "usage", "-n", "cli", "active") == "active 7B 1"
    engine.tare("snapshot", "commit", "-n", "cli", "base", "active")
    assert "snapshot base is not active" in engine.tare("snapshot", "commit", "-n", "cli", "again", "base", code=1).stderr
    engine.tare("snapshot", "prepare", "-n", "cli", "upper", "base")
    engine.tare("snapshot", "view", "-n", "cli", "seen", "base")
    assert engine.output("snapshot", "tree", "-n", "cli").splitlines()[0] == "base"
    assert "Kind:   Committed" in engine.output("snapshot", "info", "-n", "cli", "base")
    assert "overlay" in engine.output("snapshot", "mounts", "-n", "cli", tmp_path, "upper")
    assert "has children" in engine.tare("snapshot", "rm", "-n", "cli", "base", code=1).stderr
    engine.tare("snapshot", "rm", "-n", "cli", "upper", "seen")
    engine.tare("snapshot", "rm", "-n", "cli", "base")
    assert engine.output("snapshot", "ls", "-q", "-n", "cli") == ""


def diff(engine, *arguments):
    command = [engine.programs / "tare", "snapshot", "diff", "-n", "cli", *arguments]
    return subprocess.run(command, env=engine.environment, stdout=subprocess.PIPE, check=True, timeout=60).stdout


def layer(engine, *arguments):
    """The names in what `tare snapshot diff` writes."""
    with tarfile.open(fileobj=io.BytesIO(diff(engine, *arguments))) as tar:
        return tar.getnames()


def test_the_difference_of_snapshots_is_a_layer(engine, tmp_path):
    def write(script, *arguments):
        mount = engine.output("snapshot", "prepare", "-n", "cli", "-t", tmp_path, *arguments)
        subprocess.run(["sh", "-ec", f"{mount}\ncd {tmp_path}; {script}; cd /; umount {tmp_path}"], check=True)

    write("echo one > old", "first")
    assert layer(engine, "first") == ["old"]
    engine.tare("snapshot", "commit", "-n", "cli", "base", "first")
    write("rm old; echo two > new", "second", "base")
    assert layer(engine, "second") == ["new", ".wh.old"]
    assert layer(engine, "second", "base") == [".wh.new", "old"]
    plain = diff(engine, "--media-type", "application/vnd.oci.image.layer.v1.tar", "second")
    assert tarfile.open(fileobj=io.BytesIO(plain), mode="r:").getnames() == ["new", ".wh.old"]
    assert engine.output("lease", "ls", "-q", "-n", "cli") == ""
    assert engine.output("snapshot", "ls", "-q", "-n", "cli").split() == ["base", "second"]
    engine.tare("snapshot", "diff", "-n", "cli", "--keep", "--label", "key=value", "second")
    kept = engine.output("content", "ls", "-q", "-n", "cli", "-f", "labels.key==value")
    assert "gc.root" in engine.output("content", "ls", "-n", "cli", "-f", "labels.key==value")
    assert "not implemented" in engine.tare("snapshot", "diff", "-n", "cli", "--media-type", "x/y", "second", code=1).stderr
    assert "not found" in engine.tare("snapshot", "diff", "-n", "cli", "third", code=1).stderr
    engine.tare("content", "rm", "-n", "cli", kept)
    engine.tare("snapshot", "rm", "-n", "cli", "second")
    engine.tare("snapshot", "rm", "-n", "cli", "base")


def test_each_snapshotter_has_its_own(engine, tmp_path):
    native = ["-n", "cli", "--snapshotter", "native"]
    mount = engine.output("snapshot", "prepare", *native, "-t", tmp_path, "active")
    assert mount.startswith("mount -t bind ")
    assert engine.output("snapshot", "ls", "-q", *native) == "active"
    assert engine.output("snapshot", "ls", "-q", "-n", "cli") == ""
    engine.tare("snapshot", "commit", *native, "base", "active")
    engine.tare("snapshot", "view", *native, "seen", "base")
    assert "Parent: base" in engine.output("snapshot", "info", *native, "seen")
    assert layer(engine, "--snapshotter", "native", "base") == []
    assert "snapshotter not loaded: none" in engine.tare("snapshot", "ls", "--snapshotter", "none", code=1).stderr
    engine.tare("snapshot", "rm", *native, "seen")
    engine.tare("snapshot", "rm", *native, "base")


def test_the_engines_own_are_shown_and_kept(engine, busybox):
    layers = engine.output("snapshot", "ls", "-q").split()
    assert layers and engine.output("content", "ls", "-q").split()
    assert "belongs to an image" in engine.tare("snapshot", "rm", layers[0], code=1).stderr
    with tarfile.open(fileobj=io.BytesIO(diff(engine, "-n", "tare", layers[0]))) as tar:
        assert "bin/busybox" in tar.getnames()
    engine.tare("snapshot", "prepare", "mine", layers[0])
    engine.tare("snapshot", "rm", "mine")


def test_leases_and_namespaces(engine):
    assert engine.output("lease", "create", "-n", "cli", "--id", "held", "-x", "0", "purpose=test", "other=x") == "held"
    assert engine.output("lease", "ls", "-q", "-n", "cli") == "held"
    labels = engine.output("lease", "ls", "-n", "cli").splitlines()[1].split()[-1]
    assert sorted(labels.split(",")) == ["other=x", "purpose=test"]
    made = engine.output("lease", "create", "-n", "cli")
    assert "already exists" in engine.tare("lease", "create", "-n", "cli", "--id", made, code=1).stderr
    # held until tomorrow, as ctr's
    row = engine.output("lease", "ls", "-n", "cli", "-f", f"id=={made}").splitlines()[1]
    until = datetime.datetime.fromisoformat(re.search(r"gc.expire=(\S{19})", row)[1] + "+00:00")
    left = until - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=23) < left <= datetime.timedelta(hours=24)
    engine.tare("lease", "rm", "-n", "cli", made)
    assert "KEY=VALUE" in engine.tare("lease", "create", "-n", "cli", "name", code=125).stderr
    assert "--expires" in engine.tare("lease", "create", "-n", "cli", "-x", "soon", code=125).stderr
    assert "cli" in engine.output("namespace", "ls", "-q").split()
    engine.tare("lease", "rm", "--sync", "-n", "cli", "held")
    assert "not found" in engine.tare("lease", "rm", "-n", "cli", "held", code=1).stderr
    engine.tare("namespace", "rm", "cli")


def test_a_lease_goes_when_it_expires(engine):
    engine.tare("lease", "create", "-n", "short", "-x", "1s", "--id", "brief")

    def only_the_other():
        """A collection that is waited for."""
        engine.tare("lease", "create", "-n", "short", "--id", "other")
        left = engine.output("lease", "ls", "-q", "-n", "short").split()
        engine.tare("lease", "rm", "--sync", "-n", "short", "other")
        return left == ["other"]

    wait_until(only_the_other)
    engine.tare("namespace", "rm", "short")


def test_namespaces_have_labels(engine):
    engine.tare("namespace", "create", "--label", "a=b", "labelled")
    engine.tare("namespace", "label", "labelled", "a=c", "d=e")
    assert ["labelled", "a=c,d=e"] in [line.split() for line in engine.output("namespace", "ls").splitlines()]
    engine.tare("namespace", "label", "labelled", "a", "d=")
    assert ["labelled", "-"] in [line.split() for line in engine.output("namespace", "ls").splitlines()]
    assert "not found" in engine.tare("namespace", "label", "absent", "a=b", code=1).stderr
    engine.tare("namespace", "rm", "labelled")


def test_events(engine):
    with subprocess.Popen(
        [engine.programs / "tare", "event", "-f", "namespace==told"], env=engine.environment, stdout=subprocess.PIPE, text=True
    ) as listener:
        try:
            for attempt in range(100):
                name = f"snapshot{attempt}"
                engine.tare("snapshot", "prepare", "-n", "told", name)
                engine.tare("snapshot", "rm", "-n", "told", name)
                if attempt > 2:
                    break
            line = listener.stdout.readline()
        finally:
            listener.kill()
    assert " told /snapshot/" in line
    engine.tare("namespace", "rm", "told")
