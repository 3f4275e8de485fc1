# SPDX-License-Identifier: Apache-2.0
"""Rule L: registries that mean harm. What they send is bounded, checked and believed no further than its digest; what
they are sent is what is theirs. For registries that are merely bad see test/engine/test_registry_client.py."""

import base64
import hashlib
import json
import subprocess
import threading

import images
import pytest
from attack.registry_corpus import DIGEST, DIGESTS, DOCUMENTS, PLACES, PLATFORM, endless, put_digest, redirect_layer, redirect_token
from fake_registry import fake, other, pulled, refused, tool  # noqa: F401
from harness import wait_until

SECRET = {"REGISTRY_USER": "alice", "REGISTRY_PASSWORD": "secret"}


def untouched(tool, tmp_path):
    """No image, no blob that could be taken for one."""
    assert tool("list").stdout == ""
    assert not list((tmp_path / "root/snapshots/overlay").glob("*"))


@pytest.mark.parametrize("document, words", DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_documents_that_are_none(fake, tool, tmp_path, document, words):
    fake.manifest("latest", document)
    refused(tool("pull", f"{fake.address}/repo"), words)
    untouched(tool, tmp_path)


@pytest.mark.parametrize("digest", DIGESTS, ids=range(len(DIGESTS)))
@pytest.mark.parametrize("place", PLACES)
def test_digests_that_are_none(fake, tool, tmp_path, digest, place):
    """CVE-2024-3727: what is not a digest is never a part of a path or URL."""
    put_digest(fake, digest, place)
    done = tool("pull", f"{fake.address}/repo")
    refused(done, "")
    assert len(done.stderr) < 1000 and done.stderr.rstrip("\n").isprintable()
    untouched(tool, tmp_path)
    assert not [path for path, _ in fake.requests if "passwd" in path]


def nested(fake, depth, inside):
    for _ in range(depth):
        inside = fake.manifest("latest", {"schemaVersion": 2, "manifests": [inside | PLATFORM]}, images.OCI_INDEX)


def test_indexes_nest_three_deep_and_no_deeper(fake, tool):
    descriptor, _ = fake.image()
    nested(fake, 3, descriptor)
    pulled(tool("pull", f"{fake.address}/repo"))
    pulled(tool("remove", f"{fake.address}/repo"))
    nested(fake, 5, descriptor)
    refused(tool("pull", f"{fake.address}/repo"), "")


def test_an_index_that_names_itself_ends(fake, tool, tmp_path):
    """No digest can, but an answer can be given under any."""
    body = json.dumps({"schemaVersion": 2, "manifests": [{"digest": DIGEST, "size": 300, "mediaType": images.OCI_INDEX} | PLATFORM]}).encode()
    fake.manifests["latest"] = fake.manifests[DIGEST] = (images.OCI_INDEX, body)
    refused(tool("pull", f"{fake.address}/repo"), "")
    assert len(fake.requests) < 10
    untouched(tool, tmp_path)


def test_many_manifests_and_layers_are_bounded(fake, tool, tmp_path):
    descriptor, manifest = fake.image()
    other = {"digest": DIGEST, "size": 5, "mediaType": descriptor["mediaType"], "platform": {"os": "plan9", "architecture": "z80"}}
    fake.manifest("latest", {"schemaVersion": 2, "manifests": [other] * 20_000 + [descriptor | PLATFORM]}, images.OCI_INDEX)
    pulled(tool("pull", f"{fake.address}/repo"))
    pulled(tool("remove", f"{fake.address}/repo"))
    manifest["layers"] = manifest["layers"] * 501
    fake.manifest("latest", manifest)
    refused(tool("pull", f"{fake.address}/repo"), "more than 500 layers")


def test_a_key_that_comes_twice_has_one_meaning(fake, tool, tmp_path):
    """CVE-2021-41190: who checks a document and who obeys it must read the same in it."""
    _, manifest = fake.image()
    text = json.dumps(manifest)
    other = json.dumps([fake.add(images.tar_bytes([("evil", "x")])) | {"mediaType": images.OCI_LAYER}])
    fake.manifest("latest", (text[:-1] + f', "layers": {other}}}').encode())
    refused(tool("pull", f"{fake.address}/repo"), "")
    untouched(tool, tmp_path)


def test_sizes_are_believed_by_nobody(fake, tool, tmp_path):
    """A layer that is longer, or shorter, than its manifest says."""
    _, manifest = fake.image()
    for change in (-1, 1):
        broken = json.loads(json.dumps(manifest))
        broken["layers"][0]["size"] += change
        fake.manifest("latest", broken)
        refused(tool("pull", f"{fake.address}/repo"), "")
        untouched(tool, tmp_path)


def test_an_answer_has_the_digest_that_was_asked_for_whatever_its_header_says(fake, tool, tmp_path):
    descriptor, _ = fake.image()
    reference = f"{fake.address}/repo@{descriptor['digest']}"
    fake.hook = lambda handler: "manifests" in handler.path and handler.answer(
        200, b'{"schemaVersion":2}', Content_Type=images.OCI_MANIFEST, Docker_Content_Digest=descriptor["digest"])
    refused(tool("pull", reference), "wrong digest")
    untouched(tool, tmp_path)


@pytest.mark.parametrize("what, bound", [("manifests", 4 << 20), ("config", 8 << 20), ("layer", 1 << 20), ("token", 1 << 16), ("refusal", 1 << 16)])
def test_answers_without_an_end(fake, tool, tmp_path, what, bound):
    _, manifest = fake.image()
    blobs = {"config": manifest["config"]["digest"], "layer": manifest["layers"][0]["digest"]}
    sent = []

    def hook(handler):
        if handler.path.startswith("/token"):
            sent.append(endless(handler))
        elif what == "token":
            handler.answer(401, WWW_Authenticate=f'Bearer realm="http://{fake.address}/token"')
        elif what == "refusal":
            sent.append(endless(handler, 403))
        elif blobs.get(what, what) in handler.path:
            sent.append(endless(handler, Content_Type=images.OCI_MANIFEST))
        else:
            return False
        return True

    fake.hook = hook
    refused(tool("pull", f"{fake.address}/repo"), "")
    assert sent and max(sent) < bound + (16 << 20), "what a socket holds, and the bound"
    untouched(tool, tmp_path)


@pytest.mark.parametrize("headers", [
    [("X", "y" * 60_000)],
    [(f"X-{i}", "y" * 1000) for i in range(1000)],
    [("WWW-Authenticate", "Bearer " + ",".join(f'a{i}="b"' for i in range(3000)))],
    [("WWW-Authenticate", f'Bearer realm="{"x" * 10_000}"')],
    [("WWW-Authenticate", 'Bearer realm="http://127.0.0.1:1/\\"; rm -rf /"')],
    [("WWW-Authenticate", "Negotiate x")] * 50,
    [("Retry-After", "99999999999999999999"), ("Location", "x" * 10_000)],
    [("Retry-After", "-1")],
], ids=range(8))
@pytest.mark.parametrize("status", [200, 401, 404])
def test_headers_are_bounded(fake, tool, headers, status):
    def hook(handler):
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    fake.hook = hook
    done = tool("pull", f"{fake.address}/repo", **SECRET)
    refused(done, "")
    assert len(done.stderr) < 2000


def test_who_says_a_byte_a_minute_is_left(fake, tool, build, tmp_path):
    """Slow loris: it would hold a place among the few downloads for ever."""
    release = threading.Event()

    def hook(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"{")
        return release.wait(600)

    fake.hook = hook
    command = [build / "test/unit/engine-image/imagetool", tmp_path / "root", build / "engine/layer/tare-unpack", "pull", f"{fake.address}/repo"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: len(fake.requests) > 1, timeout=120, what="a new attempt after half a minute of silence")
        process.kill()
    release.set()


@pytest.mark.parametrize("location", [
    "http://192.0.2.1/metadata", "http://169.254.169.254/latest/meta-data", "https://192.0.2.1:5/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1/x",
    "//192.0.2.1/x", "http://alice:secret@127.0.0.1:1/x", "http://127.0.0.1:1/\r\nX: y", "javascript:1", "", "http://",
], ids=range(12))
def test_redirects_lead_to_no_secrets(fake, tool, tmp_path, location):
    """Wherever they lead: what comes back has the wrong digest, no credentials went there, and a message tells nothing of it."""
    def hook(handler):
        if handler.headers.get("Authorization") is None:
            return handler.answer(401, WWW_Authenticate='Basic realm="x"')
        return handler.answer(302, Location=location)

    fake.hook = hook
    done = tool("pull", f"{fake.address}/repo", **SECRET)
    assert done.returncode != 0 and done.stderr.count("\n") == 1 and "root:" not in done.stderr and "secret" not in done.stderr, done.stderr
    untouched(tool, tmp_path)


@pytest.mark.parametrize("realm", ["https://192.0.2.1/token", "file:///etc/passwd", "ftp://127.0.0.1/token", "http://127.0.0.1:1@192.0.2.1/t", "token", ""])
def test_realms_elsewhere_hear_no_password(fake, tool, realm):
    """CVE-2026-33540, 2026-48978: the realm names who gets the password; over plain http that is nobody else."""
    fake.hook = lambda handler: handler.answer(401, WWW_Authenticate=f'Bearer realm="{realm}"')
    done = tool("pull", f"{fake.address}/repo", **SECRET)
    refused(done, "")
    assert all("Basic" not in headers.get("Authorization", "") for _, headers in fake.requests)


def test_a_redirect_of_the_token_server_takes_no_password_along(fake, other, tool):
    """CVE-2026-50151."""
    fake.image()
    fake.hook = redirect_token(fake, other)
    other.hook = lambda handler: handler.answer(401, WWW_Authenticate='Basic realm="mine"')
    assert tool("pull", f"{fake.address}/repo", **SECRET).returncode != 0
    assert all("Authorization" not in headers for _, headers in other.requests), other.requests


def test_a_token_is_for_who_asked_for_it(fake, other, tool):
    """What one host gave is not shown to the next, though it asks for the same."""
    _, manifest = fake.image()
    layer = manifest["layers"][0]["digest"]
    other.blobs = fake.blobs
    fake.hook = redirect_layer(fake, other, layer, b'{"token":"good"}')
    pulled(tool("pull", f"{fake.address}/repo", **SECRET))
    password = base64.b64encode(b"alice:secret").decode()
    assert all("Authorization" not in headers for _, headers in other.requests)
    assert not any(password in headers.get("Authorization", "") for path, headers in fake.requests if not path.startswith("/token"))


def test_foreign_layers_name_nobody_to_ask(fake, tool):
    """CVE-2020-15157: URLs in a manifest."""
    _, manifest = fake.image()
    digest = manifest["layers"][0]["digest"]
    manifest["layers"][0] |= {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                              "urls": ["http://169.254.169.254/latest", "file:///etc/passwd", f"http://{fake.address}/elsewhere"]}
    del fake.blobs[digest]
    fake.manifest("latest", manifest)
    fake.hook = lambda handler: "elsewhere" in handler.path and handler.answer(200, b"x")
    refused(tool("pull", f"{fake.address}/repo", **SECRET), "")
    assert not fake.asked("elsewhere")


def test_data_within_a_descriptor_is_not_believed(fake, tool):
    """It would come past the digest."""
    _, manifest = fake.image()
    real = manifest["config"]["digest"]
    manifest["config"]["data"] = base64.b64encode(b'{"config":{"User":"evil"}}').decode()
    fake.manifest("latest", manifest)
    pulled(tool("pull", f"{fake.address}/repo"))
    assert fake.asked(real)


def test_the_same_content_under_two_names_is_one(fake, tool, tmp_path):
    """Cache poisoning, CVE-2024-24557: what is known by its digest is not taken for what merely claims it."""
    _, manifest = fake.image("good", files=[("etc/hello", "good")])
    evil = images.compress(images.tar_bytes([("etc/hello", "evil")]), "gzip")[1]
    changed = json.loads(json.dumps(manifest))
    changed["layers"][0] |= {"digest": "sha256:" + hashlib.sha256(evil).hexdigest(), "size": len(evil)}
    fake.blobs[changed["layers"][0]["digest"]] = evil
    fake.manifest("evil", changed)
    refused(tool("pull", f"{fake.address}/repo:evil"), "wrong diff id")
    pulled(tool("pull", f"{fake.address}/repo:good"))
    # by now its content is here, under the digest that it has when it is unpacked: it is never asked for again
    pulled(tool("pull", f"{fake.address}/repo:evil"))
    (kept,) = (tmp_path / "root/snapshots/overlay").glob("*/fs/etc/hello")
    assert kept.read_text() == "good"


@pytest.mark.parametrize("name", ["../../etc", "repo/../x", "/repo", "repo//x", "REPO", "repo\\x", "repo%2f..", "a@sha256:x", "repo:" + "x" * 200, "re\npo", "repo\x1b[2J",
                                  "x" * 300, ".", "repo:../x", "repo@sha256:" + "g" * 64])
def test_names_are_names(fake, tool, name):
    done = tool("pull", f"{fake.address}/{name}")
    refused(done, "")
    assert done.stderr.rstrip("\n").isprintable() and not fake.requests


def test_the_host_in_a_name_cannot_carry_a_user(fake, tool):
    refused(tool("pull", f"alice:secret@{fake.address}/repo"), "")
    assert not fake.requests


def test_certificates_are_checked_even_when_http_would_do(fake, tool):
    """CVE-2025-6032: a name in no table of insecure registries is spoken to by TLS or not at all."""
    fake.image()
    address = f"localhost.localdomain:{fake.port}"
    done = tool("pull", f"{address}/repo", **SECRET)
    refused(done, "")
    assert not fake.requests


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_a_proxy_of_a_request_is_not_made_of_a_header(fake, tool, variable):
    """httpoxy: only the engine's own configuration and environment name proxies, and loopback needs none."""
    fake.image()
    pulled(tool("pull", f"{fake.address}/repo", **{variable: "http://192.0.2.1:9"}, NO_PROXY="127.0.0.0/8"))
