# SPDX-License-Identifier: Apache-2.0
"""engine/registry against registries that fail, lie, ask for tokens or want credentials that are not theirs."""

import base64
import collections
import json
import os
import socket
import subprocess
import sys
import time

import pytest

import images
from fake_registry import MANIFEST, Fake, fake, other, pulled, refused, tool  # noqa: F401
from harness import free_port


def test_a_plain_pull_asks_for_each_thing_once(fake, tool):
    fake.image()
    pulled(tool("pull", f"{fake.address}/repo"))
    counts = collections.Counter(path for path, _ in fake.requests)
    assert len(counts) == 3 and set(counts.values()) == {1}, counts
    assert "application/vnd.oci.image.index.v1+json" in fake.asked("manifests")[0]["Accept"]
    # up to date: the manifest only
    pulled(tool("pull", f"{fake.address}/repo"))
    assert len(fake.requests) == 4


def test_a_broken_transfer_is_resumed_where_it_ended(fake, tool):
    content = os.urandom(300000)
    _, manifest = fake.image(files=[("etc/random", content)])
    layer = manifest["layers"][0]["digest"]
    broken = []

    def hook(handler):
        if layer in handler.path and len(broken) < 3:
            body = fake.blobs[layer]
            start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
            broken.append(start)
            handler.send_response(206 if start else 200)
            if start:
                handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            handler.send_header("Content-Length", str(len(body) - start))
            handler.end_headers()
            handler.wfile.write(body[start : start + 70000])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            return True

    fake.hook = hook
    pulled(tool("pull", f"{fake.address}/repo"))
    assert broken[0] == 0 and 0 < broken[1] < broken[2], broken
    assert len(fake.asked(layer)) == 4


def test_a_registry_without_ranges_starts_again(fake, tool):
    content = os.urandom(300000)
    _, manifest = fake.image(files=[("etc/random", content)])
    layer = manifest["layers"][0]["digest"]
    times = []

    def hook(handler):
        if layer not in handler.path:
            return False
        times.append(handler.headers.get("Range"))
        body = fake.blobs[layer]
        if len(times) == 1:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body[:70000])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            return True
        return handler.answer(200, body)

    fake.hook = hook
    pulled(tool("pull", f"{fake.address}/repo"))
    assert times[0] is None and times[1].startswith("bytes=")


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("what", ["manifests", "blobs"])
def test_what_may_pass_is_tried_again(fake, tool, what, status):
    fake.image()
    failures = [status]

    def hook(handler):
        return bool(what in handler.path and failures and handler.answer(failures.pop()))

    fake.hook = hook
    pulled(tool("pull", f"{fake.address}/repo"))


def test_what_stays_ends_in_one_line(fake, tool):
    fake.image()
    fake.hook = lambda handler: handler.answer(503, b'{"errors":[{"code":"UNAVAILABLE","message":"gone\\nfishing\\u001b[2J"}]}')
    refused(tool("pull", f"{fake.address}/repo"), "unavailable: gone fishing")


def test_wrong_content_is_never_kept(fake, tool, tmp_path):
    _, manifest = fake.image()
    layer = manifest["layers"][0]["digest"]
    good = fake.blobs[layer]
    fake.blobs[layer] = bytes(len(good))
    refused(tool("pull", f"{fake.address}/repo"), f"wrong digest: expected {layer}")
    assert tool("list").stdout == ""
    fake.blobs[layer] = good + b"more"
    refused(tool("pull", f"{fake.address}/repo"), "longer than")
    fake.blobs[layer] = good
    pulled(tool("pull", f"{fake.address}/repo"))


def test_a_layer_that_lies_about_its_content_is_refused(fake, tool):
    _, manifest = fake.image()
    layer = images.compress(images.tar_bytes([("other", "x")]), "gzip")[1]
    manifest["layers"] = [fake.add(layer) | {"mediaType": images.OCI_LAYER + "+gzip"}]
    fake.manifest("latest", manifest)
    refused(tool("pull", f"{fake.address}/repo"), "wrong diff id")
    assert tool("list").stdout == ""


