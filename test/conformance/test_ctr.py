# SPDX-License-Identifier: Apache-2.0
"""Stock ctr against tared: what containerd's own tool says is the judge. Debian's is 1.6;
$TARE_TEST_CONTAINERD, a directory, may have a newer one."""

import glob
import hashlib
import io
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tarfile

import pytest

import images
from harness import processes_with, wait_until

NEWER = os.environ.get("TARE_TEST_CONTAINERD", "/nowhere")
TOOLS = [tool for tool in (shutil.which("ctr"), f"{NEWER}/ctr") if tool and os.access(tool, os.X_OK)]


class Ctr:
    """One namespace of one engine, through one version of the tool."""

    def __init__(self, tool, engine, namespace):
        self.tool, self.engine, self.namespace = tool, engine, namespace
        version = subprocess.check_output([tool, "--version"], text=True)
        self.newer = not re.search(r" v?1\.", version)
        # the client-side ways, which every version has
        self.local = ["--local"] if self.newer else []

    def __call__(self, *arguments, code=0, **options):
        command = [self.tool, "--address", str(self.engine.socket), "--namespace", self.namespace, *map(str, arguments)]
        options.setdefault("stdout", subprocess.PIPE)
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, **options)
        wrong = code is not None and (done.returncode == 0) != (code == 0)
        assert not wrong, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stderr if code else done.stdout

    def rows(self, *arguments):
        return [line.split() for line in self(*arguments).splitlines()[1:]]

    def names(self, *arguments):
        return [row[0] for row in self.rows(*arguments)]


@pytest.fixture(scope="module", autouse=True)
def leave_nothing():
    """What runc's shim and runc leave behind under every containerd: directories of the namespace."""
    new = not os.path.exists("/run/containerd")
    yield
    for path in glob.glob("/sys/fs/cgroup/**/judge[0-9]", recursive=True):
        os.rmdir(path)
    if new:
        shutil.rmtree("/run/containerd", ignore_errors=True)


@pytest.fixture(params=range(len(TOOLS)), ids=lambda index: TOOLS[index].replace("/", "_"))
def ctr(request, engine):
    return Ctr(TOOLS[request.param], engine, f"judge{request.param}")


@pytest.fixture
def image(ctr, registry):
    """A pulled image, gone afterwards with all that belonged to it."""
    reference = registry.reference("configured:latest")
    ctr("images", "pull", "--plain-http", *ctr.local, reference)
    yield reference
    ctr("images", "rm", "--sync", *ctr("images", "ls", "-q").split())


def test_version_and_plugins(ctr):
    text = ctr("version")
    assert "UUID" in text and "Server:" in text
    plugins = {tuple(row[:2]): row[2:] for row in ctr.rows("plugins", "ls")}
    assert plugins["io.containerd.snapshotter.v1", "overlayfs"] == [f"linux/{images.MACHINE}", "ok"]
    assert plugins["io.containerd.grpc.v1", "leases"] == ["-", "ok"]


def test_a_runtime_tells_of_itself(ctr):
    if not ctr.newer:
        pytest.skip("ctr 1 does not ask")
    told = json.loads(ctr("plugins", "inspect-runtime", "--runtime", "io.containerd.tare.v2"))
    assert told["Name"] == "io.containerd.tare.v2" and told["Features"]["ociVersionMax"]
    assert "binary not installed" in ctr("plugins", "inspect-runtime", "--runtime", "io.containerd.absent.v2", code=1)


def test_namespaces_have_labels_and_go_only_when_empty(ctr):
    name = ctr.namespace + "-x"
    ctr("namespaces", "create", name, "a=b")
    assert "already exists" in ctr("namespaces", "create", name, code=1)
    ctr("namespaces", "label", name, "a=c", "d=e")
    assert [name, "a=c,d=e"] in ctr.rows("namespaces", "ls")
    inside = Ctr(ctr.tool, ctr.engine, name)
    inside("content", "ingest", "reference", input="content")
    assert "must be empty" in ctr("namespaces", "rm", name, code=1)
    inside("content", "rm", *inside("content", "ls", "-q").split())
    ctr("namespaces", "rm", name)
    assert name not in ctr.names("namespaces", "ls")


def test_content_is_written_read_labelled_and_removed(ctr):
    digest = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    ctr("content", "ingest", "--expected-digest", digest, "--expected-size", "6", "reference", input="hello\n")
    assert ctr("content", "ls", "-q").split() == [digest]
    assert ctr("content", "get", digest) == "hello\n"
    ctr("content", "label", digest, "key=value")
    assert "key=value" in ctr("content", "ls")
    assert ctr("content", "ls", "-q", "labels.key==value").split() == [digest]
    assert ctr("content", "ls", "-q", "labels.key==other").split() == []
    ctr("content", "rm", digest)
    assert "not found" in ctr("content", "get", digest, code=1)
    assert "unexpected commit digest" in ctr(
        "content", "ingest", "--expected-digest", digest, "other", input="something else", code=1
    )
    assert ctr("content", "ls", "-q") == ""


