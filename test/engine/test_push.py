# SPDX-License-Identifier: Apache-2.0
"""Uploads to a registry that does what a test wants, and to Debian's."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading

import pytest

import images
from fake_registry import Fake, fake, other, pulled, refused, tool  # noqa: F401 (fixtures)
from harness import Engine, wait_until


@pytest.fixture
def local(fake, other, tool):
    """An image that came from `other` and is now called as if it were to go to `fake`."""
    _, manifest = other.image(files=[("etc/random", os.urandom(3 << 20)), ("etc/hello", "hello")])
    pulled(tool("pull", f"{other.address}/repo"))
    pulled(tool("tag", f"{other.address}/repo", f"{fake.address}/repo:1"))
    return manifest


def digest_of(manifest):
    return "sha256:" + hashlib.sha256(json.dumps(manifest).encode()).hexdigest()


def verbs(fake, part=""):
    return [method for method, path in fake.methods if part in path]


def test_an_image_goes_up_byte_for_byte(fake, other, tool, local):
    said = pulled(tool("push", f"{fake.address}/repo:1"))
    layer, config = local["layers"][0]["digest"], local["config"]["digest"]
    assert fake.blobs == other.blobs
    assert fake.manifests["1"] == other.manifests["latest"]
    # a large blob as a stream, a small one with the request that ends it
    assert verbs(fake) == ["HEAD", "POST", "PATCH", "PUT", "HEAD", "POST", "PUT", "PUT", "GET"] or \
        sorted(verbs(fake)) == sorted(["HEAD", "POST", "PATCH", "PUT", "HEAD", "POST", "PUT", "PUT"])
    assert [line.split()[0] for line in said.splitlines() if layer in line][0] == "preparing"
    assert f"done - {len(fake.manifests['1'][1])} - 1 {digest_of(local)}" in said
    assert f"pushed {layer}" in said and not any(config in line for line in said.splitlines())


def test_what_is_there_is_not_sent_again(fake, tool, local):
    pulled(tool("push", f"{fake.address}/repo:1"))
    fake.methods.clear()
    said = pulled(tool("push", f"{fake.address}/repo:1"))
    assert f"exists {local['layers'][0]['digest']}" in said
    assert sorted(verbs(fake)) == ["HEAD", "HEAD", "PUT"]


def test_the_digest_is_a_name_afterwards(fake, tool, local):
    pulled(tool("push", f"{fake.address}/repo:1"))
    assert f"{fake.address}/repo@{digest_of(local)}" in tool("list", f"{fake.address}/repo").stdout
    # and what the registry has under the tag is what is here
    assert "newer" not in pulled(tool("pull", f"{fake.address}/repo:1"))


def test_all_tags_go_with_one_word(fake, tool, local):
    pulled(tool("tag", f"{fake.address}/repo:1", f"{fake.address}/repo:2"))
    pulled(tool("push", f"{fake.address}/repo", ALL="1"))
    assert {"1", "2"} <= set(fake.manifests)
    refused(tool("push", f"{fake.address}/repo:1", ALL="1"), "tag can't be used with --all-tags/-a")
    refused(tool("push", f"{fake.address}/repo"), f"tag does not exist: {fake.address}/repo:latest")
    refused(tool("push", f"{fake.address}/none"), f"An image does not exist locally with the tag: {fake.address}/none")
    refused(tool("push", f"{fake.address}/repo@{digest_of(local)}"), "cannot push a digest reference")


def test_a_blob_is_mounted_from_where_it_came(fake, tool):
    """The image came from another repository of the same registry."""
    _, manifest = fake.image(files=[("etc/random", os.urandom(2 << 20))])
    there = dict(fake.blobs)
    fake.hook = lambda handler: setattr(handler, "path", handler.path.replace("/v2/some/where/", "/v2/repo/"))
    pulled(tool("pull", f"{fake.address}/some/where"))
    pulled(tool("tag", f"{fake.address}/some/where", f"{fake.address}/repo:1"))
    fake.hook = None
    fake.blobs, fake.mountable, fake.methods = {}, {"some/where": there}, []
    said = pulled(tool("push", f"{fake.address}/repo:1"))
    assert f"mounted {manifest['layers'][0]['digest']} {manifest['layers'][0]['size']} some/where" in said
    assert fake.blobs == there and "PATCH" not in verbs(fake)
    # where that is refused, or not known, the blob is sent
    for answer in (401, 403, 404, 202):
        fake.blobs, fake.mountable, fake.methods = {}, {}, []
        fake.hook = lambda handler: "mount=" in handler.path and answer != 202 and handler.answer(answer)
        assert f"pushed {manifest['layers'][0]['digest']}" in pulled(tool("push", f"{fake.address}/repo:1"))
        assert fake.blobs == there
        fake.manifests.clear()


def test_a_broken_upload_goes_on_where_it_ended(fake, tool, local):
    layer = local["layers"][0]["digest"]
    size = local["layers"][0]["size"]
    came = []

    def received(handler, upload):
        came.append(len(upload))
        if len([n for n in breaks if n <= len(upload)]) > len(broken):
            broken.append(len(upload))
            handler.connection.shutdown(socket.SHUT_RDWR)
            return True

    breaks, broken = [size // 4, size // 2], []
    fake.received = received
    pulled(tool("push", f"{fake.address}/repo:1"))
    ranges = [headers.get("Content-Range") for path, headers in fake.requests if "Content-Range" in headers]
    # (libcurl repeats by itself what broke on a connection that had served before)
    assert len(broken) == 2 and [f"{n}-{size - 1}" for n in broken] == list(dict.fromkeys(ranges))
    assert len(fake.blobs[layer]) == size


def test_an_upload_that_was_forgotten_begins_anew(fake, tool, local):
    gone = []

    def received(handler, upload):
        if not gone and len(upload) > 1 << 20:
            gone.append(fake.uploads.clear())
            handler.connection.shutdown(socket.SHUT_RDWR)
            return True

    fake.received = received
    pulled(tool("push", f"{fake.address}/repo:1"))
    assert gone and local["layers"][0]["digest"] in fake.blobs


def test_an_answer_that_was_lost_costs_no_second_upload(fake, tool, local):
    lost = []

    def hook(handler):
        if handler.command == "PUT" and "digest=" in handler.path and len(lost) < 2:
            upload, name = handler.upload()
            content = bytes(upload) + b"".join(handler.body())
            fake.blobs["sha256:" + hashlib.sha256(content).hexdigest()] = content
            del fake.uploads[name]
            lost.append(name)
            handler.connection.shutdown(socket.SHUT_RDWR)
            return True

    fake.hook = hook
    pulled(tool("push", f"{fake.address}/repo:1"))
    assert len(lost) == 2 and verbs(fake).count("POST") == 2


def test_a_registry_that_takes_little_at_once_gets_chunks(fake, tool, local):
    def hook(handler):
        if handler.command == "PATCH" and int(handler.headers["Content-Length"]) > 1 << 20:
            list(handler.body())
            return handler.answer(413)

    fake.hook = hook
    pulled(tool("push", f"{fake.address}/repo:1"))
    sizes = [int(headers["Content-Length"]) for path, headers in fake.requests if "Content-Range" in headers]
    assert sizes and len(fake.blobs[local["layers"][0]["digest"]]) == local["layers"][0]["size"]


def test_what_may_pass_is_tried_again(fake, tool, local):
    failures = {("HEAD", "blobs"): 429, ("POST", "uploads"): 500, ("PATCH", "uploads"): 503, ("PUT", "uploads"): 429, ("PUT", "manifests"): 502}

    def hook(handler):
        for (method, part), status in list(failures.items()):
            if handler.command != method or part not in handler.path:
                continue
            del failures[method, part]
            if method in ("PATCH", "PUT"):
                list(handler.body())
            handler.send_response(status)
            handler.send_header("Retry-After", "1")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return True

    fake.hook = hook
    pulled(tool("push", f"{fake.address}/repo:1"))
    assert not failures


def test_refusals_are_docker_s(fake, tool, local):
    def errors(status, code, message):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        fake.hook = lambda handler: handler.command == "POST" and handler.answer(status, body)

    errors(403, "DENIED", "requested access to the resource is denied")
    done = tool("push", f"{fake.address}/repo:1")
    assert done.stderr == "denied: requested access to the resource is denied\n"
    errors(401, "UNAUTHORIZED", "authentication required")
    assert tool("push", f"{fake.address}/repo:1").stderr == "unauthorized: authentication required\n"
    fake.hook = lambda handler: handler.answer(401, WWW_Authenticate='Basic realm="x"')
    assert tool("push", f"{fake.address}/repo:1").stderr == "no basic auth credentials\n"
    assert "1" not in fake.manifests


def test_the_token_is_for_pulling_and_pushing_and_for_where_a_layer_is_mounted_from(fake, tool):
    fake.image(files=[("etc/random", os.urandom(2 << 20))])
    fake.hook = lambda handler: setattr(handler, "path", handler.path.replace("/v2/some/where/", "/v2/repo/"))
    pulled(tool("pull", f"{fake.address}/some/where"))
    pulled(tool("tag", f"{fake.address}/some/where", f"{fake.address}/repo:1"))
    forms = []

    def hook(handler):
        if handler.path.startswith("/token"):
            forms.append(getattr(handler, "form", None))
            return handler.answer(200, b'{"token":"good"}')
        if handler.headers.get("Authorization") != "Bearer good":
            return handler.answer(401, WWW_Authenticate=f'Bearer realm="http://{fake.address}/token",service="fake"')

    fake.hook = hook
    fake.requests.clear()
    pulled(tool("push", f"{fake.address}/repo:1", REGISTRY_USER="alice", REGISTRY_PASSWORD="secret"))
    asked = {path for path, _ in fake.requests if path.startswith("/token")}
    assert asked == {"/token?scope=repository%3Arepo%3Apull%2Cpush&scope=repository%3Asome%2Fwhere%3Apull&service=fake"}
    pulled(tool("push", f"{fake.address}/repo:1", REGISTRY_TOKEN="refresh"))
    assert "scope=repository%3Arepo%3Apull%2Cpush%20repository%3Asome%2Fwhere%3Apull" in forms[-1]


def test_an_upload_that_goes_on_elsewhere_gets_no_credentials(fake, other, tool, local):
    def hook(handler):
        if handler.headers.get("Authorization") is None:
            return handler.answer(401, WWW_Authenticate='Basic realm="x"')
        if handler.command == "POST":
            other.uploads["there"] = bytearray()
            return handler.answer(202, Location=f"http://{other.address}/v2/repo/blobs/uploads/there?state=0")

    fake.hook = hook
    other.requests.clear()
    tool("push", f"{fake.address}/repo:1", REGISTRY_USER="alice", REGISTRY_PASSWORD="secret")
    assert other.requests and all("Authorization" not in headers for _, headers in other.requests)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://user:pw@127.0.0.1/x", "http://", None])
def test_an_upload_goes_on_by_http_only(fake, tool, local, location):
    def hook(handler):
        if handler.command == "POST":
            return handler.answer(202, **({"Location": location} if location else {}))

    fake.hook = hook
    done = tool("push", f"{fake.address}/repo:1")
    assert done.returncode != 0 and done.stderr.count("\n") == 1, done.stderr


def test_a_registry_that_stores_something_else_is_found_out(fake, tool, local):
    def hook(handler):
        if handler.command == "PUT" and "digest=" in handler.path:
            list(handler.body())
            return handler.answer(201, Docker_Content_Digest="sha256:" + "0" * 64)

    fake.hook = hook
    refused(tool("push", f"{fake.address}/repo:1"), "the registry stored sha256:")


def test_an_image_for_several_platforms(fake, other, tool):
    """Here is the part for this machine: this goes up, and it is said."""
    mine, manifest = other.image("mine", files=[("mine", "x")])
    foreign, _ = other.image("foreign", files=[("foreign", "x")])
    platform = {"platform": {"os": "linux", "architecture": images.MACHINE}}
    away = {"platform": {"os": "linux", "architecture": "s390x"}}
    index = other.manifest("latest", {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [foreign | away, mine | platform]}, images.OCI_INDEX)
    pulled(tool("pull", f"{other.address}/repo"))
    pulled(tool("tag", f"{other.address}/repo", f"{fake.address}/repo:1"))
    pulled(tool("push", f"{fake.address}/repo:1"))
    assert fake.manifests["1"][1] == json.dumps(manifest).encode()
    # a second push, of the name that means the index
    other.hook = lambda handler: None
    said = pulled(tool("push", f"{other.address}/repo"))
    assert f"partial - 0 {index['digest']} - {mine['digest']}" in said
    pulled(tool("push", f"{other.address}/repo", PLATFORM=f"linux/{images.MACHINE}"))
    refused(tool("push", f"{other.address}/repo", PLATFORM="linux/s390x"), "image with platform linux/s390x is not here")


def test_uploads_side_by_side_are_bounded(fake, other, tool):
    layers = [images.tar_bytes([(f"file{i}", os.urandom(1 << 21))]) for i in range(8)]
    config = {"architecture": images.MACHINE, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}}
    other.image(config=other.add(json.dumps(config).encode()) | {"mediaType": images.OCI_CONFIG},
                layers=[other.add(layer) | {"mediaType": images.OCI_LAYER} for layer in layers])
    pulled(tool("pull", f"{other.address}/repo"))
    pulled(tool("tag", f"{other.address}/repo", f"{fake.address}/repo:1"))
    now, most, lock = set(), [0], threading.Lock()

    def hook(handler):
        with lock:
            if handler.command == "POST":
                now.add(handler)
                most[0] = max(most[0], len([n for n in fake.uploads]) + 1)

    fake.hook = hook
    said = pulled(tool("push", f"{fake.address}/repo:1"))
    assert most[0] <= 5 and said.count("waiting") == 3 and len(fake.blobs) == 9


def test_as_many_at_once_as_the_configuration_says(new_engine, fake, other):
    """Two of four: each waits for another one beside it, and then a while for a third that must not come."""
    layers = [images.tar_bytes([(f"file{i}", f"content {i}")]) for i in range(4)]
    config = {"architecture": images.MACHINE, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}}
    other.image(config=other.add(json.dumps(config).encode()) | {"mediaType": images.OCI_CONFIG},
                layers=[other.add(layer) | {"mediaType": images.OCI_LAYER} for layer in layers])
    engine = new_engine({"max-concurrent-downloads": 2, "max-concurrent-uploads": 2}).start()

    def counting(server, counts):
        now, most, come = [0], [0], threading.Condition()

        def hook(handler):
            if not counts(handler):
                return
            with come:
                now[0] += 1
                most[0] = max(most[0], now[0])
                come.notify_all()
                come.wait_for(lambda: most[0] >= 2, 60)
                come.wait_for(lambda: most[0] > 2, 0.2)
                now[0] -= 1  # before the answer: whoever comes after it is no third

        server.hook = hook
        return most

    digests = {f"/v2/repo/blobs/sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers}
    down = counting(other, lambda handler: handler.command == "GET" and handler.path in digests)
    up = counting(fake, lambda handler: handler.command == "PUT" and "/blobs/uploads/" in handler.path)
    engine.tare("pull", f"{other.address}/repo")
    engine.tare("tag", f"{other.address}/repo", f"{fake.address}/repo:1")
    engine.tare("push", f"{fake.address}/repo:1")
    assert (down, up) == ([2], [2]) and digests <= {f"/v2/repo/blobs/{digest}" for digest in fake.blobs}


def test_a_layer_that_is_unpacked_keeps_no_other_from_coming(bin_dir, engine_directories, other, tmp_path):
    """One download at a time, and unpackers that wait for a word which is given when both layers were asked for."""
    layers = [images.tar_bytes([(f"file{i}", f"content {i}")]) for i in range(2)]
    config = {"architecture": images.MACHINE, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}}
    other.image(config=other.add(json.dumps(config).encode()) | {"mediaType": images.OCI_CONFIG},
                layers=[other.add(layer) | {"mediaType": images.OCI_LAYER} for layer in layers])
    programs = shutil.copytree(bin_dir, tmp_path / "bin")
    word = tmp_path / "word"
    unpack = programs / "tare-unpack"
    unpack.rename(programs / "real-unpack")
    unpack.write_text(f'#!/bin/sh\nuntil [ -e {word} ]; do /bin/sleep 0.05; done\nexec {programs}/real-unpack "$@"\n')
    unpack.chmod(0o755)
    engine = Engine(programs, next(engine_directories), {"max-concurrent-downloads": 1}).start()
    try:
        client = subprocess.Popen([programs / "tare", "pull", "-q", f"{other.address}/repo"], env=engine.environment, stdout=subprocess.DEVNULL)
        wanted = {("GET", f"/v2/repo/blobs/sha256:{hashlib.sha256(layer).hexdigest()}") for layer in layers}
        wait_until(lambda: wanted <= set(other.methods), what="both layers to be asked for")
        word.touch()
        assert client.wait(60) == 0
    finally:
        engine.close()


def test_to_a_real_registry_and_back(engine, registry, busybox):
    """What docker prints, and what docker's registry then has."""
    name = registry.reference("pushed/busybox")
    engine.tare("tag", busybox, f"{name}:1")
    first, *lines, last = engine.tare("push", f"{name}:1").stdout.splitlines()
    assert first == f"The push refers to repository [{name}]"
    layers = {line.split(": ")[0]: line.split(": ")[1] for line in lines}
    assert set(layers.values()) == {"Mounted from busybox"} and all(re.fullmatch("[0-9a-f]{12}", layer) for layer in layers)
    assert re.fullmatch(r"1: digest: sha256:[0-9a-f]{64} size: [0-9]+", last)
    # the same digest as where it came from
    digests = json.loads(engine.tare("inspect", f"{name}:1").stdout)[0]["RepoDigests"]
    assert len({digest.partition("@")[2] for digest in digests}) == 1 and len(digests) == 2
    engine.tare("tag", busybox, name)
    said = engine.tare("image", "push", name).stdout
    assert said.startswith("Using default tag: latest\nThe push refers to") and "Layer already exists" in said
    assert engine.tare("push", "-q", name).stdout == f"{name}:latest\n"
    assert [line[:1] for line in engine.tare("push", "-a", name).stdout.splitlines() if "digest:" in line] == ["1", "l"]
    engine.tare("rmi", f"{name}:1")
    assert "Status: " in engine.tare("pull", f"{name}:1").stdout


