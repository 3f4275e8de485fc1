# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry as people run it: TLS with a CA of their own, passwords, and a token server
that grants only what a user may do."""

import base64
import contextlib
import http.server
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.parse

import pytest

import images
from debian_registry import Certificates, openssl, running

PASSWORDS = {"alice": "secret", "bob": "other"}


class TokenServer:
    """Docker's token protocol: a signed list of what the bearer may do, for who says the password."""

    def __init__(self, certificates, tls=True):
        self.requests = []
        self.certificate, self.key = certificates.make("token", ["-subj", "/CN=token server"], None)
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
                authorization = self.headers.get("Authorization")
                server.requests.append((query.get("scope", []), authorization))
                user = None
                if authorization:
                    user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
                    if PASSWORDS.get(user) != password:
                        return self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]})
                return self.answer(200, {"token": server.token(user, query.get("scope", []))})

            def answer(self, status, document):
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def allowed(self, user, name):
        if name.startswith("public/"):
            return {"pull", "push"} if user == "alice" else {"pull"}
        return {"pull", "push"} if user and name.startswith(f"{user}/") else set()

    def token(self, user, scopes):
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            granted = sorted(set(actions.split(",")) & self.allowed(user, name))
            access.append({"type": kind, "name": name, "actions": granted})
        now = int(time.time())
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(openssl("x509", "-in", self.certificate, "-outform", "der")).decode()]}
        claims = {"iss": "issuer", "sub": user or "", "aud": "service", "exp": now + 300, "nbf": now - 300, "iat": now, "jti": str(now), "access": access}
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
        signature = openssl("dgst", "-sha256", "-sign", self.key, input=b".".join(parts))
        return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def certificates(temporary):
    made = Certificates(temporary / "certificates")
    yield made
    shutil.rmtree(made.directory)


@pytest.fixture
def tls_registry(temporary, certificates):
    certificate, key = certificates.server
    with running(temporary / "tls", {"tls": {"certificate": str(certificate), "key": str(key)}}) as address:
        yield address


@pytest.fixture
def token_server(certificates):
    server = TokenServer(certificates)
    yield server
    server.close()


@pytest.fixture
def token_registry(temporary, token_server):
    auth = {"token": {"realm": token_server.url, "service": "service", "issuer": "issuer", "rootcertbundle": str(token_server.certificate)}}
    with running(temporary / "token", None, auth) as address:
        yield address


@pytest.fixture
def small(engine, tmp_path):
    """A small image in the engine."""
    layout = images.Layout(tmp_path / "layout")
    layout.image("small", [images.tar_bytes([("file", os.urandom(2 << 20))])], {})
    archive = tmp_path / "small.tar"
    subprocess.run(["skopeo", "copy", "-q", f"oci:{layout.path}:small", f"oci-archive:{archive}:example/small:1"], check=True)
    engine.tare("load", "-i", archive)
    return "example/small:1"


def log_in(tmp_path, address, user, password=None):
    """What docker login would write; returns the environment that names it."""
    word = base64.b64encode(f"{user}:{password or PASSWORDS[user]}".encode()).decode()
    (tmp_path / user).mkdir(exist_ok=True)
    (tmp_path / user / "config.json").write_text(json.dumps({"auths": {address: {"auth": word}}}))
    return str(tmp_path / user)


@contextlib.contextmanager
def as_user(engine, directory):
    engine.environment["DOCKER_CONFIG"] = directory
    yield
    del engine.environment["DOCKER_CONFIG"]


def test_tls_with_a_ca_of_one_s_own(new_engine, engine, small, certificates, tls_registry, tmp_path, temporary):
    """ca.crt as docker's: a CA that is named is looked at, also on this machine."""
    for name, ca in (("right", certificates.ca), ("wrong", certificates.make("stranger", ["-subj", "/CN=stranger"], None)[0])):
        directory = tmp_path / name / tls_registry
        directory.mkdir(parents=True)
        shutil.copy(ca, directory / "ca.crt")
    archive = tmp_path / "image.tar"
    engine.tare("save", "-o", archive, small)
    name = f"{tls_registry}/some/image:1"
    good = new_engine({"registry-config-dirs": [str(tmp_path / "right")]}).start()
    good.tare("load", "-i", archive)
    good.tare("tag", small, name)
    assert "digest: sha256:" in good.tare("push", name).stdout
    good.tare("rmi", name, small)
    good.tare("pull", "-q", name)
    bad = new_engine({"registry-config-dirs": [str(tmp_path / "wrong")], "insecure-registries": []}).start()
    bad.tare("load", "-i", archive)
    bad.tare("tag", small, name)
    assert "certificate" in bad.tare("push", name, code=1).stderr
    assert "certificate" in bad.tare("pull", name, code=1).stderr