def test_an_interrupted_ingest_goes_on_or_starts_anew(ctr):
    """What has another length than was said before is begun again; what is there already leaves nothing behind."""
    directory = ctr.engine.root / "content/ingest"
    before = set(os.listdir(directory))
    assert "failed size validation" in ctr("content", "ingest", "--expected-size", "4", "partial", input="hello", code=1)
    assert "partial" in ctr("content", "active")
    ctr("content", "ingest", "--expected-size", "6", "partial", input="hello\n")
    ctr("content", "ingest", "partial", input="hello\n")
    assert "partial" not in ctr("content", "active")
    (digest,) = ctr("content", "ls", "-q").split()
    assert ctr("content", "get", digest) == "hello\n"
    ctr("content", "rm", digest)
    assert set(os.listdir(directory)) == before


def test_namespaces_do_not_see_each_other_but_share_bytes(ctr, tmp_path):
    ctr("content", "ingest", "reference", input="mine")
    (digest,) = ctr("content", "ls", "-q").split()
    other = Ctr(ctr.tool, ctr.engine, ctr.namespace + "-other")
    assert "not found" in other("content", "get", digest, code=1)
    (tmp_path / "mine").write_text("mine")
    with open(tmp_path / "mine") as file:
        other("content", "ingest", "--expected-digest", digest, "reference", stdin=file)
    ctr("content", "rm", digest)
    assert other("content", "get", digest) == "mine"
    other("content", "rm", digest)
    ctr("namespaces", "rm", other.namespace)


def test_what_clients_say_is_bounded(ctr):
    ctr("content", "ingest", "reference", input="bounded")
    (digest,) = ctr("content", "ls", "-q").split()
    assert "greater than maximum size" in ctr("content", "label", digest, "key=" + "x" * 4100, code=1)
    assert "invalid argument" in ctr("content", "ls", "name~=(", code=1)
    assert "digest" in ctr("content", "get", "sha256:../../../../etc/passwd", code=1)
    for name in ("../up", "a/b", "a..b"):
        assert "identifier" in ctr("--namespace", name, "content", "ls", code=1)
    ctr("content", "rm", digest)


def test_leases(ctr):
    ctr("leases", "create", "--id", "held", "purpose=test")
    assert "purpose=test" in ctr("leases", "ls")
    assert "already exists" in ctr("leases", "create", "--id", "held", code=1)
    ctr("leases", "rm", "--sync", "held")
    assert "held" not in ctr("leases", "ls")
    name = ctr("leases", "create", "--id", "", "purpose=any").strip()
    assert ctr("leases", "ls", "-q").split() == [name]
    ctr("leases", "rm", name)


def test_an_image_is_pulled_listed_checked_tagged_and_removed(ctr, image):
    assert image in ctr("images", "ls")
    assert f"{image}" in ctr("images", "check", f"name=={image}") and "complete" in ctr("images", "check")
    tag = ["--local"] if ctr.newer else []
    ctr("images", "tag", *tag, image, "example.org/other:1")
    assert "already exists" in ctr("images", "tag", *tag, image, "example.org/other:1", code=1)
    assert ctr("images", "ls", "-q", "name==example.org/other:1").split() == ["example.org/other:1"]
    ctr("images", "label", image, "key=value")
    assert "key=value" in ctr("images", "ls")
    ctr("images", "rm", "--sync", image)
    assert ctr("images", "ls", "-q").split() == ["example.org/other:1"]
    assert "complete" in ctr("images", "check")


def test_the_engine_pulls_and_tags_for_the_client(ctr, registry):
    if not ctr.newer:
        pytest.skip("ctr 1 brings content itself")
    for name in ("configured", "multi", "nginx"):
        reference = registry.reference(f"{name}:latest")
        ctr("images", "pull", "--plain-http", reference)
        assert reference in ctr("images", "ls", "-q")
    assert all("complete" in line for line in ctr("images", "check").splitlines()[1:])
    reference = registry.reference("configured:latest")
    assert ctr("run", "--rm", "--runtime", "io.containerd.tare.v2", reference, "pulled", "/bin/cat", "/work/file") == (
        "from the second layer\n"
    )
    ctr("images", "label", reference, "key=value")
    for _ in range(2):  # a name has the labels that it was given last, and those are none
        ctr("images", "tag", "--force", reference, "example.org/tagged:1")
        assert ctr("images", "ls", "name==example.org/tagged:1").split()[-1] == "-"
        ctr("images", "label", "example.org/tagged:1", "key=value")
    assert "missing" in ctr("images", "pull", "--plain-http", registry.reference("missing:1"), code=1)
    assert ctr("leases", "ls", "-q") == ""
    ctr("images", "rm", "--sync", *ctr("images", "ls", "-q").split())
    assert ctr("content", "ls", "-q") == "" and ctr.names("snapshots", "ls") == []


