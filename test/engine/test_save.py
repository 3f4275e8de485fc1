# SPDX-License-Identifier: Apache-2.0
"""Archives: what `tare save` writes, who reads it, and what `tare load` takes and refuses."""

import hashlib
import io
import json
import os
import subprocess
import tarfile

import pytest

import images


@pytest.fixture
def two(engine, registry):
    """Two images of several layers, one of them for several platforms, under names of their own."""
    for name in ("configured", "multi"):
        engine.tare("pull", "-q", registry.reference(name))
        engine.tare("tag", registry.reference(name), f"example/{name}:7")
    yield ["example/configured:7", "example/multi:7"]
    for name in ("configured", "multi"):
        engine.tare("rmi", "-f", f"example/{name}:7", code=None)
        engine.tare("rmi", "-f", registry.reference(name), code=None)


def ids(engine, *names):
    return [json.loads(engine.tare("inspect", name).stdout)[0]["Id"] for name in names]


def forget(engine, registry):
    for name in ("configured", "multi"):
        engine.tare("rmi", "-f", f"example/{name}:7", registry.reference(name), code=None)


def test_images_come_back_as_they_were(engine, registry, two, tmp_path):
    before = ids(engine, *two)
    archive = tmp_path / "images.tar"
    assert engine.tare("save", "-o", archive, *two).stdout == ""
    assert oct(archive.stat().st_mode & 0o777) == "0o600" and os.listdir(tmp_path) == ["images.tar"]
    forget(engine, registry)
    assert engine.tare("load", "-i", archive).stdout == "".join(f"Loaded image: {name}\n" for name in two)
    assert ids(engine, *two) == before
    again = tmp_path / "again.tar"
    engine.tare("image", "save", "-o", again, *two)
    assert again.read_bytes() == archive.read_bytes()


def test_the_archive_is_docker_s_and_oci_s(engine, two, tmp_path):
    archive = tmp_path / "images.tar"
    engine.tare("save", "-o", archive, *two)
    with tarfile.open(archive) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
    for name, content in files.items():
        if name.startswith("blobs/sha256/"):
            assert hashlib.sha256(content).hexdigest() == name.rpartition("/")[2]
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads(files["index.json"])["manifests"]
    assert [row["annotations"] for row in index] == [
        {"io.containerd.image.name": f"docker.io/{name}", "org.opencontainers.image.ref.name": "7"} for name in two
    ]
    rows = json.loads(files["manifest.json"])
    assert [row["RepoTags"] for row in rows] == [[name] for name in two]
    assert [row["Config"] for row in rows] == ["blobs/sha256/" + id.removeprefix("sha256:") for id in ids(engine, *two)]
    assert all(layer in files for row in rows for layer in row["Layers"])


@pytest.mark.parametrize("kind", ["docker-archive", "oci-archive"])
def test_other_tools_read_the_archive(engine, two, tmp_path, kind):
    engine.tare("save", "-o", tmp_path / "image.tar", two[0])
    name = ":docker.io/" + two[0] if kind == "docker-archive" else ""
    subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", f"{kind}:{tmp_path}/image.tar{name}", f"dir:{tmp_path}/out"], check=True)
    (config,) = [json.loads((tmp_path / "out" / "manifest.json").read_text())["config"]["digest"]]
    assert [config] == ids(engine, two[0])


@pytest.mark.parametrize("packer", ["cat", "gzip", "zstd", "xz", "bzip2"])
def test_a_pipe_of_any_packing_is_loaded(engine, registry, two, tmp_path, packer):
    before = ids(engine, two[0])
    saved = engine.popen("save", two[0], stdout=subprocess.PIPE)
    with open(tmp_path / "packed", "wb") as packed:
        subprocess.run([packer], stdin=saved.stdout, stdout=packed, check=True)
    saved.stdout.close()
    assert saved.wait(60) == 0
    forget(engine, registry)
    with open(tmp_path / "packed", "rb") as packed:
        assert engine.tare("load", "-q", stdin=packed).stdout == f"Loaded image: {two[0]}\n"
    assert ids(engine, two[0]) == before


def test_a_terminal_gets_no_archive(engine, two):
    with engine.terminal("save", two[0]) as terminal:
        assert terminal.wait() == 1
        assert "cowardly refusing to save to a terminal" in terminal.seen


