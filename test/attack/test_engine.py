# SPDX-License-Identifier: Apache-2.0
"""Classes E, G and L against a whole engine. TARE_TEST_ENGINE puts another one to the same tests (see engines.py)."""

import copy
import gzip
import json
import os
import re
import time

import pytest

import disk
import images
from attack import layer_corpus
from attack.engines import AUTHORIZATION, Attacked
from attack.registry_corpus import DIGESTS, DOCUMENTS, PLACES, endless, put_digest, redirect_layer, redirect_token
from attack.test_image import ORDERS
from attack.test_layers import Place
from fake_registry import Fake, fake, other  # noqa: F401

IMAGE = "localhost/hostile:1"
BOMBS = {
    "sparse map": lambda: gzip.compress(layer_corpus.sparse_bomb()),
    "header": layer_corpus.huge_header,
    "holes": lambda: layer_corpus.sparse(1 << 50),
    "ratio": lambda: layer_corpus.compressed_zeros("zstd", 1200),
}


@pytest.fixture(scope="module")
def attacked(temporary, bin_dir):
    """On a disk of its own, so that a bomb fills no other; without images between tests."""
    with disk.disk(temporary / "a", "ext4", 3 << 10) as point:
        one = Attacked(point, bin_dir)
        try:
            yield one
        finally:
            one.close()


@pytest.fixture(autouse=True)
def nothing_else(attacked, tmp_path):
    """The host is as it was."""
    place = Place(tmp_path)
    yield place
    place.check()
    assert not os.path.lexists("/absolute")


@pytest.fixture
def elsewhere():
    """Another machine's, as far as loopback is concerned (see test/isolate)."""
    one = Fake("192.0.2.1")
    yield one
    one.close()


def new_image(fake, tag="latest"):  # noqa: F811
    """One that no engine has pieces of."""
    return fake.image(tag, files=[("etc/hello", os.urandom(8).hex())])


def check_refusal(attacked, outcome, words="", image=IMAGE):
    """Refused in the end, in a line that tells nothing of the host, and no image is there."""
    left = attacked.images()
    if left:  # containerd's name of what it could not unpack
        attacked("remove", image)
    assert isinstance(outcome.code, int) and outcome.code != 0, outcome
    assert "root:" not in outcome.text, outcome
    if attacked.ours:
        assert not left, f"an image is there after {outcome}"
        lines = outcome.text.splitlines()
        assert words in outcome.text and len(lines[-1]) < 2000 and lines[-1].isprintable(), outcome


@pytest.mark.parametrize("name", [name for name, _, _ in layer_corpus.corpus("/canary")])
def test_layers_stay_inside(attacked, nothing_else, tmp_path, name):
    _, entries, words = next(row for row in layer_corpus.corpus(str(nothing_else.canary)) if row[0] == name)
    outcome = attacked.load(layer_corpus.saved(tmp_path / "image.tar", [layer_corpus.tar(entries)], IMAGE))
    if words:
        check_refusal(attacked, outcome, words)
    else:
        attacked("remove", IMAGE)
        assert outcome.code == 0 or not attacked.ours, outcome


@pytest.mark.parametrize("entries", layer_corpus.ARCHIVES, ids=range(len(layer_corpus.ARCHIVES)))
def test_archives_without_an_image_are_refused(attacked, tmp_path, entries):
    archive = tmp_path / "image.tar"
    archive.write_bytes(images.tar_bytes(entries))
    check_refusal(attacked, attacked.load(archive))


def refuses(attacked, reference, words="", credentials=False):
    check_refusal(attacked, attacked.pull(reference, credentials), words, reference)