def test_all_tags_are_pulled_page_by_page(engine, fake):
    for tag in ("a", "b", "c"):
        fake.image(tag, files=[(tag, tag)])
    pages = {"/v2/repo/tags/list": (["a", "b"], '</v2/repo/tags/list?last=b&n=2>; rel="next"'), "/v2/repo/tags/list?last=b&n=2": (["c"], "")}

    def hook(handler):
        if handler.path in pages:
            tags, link = pages[handler.path]
            return handler.answer(200, json.dumps({"name": "repo", "tags": tags}).encode(), **({"Link": link} if link else {}))

    fake.hook = hook
    said = engine.tare("pull", "-a", f"{fake.address}/repo").stdout.splitlines()
    assert [line for line in said if "Pulling from" in line] == [f"{tag}: Pulling from repo" for tag in "abc"]
    assert said[-2:] == [f"Status: Downloaded newer image for {fake.address}/repo", f"{fake.address}/repo"]
    # tags are the registry's words, and pages stay with it
    pages["/v2/repo/tags/list"] = (["../../x"], "")
    assert "invalid reference format" in engine.tare("pull", "-a", f"{fake.address}/repo", code=1).stderr
    pages["/v2/repo/tags/list"] = (["a"], '<http://192.0.2.1/v2/>; rel="next"')
    engine.tare("pull", "-qa", f"{fake.address}/repo")
    for tag in "abc":
        engine.tare("rmi", f"{fake.address}/repo:{tag}")


