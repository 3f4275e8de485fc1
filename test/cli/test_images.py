# SPDX-License-Identifier: Apache-2.0
"""Verbs for images, end to end."""

import json
import os
import re
import subprocess

import pytest

import images


def test_pull_on_a_terminal_keeps_a_line_a_layer(new_engine, registry):
    engine = new_engine().start()
    with engine.terminal("pull", registry.reference("debian"), rows=40, columns=120) as terminal:
        terminal.expect(r"[0-9a-f]{12}: Downloading \[=*>? *\]", timeout=60)
        terminal.expect("Status: Downloaded newer image for ", timeout=120)
        assert terminal.wait(60) == 0


def test_tag_list_and_remove(engine, busybox):
    engine.tare("tag", busybox, "mine:1")
    engine.tare("image", "tag", "mine:1", "mine:2")
    rows = [line.split() for line in engine.output("images", "mine").splitlines()[1:]]
    assert sorted(row[1] for row in rows) == ["1", "2"] and len({row[2] for row in rows}) == 1
    assert engine.output("image", "ls", "-q", "mine:1") == rows[0][2]
    assert engine.output("rmi", "mine:1") == "Untagged: mine:1"
    result = engine.tare("image", "rm", "mine:1", "mine:2", code=1)
    assert result.stdout == "Untagged: mine:2\n" and "mine:1" in result.stderr
    assert engine.output("images", "mine").splitlines()[1:] == []


def test_filters_of_images(engine, busybox):
    def names(*arguments):
        pairs = [option for argument in arguments for option in ("--filter", argument)]
        return sorted(engine.output("images", "--format", "{{.Repository}}:{{.Tag}}", *pairs).split())

    for name in ("fruit:1", "fruit:2", "nut:1"):
        engine.tare("tag", busybox, name)
    assert names("reference=fruit") == ["fruit:1", "fruit:2"]
    assert names("reference=fruit:2", "reference=n*") == ["fruit:2", "nut:1"], "those of one key are alternatives"
    assert names("reference=fruit:2", "dangling=true") == []
    assert names("reference=nut", "before=fruit:1") == [], "it is the same image"
    assert names("reference=nothing") == []
    # docker's names of them are theirs, too
    assert names("reference=nut", "since=docker.io/library/fruit:1") == []
    engine.fails(1, "No such image: gone:latest", "images", "--filter", "since=gone")
    engine.fails(1, "syntax error in pattern", "images", "--filter", "reference=f[")
    assert engine.output("images", "--filter", "reference=*:2", "-q", "fruit").split() == [engine.output("images", "-q", "nut")]
    engine.fails(1, "No such image: gone", "images", "--filter", "before=gone")
    engine.fails(1, "invalid filter 'dangling=perhaps'", "images", "--filter", "dangling=perhaps")
    engine.fails(1, "invalid filter 'taste=sweet'", "images", "--filter", "taste=sweet")
    engine.tare("rmi", "fruit:1", "fruit:2", "nut:1")


def test_an_image_for_another_platform_is_not_meant(engine, busybox):
    away = "arm64" if images.MACHINE == "amd64" else "amd64"
    (listed,) = json.loads(engine.output("image", "inspect", "--platform", f"linux/{images.MACHINE}", busybox))
    assert listed["Architecture"] == images.MACHINE
    assert engine.output("history", "-q", "--platform", images.MACHINE, busybox) == engine.output("history", "-q", busybox)
    engine.tare("tag", busybox, "platform:1")
    words = rf"was found but its platform \(linux/{images.MACHINE}\) does not match the specified platform \(linux/{away}\)"
    for verb in (["image", "inspect"], ["history"], ["rmi"]):
        assert re.search(words, engine.tare(*verb, "--platform", f"linux/{away}", "platform:1", code=1).stderr)
        assert '"bogus": unknown operating system' in engine.tare(*verb, "--platform", "bogus", "platform:1", code=1).stderr
    assert engine.output("rmi", "--platform", away, "--platform", images.MACHINE, "platform:1") == "Untagged: platform:1"


def test_what_is_no_name_is_said_so(engine, busybox):
    invalid = r"invalid reference format: repository name \(library/UP\) must be lowercase"
    engine.fails(1, f'^tare: Error parsing reference: "UP" is not a valid repository/tag: {invalid}', "tag", busybox, "UP")
    engine.fails(1, "refusing to create a tag with a digest reference", "tag", busybox, f"x@sha256:{'0' * 64}")
    for verb in (["rmi"], ["image", "inspect"], ["history"], ["save"]):
        assert re.search(invalid, engine.tare(*verb, "UP", code=1).stderr)
    engine.fails(1, "'scratch' is a reserved name", "pull", "scratch:latest")
    # a volume may be called what no image can be
    engine.tare("volume", "create", "UP")
    assert engine.output("inspect", "-f", "{{.Name}}", "UP") == "UP"
    engine.tare("volume", "rm", "UP")