def test_the_client_names_a_directory_of_registries(ctr, registry, tmp_path):
    (tmp_path / "example.org").mkdir()
    (tmp_path / "example.org/hosts.toml").write_text(f'[host."http://{registry.address}"]\n')
    ctr("images", "pull", "--hosts-dir", tmp_path, "example.org/configured:latest")
    assert ctr("images", "ls", "-q") == "example.org/configured:latest\n"
    ctr("images", "rm", "--sync", "example.org/configured:latest")


def test_the_engine_logs_in_for_the_client(ctr, registry_auth):
    if not ctr.newer:
        pytest.skip("ctr 1 logs in itself")
    reference = registry_auth.reference("busybox:latest")
    ctr("images", "pull", "--plain-http", reference, code=1)
    ctr("images", "pull", "--plain-http", "--user", registry_auth.credentials, reference)
    ctr("images", "rm", "--sync", reference)


def test_what_no_image_needs_is_collected(ctr, image):
    assert ctr("content", "ls", "-q") and ctr("snapshots", "ls")
    ctr("images", "tag", *(["--local"] if ctr.newer else []), image, "example.org/last:1")
    ctr("images", "rm", "--sync", image)
    assert len(ctr.names("snapshots", "ls")) == 2
    ctr("images", "rm", "--sync", "example.org/last:1")
    assert ctr.names("snapshots", "ls") == []
    assert ctr("content", "ls", "-q") == ""
    ctr("content", "ingest", "reference", input="so that the fixture has something to remove")
    digest = ctr("content", "ls", "-q").strip()
    ctr("content", "rm", digest)
    ctr("images", "pull", "--plain-http", *ctr.local, image)


def test_snapshots_stack_mount_commit_and_go(ctr, image, tmp_path):
    base = ctr.names("snapshots", "ls")
    top = next(row[0] for row in ctr.rows("snapshots", "ls") if row[0] not in [r[1] for r in ctr.rows("snapshots", "ls")])
    mounts = ctr("snapshots", "prepare", "--target", tmp_path, "active", top)
    assert "overlay" in mounts
    subprocess.run(["sh", "-c", mounts], check=True)
    try:
        assert (tmp_path / "work/file").read_text() == "from the second layer\n"
        (tmp_path / "new").write_text("in the upper layer")
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert 'snapshot "active": already exists' in ctr("snapshots", "prepare", "active", top, code=1)
    assert "parent snapshot absent does not exist: not found" in ctr("snapshots", "view", "other", "absent", code=1)
    assert 'parent "active" is not committed snapshot: invalid argument' in ctr("snapshots", "prepare", "other", "active", code=1)
    assert "Active" in ctr("snapshots", "info", "active") and "1" in ctr("snapshots", "usage", "active")
    ctr("snapshots", "commit", "committed", "active")
    assert "not found" in ctr("snapshots", "info", "active", code=1)
    subprocess.run(["sh", "-c", ctr("snapshots", "view", "--target", tmp_path, "seen", "committed")], check=True)
    try:
        assert (tmp_path / "new").read_text() == "in the upper layer"
        with pytest.raises(OSError):
            (tmp_path / "more").write_text("")
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert "committed" in ctr("snapshots", "tree")
    ctr("snapshots", "label", "committed", "key=value")
    assert '"key": "value"' in ctr("snapshots", "info", "committed")
    assert "children" in ctr("snapshots", "rm", "committed", code=1)
    ctr("snapshots", "rm", "seen")
    ctr("snapshots", "rm", "committed")
    assert sorted(ctr.names("snapshots", "ls")) == sorted(base)


def test_a_snapshot_s_difference_is_content(ctr, image, tmp_path):
    """`ctr snapshots diff` as a tar of its own, and between two snapshots; both are layers that can be applied."""
    parent = [line.split()[0] for line in ctr("snapshots", "ls").splitlines() if line.split()[-1] == "Committed"][-1]
    mount = ctr("snapshots", "prepare", "--target", tmp_path / "mount", "one", parent)
    (tmp_path / "mount").mkdir()
    subprocess.run(["sh", "-ec", f"{mount}\necho x > {tmp_path}/mount/new; rm -r {tmp_path}/mount/bin; umount {tmp_path}/mount"], check=True)
    for suffix, magic in (("+gzip", b"\x1f\x8b"), ("", b".wh.bin"), ("+zstd", b"\x28\xb5\x2f\xfd")):
        path = tmp_path / f"one{suffix}"
        with open(path, "wb") as file:
            ctr("snapshots", "diff", "--media-type", f"application/vnd.oci.image.layer.v1.tar{suffix}", "one", stdout=file)
        assert magic in path.read_bytes()[:512]
        if suffix != "+zstd":
            assert tarfile.open(path).getnames() == [".wh.bin", "new"]
        if suffix == "":
            ours = [ctr.engine.programs / "tare", "snapshot", "diff", "-n", ctr.namespace, "--media-type", "application/vnd.oci.image.layer.v1.tar", "one"]
            assert subprocess.check_output(ours, env=ctr.engine.environment) == path.read_bytes()
    ctr("snapshots", "commit", "two", "one")
    back = subprocess.run([ctr.tool, "--address", str(ctr.engine.socket), "--namespace", ctr.namespace, "snapshots", "diff", "two", parent],
                          stdout=subprocess.PIPE, check=True).stdout
    names = tarfile.open(fileobj=io.BytesIO(back)).getnames()
    assert ".wh.new" in names and "bin" in names
    assert "not implemented" in ctr("snapshots", "diff", "--media-type", "x/y", "two", code=1)
    assert [row for row in ctr.rows("snapshots", "ls") if "view" in row[0]] == []
    ctr("snapshots", "rm", "two")
    assert ctr("content", "active").count("diff") == 0