def signed(fake, subject, kind):
    """An image that says of another that it belongs to it; its descriptor as the list of referrers has it."""
    manifest = fake.image(tag=kind, subject=subject, artifactType=f"application/{kind}", annotations={"of": kind})[1]
    body = fake.manifests[kind][1]
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    return {"mediaType": manifest["mediaType"], "digest": digest, "size": len(body), "artifactType": f"application/{kind}", "annotations": {"of": kind}}


def push_signed(fake, other, tool, *kinds, **environment):
    """Pulls what has been signed from `other` and pushes it; returns the fallback's tag and what it ought to list."""
    _, manifest = other.image()
    body = other.manifests["latest"][1]
    subject = {"mediaType": manifest["mediaType"], "digest": "sha256:" + hashlib.sha256(body).hexdigest(), "size": len(body)}
    wanted = [signed(other, subject, kind) for kind in kinds]
    for kind in kinds:
        pulled(tool("pull", f"{other.address}/repo:{kind}"))
        pulled(tool("tag", f"{other.address}/repo:{kind}", f"{fake.address}/repo:{kind}"))
        pulled(tool("push", f"{fake.address}/repo:{kind}", **environment))
    return subject["digest"].replace(":", "-"), wanted


def test_a_registry_without_referrers_gets_their_list_as_a_tag(fake, other, tool):
    """distribution-spec 1.1, "Referrers Tag Schema": one after another, and none twice."""
    tag, wanted = push_signed(fake, other, tool, "signature", "sbom")
    pulled(tool("push", f"{fake.address}/repo:signature"))
    kind, body = fake.manifests[tag]
    assert kind == "application/vnd.oci.image.index.v1+json"
    assert json.loads(body) == {"schemaVersion": 2, "mediaType": kind, "manifests": wanted}