@pytest.mark.parametrize("document, words", DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_documents_that_are_none(attacked, fake, document, words):  # noqa: F811
    fake.manifest("latest", document)
    refuses(attacked, f"{fake.address}/repo:latest", words)


@pytest.mark.parametrize("digest", DIGESTS, ids=range(len(DIGESTS)))
@pytest.mark.parametrize("where", PLACES)
def test_digests_that_are_none(attacked, fake, digest, where):  # noqa: F811
    put_digest(fake, digest, where)
    refuses(attacked, f"{fake.address}/repo:latest")
    assert not [path for path, _ in fake.requests if "passwd" in path]


def test_a_key_that_comes_twice_has_one_meaning(attacked, fake):  # noqa: F811
    """CVE-2021-41190: who checks a document and who obeys it must read the same in it."""
    _, manifest = new_image(fake)
    layers = json.dumps([fake.add(images.tar_bytes([("evil", "x")])) | {"mediaType": images.OCI_LAYER}])
    fake.manifest("latest", (json.dumps(manifest)[:-1] + f', "layers": {layers}}}').encode())
    refuses(attacked, f"{fake.address}/repo:latest")


@pytest.mark.parametrize("change", [-1, 1])
def test_sizes_are_believed_by_nobody(attacked, fake, change):  # noqa: F811
    _, manifest = new_image(fake)
    manifest["layers"][0]["size"] += change
    fake.manifest("latest", manifest)
    refuses(attacked, f"{fake.address}/repo:latest")


def test_an_answer_has_the_digest_that_was_asked_for(attacked, fake):  # noqa: F811
    """Whatever its header says."""
    descriptor, _ = new_image(fake)
    wrong = json.dumps(fake.image("other", files=[("etc/hello", "evil")])[1]).encode()
    fake.hook = lambda handler: "manifests" in handler.path and handler.answer(
        200, wrong if handler.command == "GET" else b"", Content_Type=images.OCI_MANIFEST, Docker_Content_Digest=descriptor["digest"])
    refuses(attacked, f"{fake.address}/repo@{descriptor['digest']}")


@pytest.mark.parametrize("what, bound", [("manifests", 4 << 20), ("config", 8 << 20), ("layer", 1 << 20), ("token", 1 << 16)])
def test_answers_without_an_end(attacked, fake, what, bound):  # noqa: F811
    _, manifest = new_image(fake)
    blobs = {"config": manifest["config"]["digest"], "layer": manifest["layers"][0]["digest"]}
    sent = []

    def hook(handler):
        if handler.path.startswith("/token"):
            sent.append(endless(handler))
        elif what == "token":
            handler.answer(401, WWW_Authenticate=f'Bearer realm="http://{fake.address}/token"')
        elif blobs.get(what, what) in handler.path and handler.command == "GET":
            sent.append(endless(handler, Content_Type=images.OCI_MANIFEST))
        else:
            return False
        return True

    fake.hook = hook
    outcome = attacked.pull(f"{fake.address}/repo:latest")
    print(f"{what}: {max(sent) >> 20} MB were taken, {outcome}")
    check_refusal(attacked, outcome, image=f"{fake.address}/repo:latest")
    assert max(sent) < bound + (16 << 20), "what a socket holds, and the bound"


def heard(fake):  # noqa: F811
    return [path for path, headers in fake.requests if headers.get("Authorization") == AUTHORIZATION]


def test_realms_elsewhere_hear_no_password(attacked, fake, elsewhere):  # noqa: F811
    """CVE-2026-33540, 2026-48978: over plain http it is nobody else's."""
    new_image(fake)
    elsewhere.hook = lambda handler: handler.answer(401)
    fake.hook = lambda handler: handler.answer(401, WWW_Authenticate=f'Bearer realm="http://192.0.2.1:{elsewhere.port}/token"')
    refuses(attacked, f"{fake.address}/repo:latest", credentials=True)
    assert heard(elsewhere) == []


def test_a_redirect_of_the_token_server_takes_no_password_along(attacked, fake, other):  # noqa: F811
    """CVE-2026-50151."""
    new_image(fake)
    fake.hook = redirect_token(fake, other)
    other.hook = lambda handler: handler.answer(401, WWW_Authenticate='Basic realm="mine"')
    refuses(attacked, f"{fake.address}/repo:latest", credentials=True)
    assert heard(other) == []


def test_a_token_is_for_who_asked_for_it(attacked, fake, other):  # noqa: F811
    """A blob that another host has: it gets neither token nor password."""
    _, manifest = new_image(fake)
    layer = manifest["layers"][0]["digest"]
    other.blobs = fake.blobs
    fake.hook = redirect_layer(fake, other, layer, b'{"token":"good","access_token":"good"}')
    reference = f"{fake.address}/repo:latest"
    outcome = attacked.pull(reference, credentials=True)
    attacked("remove", reference)
    assert outcome.code == 0 and other.requests, outcome
    assert all("Authorization" not in headers for _, headers in other.requests)


def test_foreign_layers_name_nobody_to_ask(attacked, fake, other):  # noqa: F811
    """CVE-2020-15157."""
    _, manifest = new_image(fake)
    layer = manifest["layers"][0]
    other.blobs = {layer["digest"]: fake.blobs.pop(layer["digest"])}
    layer |= {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
              "urls": [f"http://{other.address}/v2/repo/blobs/{layer['digest']}"]}
    other.hook = lambda handler: handler.headers.get("Authorization") is None and handler.answer(401, WWW_Authenticate='Basic realm="mine"')
    fake.manifest("latest", manifest)
    refuses(attacked, f"{fake.address}/repo:latest", credentials=True)
    assert heard(other) == [] and not other.requests


def publish(fake, tag, config, annotations):  # noqa: F811
    layer = images.busybox_tar()
    _, manifest = fake.image(tag)
    media_type, packed = images.compress(layer, "gzip")
    document = {"architecture": images.MACHINE, "os": "linux", "config": {**images.BUSYBOX_CONFIG, **config},
                "rootfs": {"type": "layers", "diff_ids": [layer_corpus.digest(layer)]}}
    manifest |= {"config": fake.add(json.dumps(document).encode()) | {"mediaType": images.OCI_CONFIG},
                 "layers": [fake.add(packed) | {"mediaType": media_type}]}
    if annotations:
        manifest["annotations"] = annotations
        for part in (manifest["config"], *manifest["layers"]):
            part["annotations"] = annotations
    fake.manifest(tag, manifest)
    return f"{fake.address}/repo:{tag}"


def comparable(document):
    """Without what is different for every container."""
    document = copy.deepcopy(document)
    text = json.dumps({key: document.get(key) for key in ("hooks", "mounts", "annotations")} | {"capabilities": document["process"].get("capabilities")})
    for part in (document["linux"].get("cgroupsPath", "").rsplit("/", 1)[-1], document.get("hostname") or "-"):
        text = text.replace(part, "X") if len(part) > 8 else text
    return json.loads(re.sub(r"\b[0-9a-f]{64}\b|\bX[0-9a-f]{52}\b", "X", text))


def test_labels_and_annotations_order_nothing(attacked, fake, nothing_else):  # noqa: F811
    """Hooks, mounts, capabilities and annotations are those of an image that says nothing; a command in a label,
    CVE-2026-53488, is not run."""
    script = nothing_else.canary.parent / "script"
    script.write_text(f"#!/bin/sh\ntouch {script}.ran\n")
    script.chmod(0o755)
    orders = {**ORDERS, "containerd.io/restart.loguri": f"binary://{script}"}
    references = [publish(fake, "plain", {}, {}), publish(fake, "evil", {"Labels": orders}, orders)]
    try:
        for reference in references:
            outcome = attacked.pull(reference)
            assert outcome.code == 0, outcome
        plain, evil = (comparable(attacked.configuration(reference)) for reference in references)
        for part, value in plain.items():
            assert evil[part] == value, part
        if attacked.kind == "containerd":  # its monitor looks every ten seconds for what is to run again
            attacked("run", references[1])
            attacked("kill")
            time.sleep(25)
            attacked("end")
        assert not os.path.exists(f"{script}.ran")
    finally:
        for reference in references:
            attacked("remove", reference)


# The last: an engine that they fill has no room for the rest.
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused(attacked, tmp_path, bomb):
    free = os.statvfs(attacked.peer.directory).f_bavail
    outcome = attacked.load(layer_corpus.saved(tmp_path / "image.tar", [BOMBS[bomb]()], IMAGE))
    left = os.statvfs(attacked.peer.directory).f_bavail
    print(f"{bomb}: {outcome}, {(free - left) * 4 >> 10} MB on the disk")
    check_refusal(attacked, outcome)
    assert "no space left" not in outcome.text.lower(), outcome