def test_images_mount(ctr, image, tmp_path):
    ctr("images", "mount", image, tmp_path)
    assert (tmp_path / "work/file").exists()
    ctr("images", "unmount", "--rm", tmp_path)


def test_export_import_and_push(ctr, image, registry, tmp_path):
    ctr("images", "export", *ctr.local, tmp_path / "image.tar", image)
    ctr("images", "push", "--plain-http", *ctr.local, registry.reference(f"pushed-{ctr.namespace}:1"), image)
    ctr("images", "rm", "--sync", image)
    ctr("images", "import", *ctr.local, tmp_path / "image.tar")
    assert image in ctr("images", "ls", "-q")
    assert "complete" in ctr("images", "check")
    pushed = registry.reference(f"pushed-{ctr.namespace}:1")
    ctr("images", "pull", "--plain-http", *ctr.local, pushed)
    assert pushed in ctr("images", "ls", "-q")


def test_the_engine_pushes_and_exports_for_the_client(ctr, image, registry, tmp_path):
    if not ctr.newer:
        pytest.skip("ctr 1 does that itself")
    several = registry.reference("multi:latest")
    ctr("images", "pull", "--plain-http", several)
    pushed = registry.reference(f"sent-{ctr.namespace}:1")
    ctr("images", "push", "--plain-http", pushed, image)
    ctr("images", "export", tmp_path / "images.tar", image, several)
    with tarfile.open(tmp_path / "images.tar") as tar:
        names = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
    for name in [name for name in names if name.startswith("blobs/")]:
        assert hashlib.sha256(names[name]).hexdigest() == name.rpartition("/")[2]
    index = json.loads(names["index.json"])["manifests"]
    assert [row["annotations"]["io.containerd.image.name"] for row in index] == [image, several]
    assert {"oci-layout", "manifest.json"} <= set(names)
    ctr("images", "export", "--skip-manifest-json", tmp_path / "plain.tar", image)
    with tarfile.open(tmp_path / "plain.tar") as tar:
        assert "manifest.json" not in tar.getnames()
    ctr("images", "rm", "--sync", image, several)
    ctr("images", "import", "--local", tmp_path / "images.tar")
    assert {image, several} <= set(ctr("images", "ls", "-q").split())
    ctr("images", "pull", "--plain-http", pushed)
    digests = {row[0]: row[2] for row in ctr.rows("images", "ls")}
    assert digests[pushed] == digests[image]
    assert "not found" in ctr("images", "export", tmp_path / "no.tar", "example.org/missing:1", code=1)
    assert "not found" in ctr("images", "push", "--plain-http", pushed, "example.org/missing:1", code=1)


def test_the_engine_imports_for_the_client(ctr, image, registry, tmp_path):
    if not ctr.newer:
        pytest.skip("ctr 1 does that itself")
    digest = {row[0]: row[2] for row in ctr.rows("images", "ls")}[image]
    ctr("images", "export", tmp_path / "image.tar", image)
    ctr("images", "rm", "--sync", image)
    assert ctr.names("snapshots", "ls") == [] and ctr("content", "ls", "-q") == ""
    ctr("images", "import", tmp_path / "image.tar")
    assert {row[0]: row[2] for row in ctr.rows("images", "ls")} == {image: digest}
    assert "complete" in ctr("images", "check") and len(ctr.names("snapshots", "ls")) == 2
    with open(tmp_path / "image.tar") as archive:
        ctr("images", "import", "--digests", "--skip-digest-for-named", "--base-name", image.rpartition(":")[0], "-", stdin=archive)
    assert f"{image.rpartition(':')[0]}@{digest}" in ctr("images", "ls", "-q").split()
    assert "no image name" in ctr("images", "import", "--base-name", "example.org/other", tmp_path / "image.tar", code=1)
    (tmp_path / "bad.tar").write_bytes((tmp_path / "image.tar").read_bytes()[:70000])
    assert ctr("images", "import", tmp_path / "bad.tar", code=1)
    assert ctr("leases", "ls", "-q") == ""