@pytest.mark.parametrize("knows", ["by the answer", "by the list"])
def test_a_registry_with_referrers_lists_them_itself(fake, other, tool, knows):
    def hook(handler):
        if knows == "by the list" and "/referrers/" in handler.path:
            return handler.answer(200, b'{"schemaVersion":2,"manifests":[]}', Content_Type="application/vnd.oci.image.index.v1+json")
        if knows == "by the answer" and handler.command == "PUT" and "/manifests/" in handler.path:
            body = b"".join(handler.body())
            fake.manifests[handler.path.rpartition("/")[2]] = (handler.headers["Content-Type"], body)
            return handler.answer(201, Location=handler.path, OCI_Subject=json.loads(body)["subject"]["digest"])

    fake.hook = hook
    tag, _ = push_signed(fake, other, tool, "signature")
    assert "signature" in fake.manifests and tag not in fake.manifests and not fake.asked(tag)
    assert bool(fake.asked("/referrers/")) == (knows == "by the list")


def test_a_user_sees_referrers(engine, fake, other, tool):
    """By the list of a tag, or page by page from the registry; the image itself stays where it is."""
    tag, wanted = push_signed(fake, other, tool, "signature", "sbom")
    fake.manifests["latest"] = other.manifests["latest"]
    image = f"{fake.address}/repo:latest"
    before = engine.output("images", "-aq")
    shown = [[row["digest"], row["artifactType"], f"of={row['annotations']['of']}"] for row in wanted]

    def list_referrers(*words):
        return [line.split() for line in engine.output("image", "referrers", *words, image).splitlines()]

    assert list_referrers() == [["DIGEST", "ARTIFACT", "TYPE", "ANNOTATIONS"], *shown]
    assert list_referrers("--artifact-type", "application/sbom", "--format", '{{.Digest}} {{.Size}} {{.Label "of"}}') == [[wanted[1]["digest"], str(wanted[1]["size"]), "sbom"]]
    assert list_referrers("--artifact-type", "none", "--format", "{{.Digest}}") == []

    def hook(handler):
        if "/referrers/" not in handler.path:
            return None
        first = "page" not in handler.path
        body = json.dumps({"schemaVersion": 2, "manifests": wanted[:1] if first else wanted[1:]}).encode()
        return handler.answer(200, body, **({"Link": f'<{handler.path}?page=2>; rel="next"'} if first else {}))

    fake.hook = hook
    del fake.manifests[tag]
    assert list_referrers()[1:] == shown
    assert engine.output("images", "-aq") == before
    engine.fails(1, "manifest for .*:none not found", "image", "referrers", f"{fake.address}/repo:none")