def test_a_name_without_a_tag_is_all_tags_and_an_id_is_none(engine, registry, two, tmp_path):
    engine.tare("tag", two[0], "example/configured:8")
    engine.tare("save", "-o", tmp_path / "all.tar", "example/configured")
    (id,) = ids(engine, two[0])
    engine.tare("save", "-o", tmp_path / "id.tar", id)
    engine.tare("rmi", "-f", "example/configured:8")
    forget(engine, registry)
    assert engine.tare("load", "-i", tmp_path / "id.tar").stdout == f"Loaded image ID: {id}\n"
    assert sorted(engine.tare("load", "-i", tmp_path / "all.tar").stdout.splitlines()) == [
        "Loaded image: example/configured:7", "Loaded image: example/configured:8"]
    engine.tare("rmi", "-f", "example/configured:8")


def test_nothing_is_written_for_what_is_not_here(engine, two, tmp_path):
    done = engine.tare("save", "-o", tmp_path / "image.tar", two[0], "missing:1", code=None)
    assert done.returncode == 1 and "No such image: missing:1" in done.stderr and not os.listdir(tmp_path)
    done = engine.tare("save", "-o", "/no/such/directory/x", two[0], code=None)
    assert done.returncode == 1 and "/no/such/directory/x" in done.stderr


def test_the_platform_is_chosen(engine, registry, layout, two, tmp_path):
    away = "arm64" if images.MACHINE == "amd64" else "amd64"
    done = engine.tare("save", "--platform", f"linux/{away}", "-o", tmp_path / "x.tar", registry.reference("multi"), code=None)
    assert done.returncode == 1 and f"linux/{away}" in done.stderr
    engine.tare("save", "--platform", f"linux/{images.MACHINE}", "-o", tmp_path / "mine.tar", registry.reference("multi"))
    subprocess.run(["skopeo", "copy", "-q", "--all", f"oci:{layout.path}:multi", f"oci-archive:{tmp_path}/both.tar:example/both:1"], check=True)
    engine.tare("load", "--platform", f"linux/{away}", "-i", tmp_path / "both.tar")
    assert json.loads(engine.tare("inspect", "example/both:1").stdout)[0]["Architecture"] == away
    engine.tare("rmi", "-f", "example/both:1")
    done = engine.tare("load", "--platform", "linux/s390x", "-i", tmp_path / "both.tar", code=None)
    assert done.returncode == 1 and "no matching manifest for linux/s390x" in done.stderr


def test_what_is_for_another_platform_is_passed_over(engine, layout, tmp_path):
    away = "arm64" if images.MACHINE == "amd64" else "amd64"
    made = images.Layout(tmp_path / "layout")
    layer = images.tar_bytes([("file", "x\n")])
    made.tag("example/away:1", made.index([made.manifest([layer], architecture=away)]))
    made.tag("example/here:1", made.index([made.manifest([layer])]))
    archive = made.archive(tmp_path / "both.tar")
    # nobody chose: what has nothing for this machine is no reason to refuse the rest
    assert engine.tare("load", "-i", archive).stdout == "Loaded image: example/here:1\n"
    assert engine.tare("load", "--platform", away, "-i", archive).stdout == "Loaded image: example/away:1\n"
    engine.tare("save", "-o", tmp_path / "away.tar", "example/away:1")
    engine.tare("rmi", "example/away:1")
    # where nothing is left, it is said, also of an image that is for one platform by itself
    words = f"its platform \\(linux/{away}\\) does not match the specified platform \\(linux/{images.MACHINE}\\)"
    for path in (tmp_path / "away.tar", docker_archive(tmp_path / "away.tar", tmp_path / "docker.tar")):
        engine.fails(1, words, "load", "--platform", images.MACHINE, "-i", path)
        assert engine.tare("load", "-i", path).stdout == "Loaded image: example/away:1\n"
        engine.tare("rmi", "example/away:1")
    engine.fails(1, '"bogus": unknown operating system or architecture', "load", "--platform", "bogus", "-i", archive)
    engine.tare("rmi", "example/here:1")