def test_a_pull_by_digest_gets_that_manifest_or_none(fake, tool):
    descriptor, _ = fake.image()
    other, _ = fake.image(files=[("other", "x")])
    reference = f"{fake.address}/repo@{descriptor['digest']}"
    fake.manifests[descriptor["digest"]] = fake.manifests[other["digest"]]
    refused(tool("pull", reference), "wrong digest of the manifest")


@pytest.mark.parametrize("change,words", [
    ({"manifests": []}, "an index as well"),
    ({"mediaType": images.OCI_INDEX}, "calls itself"),
    ({"config": None}, "not of the type"),
    ({"layers": []}, "has 0 layers, but its config speaks of 1"),
])
def test_ambiguous_manifests_are_refused(fake, tool, change, words):
    fake.image(**change)
    refused(tool("pull", f"{fake.address}/repo"), words)


def test_an_index_names_type_and_size_of_its_manifests(fake, tool):
    descriptor, _ = fake.image("one")
    platform = {"platform": {"os": "linux", "architecture": images.MACHINE}}
    for change, words in [({}, None), ({"size": 5}, "another size"), ({"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}, "its index says")]:
        fake.manifest("latest", {"schemaVersion": 2, "manifests": [descriptor | platform | change]}, images.OCI_INDEX)
        done = tool("pull", f"{fake.address}/repo")
        if words:
            refused(done, words)
        else:
            pulled(done)
            pulled(tool("remove", f"{fake.address}/repo"))


def test_a_huge_manifest_is_refused_early(fake, tool):
    fake.manifest("latest", b" " * (5 << 20))
    refused(tool("pull", f"{fake.address}/repo"), "larger than 4194304 bytes")


def bearer(realm, **more):
    fields = {"realm": realm, "service": "fake"} | more
    return "Bearer " + ",".join(f'{name}="{value}"' for name, value in fields.items())


def guarded(realm_of):
    """Wants the token `good`; realm_of(handler) is the token server's URL."""

    def hook(handler):
        if handler.path.startswith("/token"):
            return handler.answer(200, b'{"token":"good","expires_in":300}')
        if handler.headers.get("Authorization") != "Bearer good":
            return handler.answer(401, WWW_Authenticate=bearer(realm_of(handler)))

    return hook


def test_tokens_are_fetched_with_the_user_s_password(fake, other, tool):
    fake.image()
    fake.hook = guarded(lambda handler: f"http://{other.address}/token?x=1")
    other.hook = guarded(lambda handler: "")
    pulled(tool("pull", f"{fake.address}/repo", REGISTRY_USER="alice", REGISTRY_PASSWORD="p:w\u00e9"))
    (path, headers), = other.requests
    assert path == "/token?x=1&scope=repository%3Arepo%3Apull&service=fake"
    assert headers["Authorization"] == "Basic " + base64.b64encode("alice:p:w\u00e9".encode()).decode()
    # nobody but the token server hears the password
    assert all("Basic" not in headers.get("Authorization", "") for _, headers in fake.requests)


def test_identity_tokens_are_exchanged(fake, tool):
    fake.image()
    forms = []

    def hook(handler):
        if handler.path.startswith("/token"):
            forms.append(handler.form)
            return handler.answer(200, b'{"access_token":"good"}')
        if handler.headers.get("Authorization") != "Bearer good":
            return handler.answer(401, WWW_Authenticate=bearer(f"http://{fake.address}/token"))

    fake.hook = hook
    pulled(tool("pull", f"{fake.address}/repo", REGISTRY_TOKEN="a&b=c"))
    assert forms == ["grant_type=refresh_token&client_id=tare&service=fake&scope=repository%3Arepo%3Apull&refresh_token=a%26b%3Dc"]


def test_without_a_user_the_token_is_anonymous(fake, tool):
    fake.image()
    fake.hook = guarded(lambda handler: f"http://{fake.address}/token")
    pulled(tool("pull", f"{fake.address}/repo"))
    assert "Authorization" not in fake.asked("/token")[0]


def test_a_token_server_elsewhere_gets_nothing_over_plain_http(fake, tool):
    fake.image()
    fake.hook = guarded(lambda handler: "http://192.0.2.1/token")
    refused(tool("pull", f"{fake.address}/repo", REGISTRY_USER="alice", REGISTRY_PASSWORD="secret"), "cannot be trusted")


@pytest.mark.parametrize("answer", [b"{}", b"no json", b'{"token":"a\\r\\nX: y"}', b'{"token":5}', b"x" * 100000])
def test_bad_tokens_end_in_one_line(fake, tool, answer):
    fake.image()

    def hook(handler):
        if handler.path.startswith("/token"):
            return handler.answer(200, answer)
        return handler.answer(401, WWW_Authenticate=bearer(f"http://{fake.address}/token"))

    fake.hook = hook
    done = tool("pull", f"{fake.address}/repo")
    refused(done, "")
    assert all("X" not in headers for _, headers in fake.requests)


def test_refused_tokens_say_so(fake, tool):
    fake.hook = lambda handler: handler.answer(401, WWW_Authenticate=bearer(f"http://{fake.address}/token"))
    refused(tool("pull", f"{fake.address}/repo"), f"pull access denied for {fake.address}/repo, repository does not exist or may require 'docker login': unauthorized: incorrect username or password")


def test_redirects_carry_no_credentials(fake, other, tool):
    _, manifest = fake.image()
    layer = manifest["layers"][0]["digest"]
    other.blobs = fake.blobs

    def hook(handler):
        if handler.headers.get("Authorization") is None:
            return handler.answer(401, WWW_Authenticate='Basic realm="x"')
        if layer in handler.path:
            return handler.answer(307, Location=f"http://{other.address}/v2/repo/blobs/{layer}")

    fake.hook = hook
    pulled(tool("pull", f"{fake.address}/repo", REGISTRY_USER="alice", REGISTRY_PASSWORD="secret"))
    (headers,) = other.asked(layer)
    assert "Authorization" not in headers


def test_redirects_end(fake, tool):
    fake.hook = lambda handler: handler.answer(302, Location=handler.path + "x")
    refused(tool("pull", f"{fake.address}/repo"), "redirects where it must not")
    fake.hook = lambda handler: handler.answer(302, Location="file:///etc/passwd")
    refused(tool("pull", f"{fake.address}/repo"), "")


def test_refusals_are_docker_s(fake, tool):
    def errors(status, code, message):
        fake.hook = lambda handler: handler.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode())

    errors(404, "MANIFEST_UNKNOWN", "manifest unknown")
    refused(tool("pull", f"{fake.address}/repo:tag"), f"manifest for {fake.address}/repo:tag not found: manifest unknown: manifest unknown")
    errors(404, "NAME_UNKNOWN", "repository name not known to registry")
    refused(tool("pull", f"{fake.address}/repo"), f"repository {fake.address}/repo not found: name unknown: repository name not known to registry")
    errors(403, "DENIED", "requested access to the resource is denied")
    refused(tool("pull", f"{fake.address}/repo"), f"pull access denied for {fake.address}/repo, repository does not exist or may require 'docker login': denied: requested access to the resource is denied")


def test_mirrors_answer_for_docker_hub_and_get_no_password(fake, tool):
    fake.image()
    fake.manifests = {name: value for name, value in fake.manifests.items()}
    fake.hook = lambda handler: setattr(handler, "path", handler.path.replace("/v2/some/repo", "/v2/repo")) or (
        handler.answer(401, WWW_Authenticate='Basic realm="x"') if handler.path.endswith("denied") else None)
    pulled(tool("pull", "some/repo", MIRROR=f"http://{fake.address}", REGISTRY_USER="alice", REGISTRY_PASSWORD="secret"))
    assert all("Authorization" not in headers for _, headers in fake.requests)
    assert "some/repo:latest" in tool("list").stdout


def test_nobody_there_is_said_at_once(tool):
    port = free_port()
    refused(tool("pull", f"127.0.0.1:{port}/repo"), f"cannot reach registry 127.0.0.1:{port}")
    refused(tool("pull", "registry.invalid/repo"), "cannot reach registry registry.invalid")


def test_foreign_layers_come_from_the_registry_only(fake, other, tool):
    _, manifest = fake.image()
    manifest["layers"][0] |= {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "urls": [f"http://{other.address}/layer"]}
    fake.manifest("latest", manifest)
    pulled(tool("pull", f"{fake.address}/repo"))
    assert not other.requests


def test_a_foreign_system_is_refused(fake, tool):
    _, manifest = fake.image()
    config = json.loads(fake.blobs[manifest["config"]["digest"]]) | {"os": "windows"}
    manifest["config"] = fake.add(json.dumps(config).encode()) | {"mediaType": images.OCI_CONFIG}
    fake.manifest("latest", manifest)
    refused(tool("pull", f"{fake.address}/repo"), 'image operating system "windows" cannot be used')


def test_pulls_at_once_fetch_each_thing_once(fake, tool):
    """Six names, two images, one shared layer; blobs arrive slowly."""
    content = os.urandom(200000)
    shared, _ = fake.image("a", files=[("big", content)])
    _, manifest = fake.image("b", files=[("other", content)])
    for tag in ("a2", "a3"):
        fake.manifests[tag] = fake.manifests["a"]
    for tag in ("b2", "b3"):
        fake.manifests[tag] = fake.manifests["b"]

    def hook(handler):
        if "/blobs/" in handler.path:
            time.sleep(0.3)

    fake.hook = hook
    tags = ["a", "a2", "a3", "b", "b2", "b3"]
    pulled(tool("pull-all", *[f"{fake.address}/repo:{tag}" for tag in tags]))
    layers = {blob: len(fake.asked(blob)) for blob in fake.blobs if len(fake.blobs[blob]) > 1000}
    assert set(layers.values()) == {1}, layers
    assert len(tool("list").stdout.splitlines()) == 2


def test_a_failed_pull_does_not_break_another(fake, tool):
    _, good = fake.image("good", files=[("big", os.urandom(100000))])
    fake.image("bad", layers=good["layers"] + [{"digest": "sha256:" + "0" * 64, "size": 5, "mediaType": images.OCI_LAYER}])
    for _ in range(5):
        tool("pull-all", f"{fake.address}/repo:bad", f"{fake.address}/repo:good")
        assert f"{fake.address}/repo:good" in tool("list").stdout
        pulled(tool("remove", f"{fake.address}/repo:good"))


def test_plain_http_and_unknown_certificates_are_for_this_machine_or_by_configuration(build, tmp_path):
    output = subprocess.check_output(
        ["unshare", "-n", sys.executable, os.path.join(os.path.dirname(__file__), "plain_and_tls.py"),
         tmp_path, build / "test/unit/engine-image/imagetool", build / "engine/layer/tare-unpack"],
        text=True, timeout=120, env=os.environ | {"PYTHONPATH": f"{os.path.dirname(__file__)}:{os.path.dirname(os.path.dirname(__file__))}"},
    )
    said = json.loads(output)
    for name in ("plain here", "plain configured", "unknown certificate here", "unknown certificate configured", "password, plain here", "password, unknown certificate here"):
        assert said[name]["code"] == 0, (name, said[name])
    assert said["plain elsewhere"]["code"] != 0 and said["plain elsewhere"]["requests"] == 0
    assert "certificate" in said["unknown certificate elsewhere"]["error"] and said["unknown certificate elsewhere"]["requests"] == 0
    assert "credentials are not sent to http://192.0.2.77" in said["password, plain configured"]["error"]
    assert said["password, plain configured"]["heard"] == 0
    assert said["password, unknown certificate elsewhere"]["requests"] == 0
    assert said["password, plain here"]["heard"] > 0