def configured(tmp_path, name, *hosts):
    """hosts.toml of these (address, capabilities); the last is the registry itself."""
    directory = tmp_path / "certs.d" / name
    directory.mkdir(parents=True)
    lines = [f'server = "http://{hosts[-1][0]}"', f"capabilities = {json.dumps(hosts[-1][1])}"]
    for address, capabilities in hosts[:-1]:
        lines += [f'[host."http://{address}"]', f"capabilities = {json.dumps(capabilities)}"]
    (directory / "hosts.toml").write_text("\n".join(lines) + "\n")
    return {"CERTS": str(tmp_path / "certs.d")}


@pytest.fixture
def mirror():
    fake = Fake()
    yield fake
    fake.close()


def test_a_mirror_s_old_list_of_referrers_is_not_put_back(fake, other, mirror, tool, tmp_path):
    """The list is read where it is written, though the mirror may be asked for all else."""
    environment = configured(tmp_path, fake.address, (mirror.address, ["pull", "resolve"]), (fake.address, ["pull", "resolve", "push"]))
    index = "application/vnd.oci.image.index.v1+json"
    mirror.hook = lambda handler: handler.answer(200, b'{"schemaVersion":2,"manifests":[]}', Content_Type=index) if "/sha256-" in handler.path else None
    tag, wanted = push_signed(fake, other, tool, "signature", "sbom", **environment)
    assert json.loads(fake.manifests[tag][1])["manifests"] == wanted