def docker_archive(source, path):
    """The archive as docker before 25 wrote it: manifest.json and what it names, and no layout."""
    with tarfile.open(source) as tar, tarfile.open(path, "w") as out:
        for member in tar:
            if member.name not in ("index.json", "oci-layout"):
                out.addfile(member, tar.extractfile(member) if member.isfile() else None)
    return path


def archive_of(path, members):
    """members: (name, content) or (TarInfo, content)."""
    with tarfile.open(path, "w") as tar:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def link(name, target, type=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type, target
    return info


def layout_of(blob=None, size=None):
    """A layout of one image without layers; `blob` in place of its config."""
    config = json.dumps({"architecture": images.MACHINE, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = json.dumps({"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "layers": [],
                           "config": {"mediaType": images.OCI_CONFIG, "digest": f"sha256:{name}", "size": size or len(config)}}).encode()
    digest = hashlib.sha256(manifest).hexdigest()
    index = json.dumps({"schemaVersion": 2, "manifests": [{"mediaType": images.OCI_MANIFEST, "digest": f"sha256:{digest}", "size": len(manifest)}]}).encode()
    return [("index.json", index), (f"blobs/sha256/{digest}", manifest), (f"blobs/sha256/{name}", config if blob is None else blob)]


@pytest.mark.parametrize("members,words", [
    ([(link("index.json", "/etc/passwd"), b"")], "the archive is incomplete"),
    ([(link("manifest.json", "../../../../../../etc/passwd"), b"")], "the archive is incomplete"),
    ([(link("index.json", "/etc/passwd", tarfile.LNKTYPE), b"")], ""),
    ([("manifest.json", b'[{"Config":"/etc/passwd","RepoTags":["x:1"],"Layers":[]}]')], "the archive is incomplete"),
    ([("manifest.json", b'[{"Config":"../../../etc/passwd","RepoTags":["x:1"],"Layers":[]}]')], "the archive is incomplete"),
    ([("../outside", b"x")], "neither an OCI layout nor"),
    ([("index.json", b"x" * (5 << 20))], "index.json"),
    ([("index.json", b'{"schemaVersion":2,"manifests":[{"digest":"sha256:../../etc/passwd","size":3}]}')], "digest"),
    ([("index.json", b"[" * 100000)], "image index"),
    ([("manifest.json", b'[{"Config":"c","RepoTags":["UPPER:1"],"Layers":[]}]'), ("c", b"{}")], "invalid reference format"),
    (layout_of(b"{}"), "instead of"),
    (layout_of(size=1 << 40), "more than is allowed"),
    ([], "neither an OCI layout nor"),
], ids=["symlink", "symlink-up", "hardlink", "absolute", "up", "name-up", "huge-index", "digest", "nested", "name", "wrong-size", "huge-config", "empty"])
def test_hostile_archives_are_refused(engine, tmp_path, members, words):
    archive = archive_of(tmp_path / "bad.tar", members)
    before = engine.tare("images", "-aq").stdout
    done = engine.tare("load", "-i", archive, code=None)
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert engine.tare("images", "-aq").stdout == before and "root:" not in done.stderr
    assert not os.path.exists("/outside") and os.listdir(engine.root / "content" / "import") == []


def test_a_blob_that_is_not_what_its_name_says_is_refused(engine, tmp_path):
    (index, manifest, (name, config)) = layout_of()
    archive = archive_of(tmp_path / "bad.tar", [index, manifest, (name, config.replace(b"linux", b"LINUX"))])
    done = engine.tare("load", "-i", archive, code=None)
    assert done.returncode == 1 and "wrong digest: expected sha256:" in done.stderr


def test_the_same_tree_in_another_packing_is_saved_as_it_came(engine, registry, tmp_path):
    """Its layers are here already, unpacked from other blobs."""
    names = [registry.reference(name) for name in ("busybox", "busybox-zstd")]
    for name in names:
        engine.tare("pull", "-q", name)
        engine.tare("save", "-o", tmp_path / "image.tar", name)
        with tarfile.open(tmp_path / "image.tar") as tar:
            (row,) = json.load(tar.extractfile("manifest.json"))
            magic = tar.extractfile(row["Layers"][0]).read(2)
        assert magic == (b"(\xb5" if "zstd" in name else b"\x1f\x8b")
    engine.tare("rmi", "-f", *names)