def blobs_in(archive):
    with tarfile.open(archive) as tar:
        return {f"sha256:{name[len('blobs/sha256/'):]}" for name in tar.getnames() if name.startswith("blobs/sha256/")}


def test_images_for_several_platforms_travel_whole_or_in_part(ctr, registry, tmp_path):
    multi = registry.reference("multi:latest")
    ours, other = ("linux/amd64", "linux/arm64") if images.MACHINE == "amd64" else ("linux/arm64", "linux/amd64")

    def pull(*options):
        ctr("images", "pull", "--plain-http", *options, multi)
        return set(ctr("content", "ls", "-q").split())

    def remove():
        ctr("images", "rm", "--sync", *ctr("images", "ls", "-q").split())
        assert ctr("content", "ls", "-q") == "" and ctr.names("snapshots", "ls") == []

    part = pull("--platform", other)
    # documents of the others are there, so that what is missing can be told
    assert " incomplete (" in ctr("images", "check") if ctr.newer else True
    remove()
    everything = pull("--all-platforms")
    assert len(everything) == 8 and part < everything
    parts = {}
    both = ["--platform", ours, "--platform", other]
    for name, *options in (("whole", "--all-platforms"), ("ours", "--platform", ours), ("other", "--platform", other), ("both", *both), ("default",)):
        archive = tmp_path / f"{name}.tar"
        ctr("images", "export", *options, archive, multi)
        parts[name] = blobs_in(archive)
    assert parts["whole"] == parts["both"] == everything and parts["default"] == parts["ours"]
    index = {row[0]: row[2] for row in ctr.rows("images", "ls")}[multi]
    assert parts["ours"] & parts["other"] == {index} and parts["ours"] | parts["other"] == everything
    assert "no manifest" in ctr("images", "export", "--platform", "linux/s390x", tmp_path / "none.tar", multi, code=1)
    pushed = registry.reference(f"both-{ctr.namespace}:1")
    ctr("images", "push", "--plain-http", *both, pushed, multi)
    remove()
    ctr("images", "pull", "--plain-http", *both, pushed)
    assert set(ctr("content", "ls", "-q").split()) == everything
    remove()
    ctr("images", "import", "--all-platforms", tmp_path / "whole.tar")
    assert set(ctr("content", "ls", "-q").split()) >= everything and "complete" in ctr("images", "check")
    remove()
    ctr("images", "import", "--index-name", "example.org/index:1", tmp_path / "ours.tar")
    rows = {row[0]: row[2] for row in ctr.rows("images", "ls")}
    with tarfile.open(tmp_path / "ours.tar") as tar:
        named = hashlib.sha256(tar.extractfile("index.json").read()).hexdigest()
    assert rows == {multi: index, "example.org/index:1": f"sha256:{named}"}
    ctr("images", "rm", "--sync", multi)
    assert len(ctr.names("snapshots", "ls")) == 2, "the index holds what it names"
    remove()