@pytest.mark.parametrize("does,able", [
    ("push", ["pull", "resolve"]),
    ("pull", ["push"]),
    ("pull", ["push", "pull"]),
    ("pull", ["push", "resolve"]),
])
def test_a_host_is_asked_only_for_what_it_can(fake, other, mirror, tool, local, tmp_path, does, able):
    """What the first host may not do the second does, and where none may the engine says so."""
    everything = ["pull", "resolve", "push"]
    first, second = (mirror.address, able), (fake.address, everything)
    environment = configured(tmp_path / "both", fake.address, first, second)
    if does == "push":
        pulled(tool("push", f"{fake.address}/repo:1", **environment))
        assert fake.manifests and not mirror.requests
    else:
        _, manifest = fake.image(tag="2", files=[("etc/random", os.urandom(1000))])
        mirror.blobs = dict(fake.blobs)
        pulled(tool("pull", f"{fake.address}/repo:2", **environment))
        blobs = {manifest["config"]["digest"], manifest["layers"][0]["digest"]}
        assert not [path for path, _ in mirror.requests if "/manifests/2" in path]
        assert {path.partition("/blobs/")[2].partition("?")[0] for path, _ in mirror.requests} == (blobs if able == ["push", "pull"] else set())
    name = f"{fake.address}/repo:{'1' if does == 'push' else '3'}"
    words = "no configured host takes uploads of" if does == "push" else "no configured host may resolve"
    fake.requests.clear()
    alone = configured(tmp_path / "alone", fake.address, (fake.address, able))
    refused(tool(does, name, **alone), words)
    assert not fake.requests