def test_content_trust_is_accepted_and_never_pretended(engine, busybox, registry):
    engine.tare("pull", "-q", "--disable-content-trust", busybox)
    engine.tare("push", "-q", "--disable-content-trust=true", busybox)
    assert engine.output("run", "--rm", "--disable-content-trust", busybox, "echo", "x") == "x"
    for verb, code in (("pull", 1), ("push", 1), ("create", 125), ("run", 125)):
        engine.fails(code, "signatures of images cannot be verified", verb, "--disable-content-trust=false", busybox)


def test_a_tree_shows_an_image_once(new_engine, registry):
    own = new_engine().start()
    busybox = registry.reference("busybox") + ":latest"
    own.tare("pull", "-q", busybox)
    own.tare("tag", busybox, "other:1")

    def rows():
        lines = own.output("images", "--tree").splitlines()
        assert lines[:3] == ["Info -> U In Use", "", lines[2]] and lines[2].split() == ["IMAGE", "ID", "DISK", "USAGE", "CONTENT", "SIZE", "EXTRA"]
        return [line.split() for line in lines[3:]]

    short = own.output("images", "-q", busybox)
    (first, last) = rows()
    assert sorted([first[0], last[0]]) == [busybox, "other:1"] and len(first) == 1
    assert last[1] == short and len(last) == 4 and last[2].endswith("MB")
    container = own.output("create", busybox)
    assert rows()[1][4:] == ["U"]
    for option in ("-q", "--no-trunc", "--digests", "--format=x"):
        own.fails(1, "is not yet supported with --tree", "images", "--tree", option)
    own.tare("rm", container)
    own.tare("rmi", busybox, "other:1")


def test_an_image_in_use_stays(engine, busybox):
    container = engine.output("create", busybox)
    assert container[:12] in engine.tare("rmi", busybox, code=1).stderr
    engine.tare("rm", container)


def test_inspect_an_image(engine, busybox):
    (document,) = json.loads(engine.output("image", "inspect", busybox))
    assert re.fullmatch("sha256:[0-9a-f]{64}", document["Id"])
    assert busybox + ":latest" in document["RepoTags"]
    assert engine.output("inspect", "-f", "{{.Id}}", busybox) == document["Id"]
    assert engine.output("inspect", "-f", "{{.Os}}", document["Id"][7:19]) == "linux"
    assert document["Id"][7:19] == engine.output("images", "-q", busybox)
    assert set(document["GraphDriver"]["Data"]) >= {"MergedDir", "UpperDir", "WorkDir"}
    assert os.path.isdir(document["GraphDriver"]["Data"]["UpperDir"])
    assert {"Architecture", "Author", "Comment", "Created", "Metadata", "Parent", "RepoDigests", "Size"} <= set(document)


def test_load_from_a_file_and_from_a_pipe(engine, registry, tmp_path):
    archive = tmp_path / "image.tar"
    subprocess.run(
        ["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{registry.reference('busybox')}", f"docker-archive:{archive}:loaded:1"],
        check=True, timeout=60,
    )  # fmt: skip
    assert engine.output("load", "-i", archive) == "Loaded image: loaded:1"
    assert engine.output("run", "--rm", "loaded:1", "echo", "x") == "x"
    engine.tare("rmi", "loaded:1")
    with open(archive, "rb") as file:
        assert engine.output("load", stdin=file) == "Loaded image: loaded:1"
    engine.tare("rmi", "loaded:1")


def test_credentials_of_docker_login_are_used(engine, registry_auth, tmp_path):
    reference = registry_auth.reference("busybox")
    assert engine.tare("pull", reference, code=1).stderr.startswith("tare: ")
    import base64

    auths = {registry_auth.address: {"auth": base64.b64encode(b"alice:secret").decode()}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    environment = {**engine.environment, "DOCKER_CONFIG": str(tmp_path)}
    subprocess.run([engine.programs / "tare", "pull", "-q", reference], env=environment, check=True, timeout=60)
    engine.tare("rmi", reference)


def test_a_missing_image_is_one_clear_line(engine, registry):
    result = engine.tare("run", registry.reference("absent"), code=125)
    first, second = result.stderr.splitlines()[:2]
    assert first == f"Unable to find image '{registry.reference('absent')}:latest' locally"
    assert second.startswith("tare: ") and "absent" in second
    assert engine.output("ps", "-aq") == ""
