# SPDX-License-Identifier: Apache-2.0
"""What is removed because nobody uses it, what stays, and what the disk says of it."""

import json
import re

import pytest


@pytest.fixture
def own(new_engine):
    return new_engine().start()


def ids(engine, *words):
    return set(engine.output("ps", "-aq", "--no-trunc", *words).split())


def test_only_containers_that_do_not_run_are_pruned(own, registry):
    image = registry.reference("busybox")
    own.tare("pull", "-q", image)
    running = own.output("run", "-d", image, "sleep", "1000")
    exited = own.output("run", "-d", "--label", "keep=no", image, "sh", "-c", "echo x > /file")
    created = own.output("create", "--label", "keep=yes", image)
    own.tare("wait", exited)
    assert exited not in own.output("container", "prune", "-f", "--filter", "until=1h")
    assert ids(own) == {running, exited, created}
    out = own.output("container", "prune", "-f", "--filter", "label!=keep=yes")
    assert f"Deleted Containers:\n{exited}\n" in out and re.search(r"^Total reclaimed space: [1-9]", out, re.MULTILINE)
    assert created in own.output("system", "prune", "-f")
    assert ids(own) == {running}
    assert own.output("container", "prune", "-f") == "Total reclaimed space: 0B"
    assert "invalid filter" in own.tare("container", "prune", "-f", "--filter", "color=red", code=1).stderr
    own.tare("rm", "-f", running)


def test_images_are_pruned_when_nobody_names_or_uses_them(own, registry):
    for name in ("busybox", "debian"):
        own.tare("pull", "-q", registry.reference(name))
    busybox, debian = registry.reference("busybox"), registry.reference("debian")
    old = own.output("inspect", "-f", "{{.Id}}", busybox)
    used = own.output("create", debian)
    assert own.output("image", "prune", "-f") == "Total reclaimed space: 0B"
    own.tare("tag", debian, "moved")
    own.tare("tag", busybox, "other")
    own.tare("tag", debian, "other")  # takes the name away
    own.tare("rmi", "moved")
    own.tare("tag", debian, busybox)
    assert own.output("images", "-q", "--no-trunc", "-f", "dangling=true").split() == [old]
    out = own.output("image", "prune", "-f")
    assert f"deleted: {old}\n" in out and re.search(r"^Total reclaimed space: [1-9]", out, re.MULTILINE)
    own.tare("image", "prune", "-af")
    assert set(own.output("images", "-q").split()) == {own.output("images", "-q", debian)}
    own.tare("rm", used)
    own.tare("system", "prune", "-af")
    assert own.output("images", "-q") == ""
    size, unit = re.match(r"Images ([0-9.]+)(\w+)$", own.output("system", "df", "--format", "{{.Type}} {{.Size}}").splitlines()[0]).groups()
    assert unit in ("B", "kB"), "only directories are left"


def test_filters_of_ps(own, registry):
    image = registry.reference("busybox")
    own.tare("pull", "-q", image)
    first = own.output("create", "--name", "web-1", "-p", "127.0.0.1::80", "-v", "/tmp:/data", "--label", "a=b", image)
    second = own.output("run", "-d", "--name", "db", "--network", "none", image, "sleep", "1000")
    cases = {
        "name=^web-[0-9]$": {first}, "name=/db": {second}, "label=a": {first}, "label=a=c": set(), "status=created": {first},
        "status=running": {second}, "since=web-1": {second}, "before=db": {first}, "network=none": {second}, "volume=/tmp": {first},
        "volume=/data": {first}, "expose=80": {first}, "expose=70-90/tcp": {first}, "expose=80/udp": set(), "health=none": {first, second},
        f"ancestor={image}": {first, second}, f"id={second[:10]}": {second}, "is-task=false": {first, second},
    }  # fmt: skip
    for text, expected in cases.items():
        assert ids(own, "-f", text) == expected, text
    for text in ("status=lost", "health=well", "exited=x", "color=red"):
        assert f"invalid filter '{text}'" in own.tare("ps", "-f", text, code=1).stderr
    assert "No such container: nobody" in own.tare("ps", "-f", "since=nobody", code=1).stderr
    assert re.fullmatch(r"0B \(virtual [1-9][0-9.]*MB\)", own.output("ps", "-a", "-f", "name=web", "--format", "{{.Size}}"))
    own.tare("rm", "-f", first, second)


def test_events_are_remembered_and_filtered(own, registry):
    image = registry.reference("busybox")
    own.tare("pull", "-q", image)
    container = own.output("run", "-d", "--name", "job", "--label", "role=test", image, "sh", "-c", "exit 3")
    own.tare("wait", container)
    own.tare("rm", container)
    out = own.output("events", "--since", "10m", "--until", "0s", "--format", "{{.Type}} {{.Action}}").splitlines()
    assert [line for line in out if line.startswith("container")] == [f"container {action}" for action in ("create", "start", "die", "destroy")]
    assert "image pull" in out
    (line,) = own.output("events", "--since", "10m", "--until", "0s", "-f", "event=die", "-f", "container=job").splitlines()
    assert re.fullmatch(rf"\S+ container die {container} \(exitCode=3, image={image}, name=job, role=test\)", line)
    for words, n in ((["label=role=test"], 4), (["label=role=none"], 0), (["type=image"], 1), ([f"image={image}", "event=create"], 1)):
        filters = [word for text in words for word in ("-f", text)]
        assert len(own.output("events", "--since", "10m", "--until", "0s", *filters).splitlines()) == n, words
    assert "invalid filter" in own.tare("events", "--until", "0s", "-f", "colour=red", code=1).stderr


def test_images_filters_and_sizes(own, registry):
    for name in ("busybox", "debian"):
        own.tare("pull", "-q", registry.reference(name))
    busybox = registry.reference("busybox")
    assert "invalid filter 'dangling=maybe'" in own.tare("images", "-f", "dangling=maybe", code=1).stderr
    assert "No such image: nobody" in own.tare("images", "-f", "before=nobody", code=1).stderr
    everything = own.output("images", "--format", "{{.Repository}}").split()
    assert len(everything) == 2 and own.output("images", "-q", "-f", "until=1970-01-02T00:00:00Z") == ""
    rows = [json.loads(line) for line in own.output("images", "--format", "json").splitlines()]
    assert {row["Repository"] for row in rows} == set(everything) and all(row["SharedSize"] == "N/A" for row in rows)
    container = own.output("create", busybox)
    usage = own.output("system", "df", "-v")
    assert re.search(rf"^{re.escape(busybox)} .* 1$", usage, re.MULTILINE) and container[:12] in usage
    (document,) = json.loads(own.output("inspect", "--size", container))
    assert document["SizeRw"] == 0 and document["SizeRootFs"] > 10**6
    own.tare("rm", container)
