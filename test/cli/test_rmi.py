# SPDX-License-Identifier: Apache-2.0
"""What rmi refuses, in the words that Docker's users match on, and what it takes along."""

import json
import re

import pytest

ID = "sha256:[0-9a-f]{64}"


@pytest.fixture
def image(engine, busybox):
    """Makes an image of its own layer, so that nothing of another test stands on it."""
    made = []

    def make(parent=busybox):
        name = engine.output("create", parent, "sleep", "1000")
        made.append(engine.output("commit", "-m", str(len(made)), name))
        engine.tare("rm", name)
        return made[-1]

    yield make
    for container in engine.output("ps", "-aq").split():
        engine.tare("rm", "-f", container)
    for identity in reversed(made):
        engine.tare("rmi", "-f", identity)
    assert not [line for line in engine.output("images", "-aq", "--no-trunc").splitlines() if line in made]


def lines(result):
    return [re.sub(ID, "ID", line) for line in result.stdout.splitlines()]


def tags(engine, identity):
    return json.loads(engine.output("image", "inspect", "-f", "{{json .RepoTags}}", identity))


def test_the_image_of_a_running_container(engine, image):
    identity = image()
    short = identity[7:19]
    engine.tare("tag", identity, "one")
    container = engine.output("run", "-d", "one", "sleep", "1000")
    by_name = (
        f'conflict: unable to remove repository reference "one" (must force) - container {container[:12]} is using its referenced image {short}'
    )
    assert engine.tare("rmi", "one", code=1).stderr == f"tare: {by_name}\n"
    used = f"conflict: unable to delete {short} (cannot be forced) - image is being used by running container {container[:12]}"
    for name in (identity, identity[7:], short):
        for force in ([], ["-f"]):
            assert engine.tare("rmi", *force, name, code=1).stderr == f"tare: {used}\n"
    assert tags(engine, identity) == ["one:latest"]
    # a forced name goes, the image stays
    assert lines(engine.tare("rmi", "-f", "one")) == ["Untagged: one:latest"]
    assert tags(engine, identity) == []
    engine.tare("rm", "-f", container)
    assert lines(engine.tare("rmi", identity))[0] == "Deleted: ID"


def test_the_image_of_a_stopped_container(engine, image):
    identity = image()
    short = identity[7:19]
    engine.tare("tag", identity, "one")
    container = engine.output("create", "one")
    by_name = "conflict: unable to remove repository reference"
    engine.fails(1, re.escape(by_name + ' "one:latest" (must force) - container ' + container[:12]), "rmi", "one:latest")
    used = f"conflict: unable to delete {short} (must be forced) - image is being used by stopped container {container[:12]}"
    engine.fails(1, re.escape(used), "rmi", short)
    # one of several names may go
    engine.tare("tag", "one", "two")
    assert lines(engine.tare("rmi", "two")) == ["Untagged: two:latest"]
    assert lines(engine.tare("rmi", "-f", "one"))[:2] == ["Untagged: one:latest", "Deleted: ID"]


def test_several_names(engine, image):
    identity = image()
    short = identity[7:19]
    for name in ("one:1", "one:2"):
        engine.tare("tag", identity, name)
    many = f"conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
    engine.fails(1, re.escape(many), "rmi", identity)
    container = engine.output("create", "one:1")
    engine.fails(1, re.escape(many), "rmi", identity)  # of the two reasons, Docker names this one
    assert lines(engine.tare("rmi", "one:1")) == ["Untagged: one:1"]
    engine.tare("rm", container)
    engine.tare("tag", identity, "host:5000/other:3")
    assert lines(engine.tare("rmi", "-f", short))[:3] == ["Untagged: one:2", "Untagged: host:5000/other:3", "Deleted: ID"]


def test_children(engine, image):
    parent = image()
    engine.tare("tag", parent, "parent")
    child = image(parent)
    engine.tare("tag", child, "child")
    depends = f"conflict: unable to delete {parent[7:19]} (cannot be forced) - image has dependent child images"
    for force in ([], ["-f"]):
        engine.fails(1, re.escape(depends), "rmi", *force, parent)
    assert tags(engine, parent) == ["parent:latest"]
    assert lines(engine.tare("rmi", "parent")) == ["Untagged: parent:latest"]
    assert tags(engine, parent) == []
    # without a name it goes with its last child
    deleted = [line for line in engine.output("rmi", "child").splitlines() if line.startswith("Deleted: ")]
    assert deleted[:2] == [f"Deleted: {child}", f"Deleted: {parent}"]
    assert engine.tare("image", "inspect", parent, code=1)


def test_parents_that_stay(engine, image):
    parent = image()
    used = image(parent)
    child = image(used)
    engine.tare("rmi", "--no-prune", child)
    assert tags(engine, used) == []
    container = engine.output("create", used)
    child = image(used)
    assert used not in engine.output("rmi", child)
    engine.tare("rm", container)
    engine.tare("tag", parent, "parent")
    assert f"Deleted: {parent}" not in engine.output("rmi", used)
    assert tags(engine, parent) == ["parent:latest"]


def test_digests(engine, registry, busybox):
    """A digest is a name, too; the last tag of its repository takes it along."""
    reference = registry.reference("configured")
    engine.tare("pull", "-q", reference)
    (digest,) = json.loads(engine.output("image", "inspect", "-f", "{{json .RepoDigests}}", reference))
    identity = engine.output("image", "inspect", "-f", "{{.Id}}", reference)
    assert engine.output("rmi", digest) == f"Untagged: {digest}"
    assert engine.output("rmi", reference).splitlines()[:2] == [f"Untagged: {reference}:latest", f"Deleted: {identity}"]
    engine.tare("pull", "-q", digest)
    engine.tare("tag", digest, "mine")
    assert lines(engine.tare("rmi", "mine")) == ["Untagged: mine:latest"]
    assert engine.output("rmi", digest).splitlines()[:2] == [f"Untagged: {digest}", f"Deleted: {identity}"]


def test_what_is_not_there(engine, image):
    identity = image()
    engine.tare("tag", identity, "one")
    result = engine.tare("rmi", "absent", "one", code=1)
    assert result.stderr == "tare: No such image: absent:latest\n" and lines(result)[0] == "Untagged: one:latest"
    result = engine.tare("rmi", "-f", "absent")
    assert result.stderr == "tare: No such image: absent:latest\n"
    engine.fails(1, "image name cannot be blank", "rmi", " ")
    engine.fails(1, "invalid reference format|No such image: UPPER", "rmi", "UPPER")


def test_a_tag_may_not_look_like_a_digest(engine, busybox):
    engine.fails(1, "refusing to create an ambiguous tag using digest algorithm as name", "tag", busybox, "sha256:latest")