def test_what_is_no_image_is_content_all_the_same(ctr, registry, tmp_path):
    """An artifact, and what builders put beside an image: manifests whose layers are no tars."""
    layout = images.Layout(tmp_path / "layout")
    image = layout.manifest([images.tar_bytes([("file", "x")])])
    said = layout.blob({"predicate": {}}, "application/vnd.in-toto+json")
    about = layout.manifest_of({"architecture": "unknown", "os": "unknown", "rootfs": {"type": "layers", "diff_ids": [said["digest"]]}}, [said])
    layout.tag("index", layout.index([image, about | {"platform": {"architecture": "unknown", "os": "unknown"}}]))
    empty = layout.blob({}, "application/vnd.oci.empty.v1+json")
    artifact = {"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "artifactType": "application/vnd.example", "config": empty, "layers": [layout.blob(b"text", "text/plain")]}
    layout.tag("artifact", layout.blob(artifact, images.OCI_MANIFEST))
    bring = ["images", "pull"] if ctr.newer else ["content", "fetch"]  # the pull of ctr 1 unpacks whatever it has
    for name, blobs in (("index", 7), ("artifact", 3)):
        reference = registry.push(layout, name, f"{name}-{ctr.namespace}:1")
        ctr(*bring, "--plain-http", "--all-platforms", reference)
        digests = set(ctr("content", "ls", "-q").split())
        assert len(digests) == blobs
        ctr("images", "export", "--all-platforms", tmp_path / name, reference)
        assert digests <= blobs_in(tmp_path / name)
        pushed = registry.reference(f"{name}-again-{ctr.namespace}:1")
        ctr("images", "push", "--plain-http", pushed, reference)
        ctr("images", "rm", "--sync", reference)
        ctr(*bring, "--plain-http", "--all-platforms", pushed)
        assert set(ctr("content", "ls", "-q").split()) == digests
        ctr("images", "rm", "--sync", pushed)
    assert ctr.engine.tare("content", "fetch", "-n", ctr.namespace, "--plain-http", pushed).stdout.splitlines()[-1] == pushed
    assert "not a container image" in ctr.engine.tare("pull", pushed, code=1).stderr
    ctr("images", "rm", "--sync", pushed)


def old_archive(new, old, *changes):
    """What docker save wrote before version 25: files known by name, manifest.json, no index."""
    with tarfile.open(new) as source, tarfile.open(old, "w") as target:
        (saved,) = json.load(source.extractfile("manifest.json"))
        layers = {path: f"{number}/layer.tar" for number, path in enumerate(saved["Layers"])}
        files = {"config.json": source.extractfile(saved["Config"]).read()}
        files |= {new: source.extractfile(path).read() for path, new in layers.items()}
        rows = [{"Config": "config.json", "RepoTags": ["old", "old:2"], "Layers": list(layers.values())}]
        files |= {"manifest.json": json.dumps(rows).encode()}
        for change in changes:
            change(files)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
        # as docker did where two images have the same layer
        member = tarfile.TarInfo("again.tar")
        member.type, member.linkname = tarfile.SYMTYPE, "0/layer.tar"
        target.addfile(member)


def test_the_engine_imports_what_docker_saved_of_old(ctr, image, registry, tmp_path):
    if not ctr.newer:
        pytest.skip("ctr 1 does that itself")
    ctr("images", "export", tmp_path / "new.tar", image)
    old_archive(tmp_path / "new.tar", tmp_path / "old.tar")
    ctr("images", "rm", "--sync", image)
    ctr("images", "import", tmp_path / "old.tar")
    rows = ctr.rows("images", "ls")
    assert [row[0] for row in rows] == ["docker.io/library/old:2", "docker.io/library/old:latest"]
    assert "complete" in ctr("images", "check") and len(ctr.names("snapshots", "ls")) == 2
    ctr("images", "rm", "--sync", *(row[0] for row in rows))
    assert ctr.names("snapshots", "ls") == [] and ctr("content", "ls", "-q") == ""
    # ctr turns the last of these options round on its way to the engine
    digests = ["--digests", "--skip-digest-for-named"]
    ctr("images", "import", "--no-unpack", "--base-name", "docker.io/library/old", *digests, tmp_path / "old.tar")
    assert f"docker.io/library/old@{rows[0][2]}" in ctr("images", "ls", "-q").split()
    assert ctr.names("snapshots", "ls") == []


@pytest.mark.parametrize("change", [
    lambda files: files.pop("0/layer.tar"),
    lambda files: files.update({"manifest.json": b"[{}]"}),
    lambda files: files.update({"manifest.json": files["manifest.json"].replace(b"config.json", b"/etc/passwd")}),
    lambda files: files.update({"manifest.json": files["manifest.json"].replace(b"old:2", b"OLD:2")}),
    lambda files: files.pop("manifest.json"),
])  # fmt: skip
def test_a_bad_archive_of_docker_is_refused(ctr, image, tmp_path, change):
    if not ctr.newer:
        pytest.skip("ctr 1 does that itself")
    ctr("images", "export", tmp_path / "new.tar", image)
    ctr("images", "rm", "--sync", image)
    old_archive(tmp_path / "new.tar", tmp_path / "bad.tar", change)
    ctr("images", "import", tmp_path / "bad.tar", code=1)
    assert ctr.names("images", "ls") == [] and ctr("leases", "ls", "-q") == ""


def test_the_engine_pushes_with_the_client_s_login(ctr, image, registry_auth):
    if not ctr.newer:
        pytest.skip("ctr 1 logs in itself")
    pushed = registry_auth.reference(f"sent-{ctr.namespace}:1")
    assert ctr("images", "push", "--plain-http", pushed, image, code=1)
    ctr("images", "push", "--plain-http", "--user", registry_auth.credentials, pushed, image)
    ctr("images", "pull", "--plain-http", "--user", registry_auth.credentials, pushed)


RUNTIMES = ["io.containerd.tare.v2", "io.containerd.runc.v2"]


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    shim = "containerd-shim-" + "-".join(request.param.split(".")[2:])
    if "tare" not in shim and not shutil.which(shim):
        pytest.skip(f"no {shim}")
    return request.param


@pytest.fixture
def run(ctr, image, runtime):
    """run(id, *command) starts a detached container, which is gone afterwards."""
    started = []

    def start(name, *command, of=image):
        started.append(name)
        ctr("run", "--detach", "--runtime", runtime, of, name, *command)
        return name

    yield start
    for name in started:
        ctr("tasks", "rm", "--force", name, code=None)
        ctr("containers", "rm", name, code=None)


def test_run_in_the_foreground(ctr, image, runtime):
    assert ctr("run", "--rm", "--runtime", runtime, image, "once", "/bin/sh", "-c", "echo out; cat /work/file") == (
        "out\nfrom the second layer\n"
    )
    assert ctr("containers", "ls", "-q") == ""
    assert ctr("tasks", "ls", "-q") == ""
    done = subprocess.run(
        [ctr.tool, "--address", str(ctr.engine.socket), "-n", ctr.namespace, "run", "--rm", "--runtime", runtime, image,
         "status", "/bin/sh", "-c", "read line; echo got $line; exit 7"],
        input="words\n", capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (7, "got words\n"), done.stderr


def test_the_containers_options_reach_the_shim(ctr, image):
    """ctr gives the runtime's program to the container, and nothing to the task."""
    if not shutil.which("containerd-shim-runc-v2"):
        pytest.skip("no containerd-shim-runc-v2")
    options = ["--rm", "--runtime", "io.containerd.runc.v2", "--runc-binary", "/absent/runc"]
    assert "/absent/runc" in ctr("run", *options, image, "optioned", "/bin/true", code=1)
    ctr("containers", "rm", "optioned", code=None)


def test_tasks(ctr, run, runtime):
    name = run("worker", "/bin/sleep", "1000")
    assert [name, "RUNNING"] in [[row[0], row[2]] for row in ctr.rows("tasks", "ls")]
    assert name in ctr("containers", "ls", "-q") and name in ctr("containers", "info", name)
    assert ctr("tasks", "exec", "--exec-id", "e1", name, "/bin/echo", "from exec") == "from exec\n"
    assert len(ctr.rows("tasks", "ps", name)) == 1
    if "tare" in runtime:  # runc's shim has nothing to say where v1 and v2 of cgroups are mixed
        assert name in ctr("tasks", "metrics", name)
    assert "already exists" in ctr("tasks", "start", "--detach", name, code=1)
    ctr("containers", "label", name, "key=value")
    assert ctr("containers", "ls", "-q", "labels.key==value").split() == [name]
    ctr("tasks", "kill", "--signal", "KILL", name)
    wait_until(lambda: [name, "STOPPED"] in [[row[0], row[2]] for row in ctr.rows("tasks", "ls")])
    assert ctr("tasks", "rm", name, code=None) is not None
    assert ctr("tasks", "ls", "-q") == ""
    assert "not found" in ctr("tasks", "kill", name, code=1)
    absent = ctr("containers", "info", "absent", code=1)
    assert f'container "absent" in namespace "{ctr.namespace}": not found' in absent


def test_tare_speaks_to_the_same_tasks(ctr, run, runtime, tmp_path):
    """`tare task` on what ctr made: to start it again, execute in it, wait, look and remove."""

    def tare(verb, *arguments, code=0):
        done = ctr.engine.tare("task", verb, "-n", ctr.namespace, *arguments, code=code)
        return done.stderr if code and not done.stdout else done.stdout

    name, log = run("ours", "/bin/sh", "-c", "trap 'exit 3' TERM; echo started; while :; do sleep 0.1; done"), tmp_path / "log"
    pid = next(row[1] for row in ctr.rows("tasks", "ls") if row[0] == name)
    assert pid in tare("ps", name).split()
    assert tare("exec", "--log-uri", f"file://{log}", name, "/bin/sh", "-c", "pwd; exit 7", code=7) == ""
    wait_until(lambda: log.read_text() == "/work\n", what="the program's output")
    assert tare("exec", "--cwd", "/", name, "/bin/sh", "-c", '[ "$PWD" = / ]') == ""
    assert tare("exec", "-d", "--exec-id", "second", name, "/bin/sleep", "1000") == "second\n"
    assert "exists" in tare("exec", "--exec-id", "second", name, "/bin/true", code=1)
    tare("kill", "--exec-id", "second", "-s", "KILL", name)
    assert tare("wait", "--exec-id", "second", name) == "137\n"
    tare("rm", "--exec-id", "second", name)
    assert "not found" in tare("exec", "-d", "absent", "/bin/true", code=1)
    assert tare("exec", name, "/bin/absent", code=1)
    if "tare" in runtime:
        values = dict(line.split() for line in tare("metrics", name).splitlines()[1:] if len(line.split()) == 2)
        assert int(values["pids.current"]) >= 1
    assert "not found" in tare("metrics", "absent", code=1)
    assert "already exists" in tare("start", name, code=1)
    tare("kill", name)
    assert tare("wait", name) == "3\n"
    tare("rm", name)
    log.unlink()
    tare("start", "--log-uri", f"file://{log}", name)
    wait_until(lambda: log.exists() and log.read_text() == "started\n", what="the program's output")
    assert [name, "RUNNING"] in [[row[0], row[2]] for row in ctr.rows("tasks", "ls")]
    assert tare("rm", name, code=1)
    tare("rm", "-f", name)
    assert ctr("tasks", "ls", "-q") == ""
    tare("start", name)
    tare("rm", "-f", name)


def test_pause_and_resume(ctr, run):
    name = run("paused", "/bin/sleep", "1000")
    ctr("tasks", "pause", name)
    assert [name, "PAUSED"] in [[row[0], row[2]] for row in ctr.rows("tasks", "ls")]
    ctr("tasks", "resume", name)
    assert [name, "RUNNING"] in [[row[0], row[2]] for row in ctr.rows("tasks", "ls")]


REMEMBERS = "read token </proc/sys/kernel/random/uuid; echo $token >>/tmp/starts; while :; do echo $token >/tmp/now; sleep 0.1; done"


def token(ctr, name):
    """What the program remembers, written after this call; it was started once."""

    def words(path):
        return ctr("tasks", "exec", "--exec-id", "look", name, "/bin/sh", "-c", f"cat {path}", code=None).split()

    ctr("tasks", "exec", "--exec-id", "clear", name, "/bin/sh", "-c", "echo >/tmp/now")
    wait_until(lambda: words("/tmp/now"), what="the program to write")
    (now,), starts = words("/tmp/now"), words("/tmp/starts")
    assert starts == [now]
    return now


@pytest.fixture
def roots(ctr, image, registry):
    """An image of root's: without CAP_SYS_RESOURCE criu may not ask for the limits of others."""
    reference = registry.reference("busybox:latest")
    ctr("images", "pull", "--plain-http", *ctr.local, reference)
    return reference


def test_a_checkpoint_is_content_that_a_task_is_restored_from(ctr, run, roots, criu):
    name = run("first", "/bin/sh", "-c", REMEMBERS, of=roots)
    remembered = token(ctr, name)
    ctr("containers", "checkpoint", "--rw", "--image", "--task", name, "example.org/checkpoint:1")
    assert token(ctr, name) == remembered, "it goes on"
    assert ctr("tasks", "checkpoint", name).startswith("containerd.io/checkpoint/first:")
    ctr("tasks", "rm", "--force", name)
    ctr("containers", "rm", name)
    try:
        ctr("containers", "restore", "--rw", "--live", "second", "example.org/checkpoint:1")
        assert token(ctr, "second") == remembered
    finally:
        ctr("tasks", "rm", "--force", "second", code=None)
        ctr("containers", "rm", "second", code=None)
    left = [str(path) for path in (ctr.engine.root / "checkpoints").rglob("*") if not path.is_dir()]
    assert not left, "criu's images outside of the content store"


def test_a_checkpoint_into_a_directory(ctr, run, roots, runtime, criu, tmp_path):
    if not ctr.newer and "runc" not in runtime:
        pytest.skip("ctr 1.x has no options for other shims than runc's")
    images = tmp_path / "images"
    images.mkdir()
    name = run("dumped", "/bin/sleep", "1000", of=roots)
    ctr("tasks", "checkpoint", "--exit", "--image-path", images, name)
    assert (images / "inventory.img").exists()
    wait_until(lambda: [name, "STOPPED"] in [[row[0], row[2]] for row in ctr.rows("tasks", "ls")])


def test_tasks_outlive_the_engine(ctr, run):
    name = run("survivor", "/bin/sleep", "1000")
    ctr.engine.kill()
    ctr.engine.start()
    assert [name, "RUNNING"] in [[row[0], row[2]] for row in ctr.rows("tasks", "ls")]
    assert ctr("tasks", "exec", "--exec-id", "e2", name, "/bin/echo", "still here") == "still here\n"


def test_a_task_whose_shim_was_killed_is_gone(ctr, run):
    name = run("orphan", "/bin/sleep", "1000")
    (pid,) = [pid for pid, line in processes_with(f"-id {name}") if "shim" in line]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: ctr("tasks", "ls", "-q") == "")
    wait_until(lambda: not processes_with("/bin/sleep 1000"), what="the end of its program")
    ctr("tasks", "start", "--detach", name)
    assert [name, "RUNNING"] in [[row[0], row[2]] for row in ctr.rows("tasks", "ls")]


def readable(file):
    return select.select([file], [], [], 0.1)[0]


def test_events_tell_of_everything(ctr, image, runtime):
    command = [ctr.tool, "--address", str(ctr.engine.socket), "events"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
        try:
            wait_until(lambda: ctr("namespaces", "label", ctr.namespace, "listened=to") or readable(listener.stdout), what="the first event")
            ctr("run", "--rm", "--runtime", runtime, image, "told", "/bin/true")
            seen = []
            for line in listener.stdout:
                fields = line.split()
                if len(fields) > 5 and ctr.namespace in fields:
                    seen.append(fields[fields.index(ctr.namespace) + 1])
                if seen and seen[-1] == "/containers/delete":
                    break
        finally:
            listener.kill()
    for topic in ("/snapshot/prepare", "/containers/create", "/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"):
        assert topic in seen, seen


def test_everything_survives_the_engine(ctr, image):
    before = ctr("images", "ls"), ctr("content", "ls", "-q"), ctr("snapshots", "ls")
    ctr.engine.kill()
    ctr.engine.start()
    assert (ctr("images", "ls"), ctr("content", "ls", "-q"), ctr("snapshots", "ls")) == before
    assert "complete" in ctr("images", "check")