def test_a_registry_that_knows_its_clients_by_certificate(new_engine, engine, small, certificates, temporary, tmp_path):
    certificate, key = certificates.server
    with running(temporary / "mutual", {"tls": {"certificate": str(certificate), "key": str(key), "clientcas": [str(certificates.ca)]}}) as address:
        name = f"{address}/some/image:1"
        archive = tmp_path / "image.tar"
        engine.tare("save", "-o", archive, small)
        directory = tmp_path / "certs.d" / address
        directory.mkdir(parents=True)
        shutil.copy(certificates.ca, directory / "ca.crt")
        shutil.copy(certificates.client[0], directory / "client.cert")
        shutil.copy(certificates.client[1], directory / "client.key")
        known = new_engine({"registry-config-dirs": [str(tmp_path / "certs.d")]}).start()
        known.tare("load", "-i", archive)
        known.tare("tag", small, name)
        known.tare("push", name)
        known.tare("rmi", name, small)
        known.tare("pull", "-q", name)
        engine.tare("tag", small, name)
        assert engine.tare("push", name, code=1).stderr


def test_a_password_is_for_its_registry(engine, registry_auth, small, tmp_path):
    name = registry_auth.reference("alice/small:1")
    engine.tare("tag", small, name)
    assert engine.tare("push", name, code=1).stderr == "tare: no basic auth credentials\n"
    with as_user(engine, log_in(tmp_path, registry_auth.address, "alice", "wrong")):
        assert engine.tare("push", name, code=1).stderr == "tare: unauthorized: authentication required\n"
    with as_user(engine, log_in(tmp_path, registry_auth.address, "alice")):
        engine.tare("push", name)
        engine.tare("rmi", name)
        engine.tare("pull", "-q", name)


def test_a_token_is_for_what_is_done(engine, token_registry, token_server, small, tmp_path):
    mine, second, public = [f"{token_registry}/{path}:1" for path in ("alice/small", "alice/second", "public/small")]
    for name in (mine, second, public):
        engine.tare("tag", small, name)
    assert "denied: requested access to the resource is denied" in engine.tare("push", mine, code=1).stderr
    assert token_server.requests[-1] == (["repository:alice/small:pull,push"], None)
    with as_user(engine, log_in(tmp_path, token_registry, "bob")):
        assert engine.tare("push", mine, code=1).stderr == "tare: denied: requested access to the resource is denied\n"
    with as_user(engine, log_in(tmp_path, token_registry, "alice", "wrong")):
        assert "incorrect username or password" in engine.tare("push", mine, code=1).stderr
    with as_user(engine, log_in(tmp_path, token_registry, "alice")):
        assert "Pushed" in engine.tare("push", mine).stdout
        # the second repository is asked for in the same token
        assert "Mounted from alice/small" in engine.tare("push", second).stdout
        assert token_server.requests[-1][0] == ["repository:alice/second:pull,push", "repository:alice/small:pull"]
        engine.tare("push", public)
    engine.tare("rmi", mine, second, public)
    engine.tare("pull", "-q", public)
    assert token_server.requests[-1] == (["repository:public/small:pull"], None)
    assert f"pull access denied for {token_registry}/alice/small" in engine.tare("pull", mine, code=1).stderr


def test_what_may_not_be_mounted_is_sent(engine, token_registry, token_server, small, tmp_path):
    """bob's image has layers that alice has there too, where bob may not look."""
    hers, his = f"{token_registry}/alice/small:1", f"{token_registry}/bob/small:1"
    engine.tare("tag", small, hers)
    engine.tare("tag", small, his)
    with as_user(engine, log_in(tmp_path, token_registry, "alice")):
        engine.tare("push", hers)
    with as_user(engine, log_in(tmp_path, token_registry, "bob")):
        assert "Pushed" in engine.tare("push", his).stdout
