# SPDX-License-Identifier: Apache-2.0
"""A proxy before the registries: what goes through it, who gets which password, and what is said when it refuses."""

import base64
import http.server
import os
import select
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

import images
from debian_registry import Certificates, running
from fake_registry import Fake, fake, pulled, refused, tool  # noqa: F401 (fixtures)

USER, PASSWORD = "proxyuser", "pr0xy word"
WORD = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
HOST = "192.0.2.1"  # of this machine, and not loopback (test/isolate)


class Proxy:
    """Tunnels and forwards to `targets`, {"host:port": port of 127.0.0.1}; `refuse`: a status for all."""

    def __init__(self, targets, refuse=None):
        self.targets, self.refuse, self.requests = targets, refuse, []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def begin(self, where):
                """The connection to where the request is to go; None: it has been refused."""
                proxy.requests.append((self.command, self.path, self.headers))
                status = proxy.refuse or (407 if self.headers.get("Proxy-Authorization") != WORD else 0)
                self.close_connection = True
                if not status:
                    return socket.create_connection(("127.0.0.1", proxy.targets[where]))
                body = b"<html>no</html>\n"
                self.send_response(status)
                if status == 407:
                    self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return None

            def do_CONNECT(self):
                target = self.begin(self.path)
                if not target:
                    return
                self.send_response(200)
                self.end_headers()
                with target:
                    splice(self.connection, target)

            def forward(self):
                """One request a connection: the answer ends with it."""
                where, _, path = self.path.removeprefix("http://").partition("/")
                target = self.begin(where)
                if not target:
                    return
                hop = ("proxy-authorization", "proxy-connection", "connection")
                head = [f"{self.command} /{path} HTTP/1.1", "Connection: close"]
                head += [f"{name}: {value}" for name, value in self.headers.items() if name.lower() not in hop]
                with target:
                    target.sendall("\r\n".join([*head, "", ""]).encode() + self.rfile.read(int(self.headers.get("Content-Length", 0))))
                    while data := target.recv(65536):
                        self.wfile.write(data)

            do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = forward

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{USER}:{PASSWORD.replace(' ', '%20')}@{self.address}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def splice(one, other):
    """Until either has done."""
    while True:
        for source in select.select([one, other], [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)


@pytest.fixture(autouse=True)
def no_proxies_of_the_machine(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def proxied():
    """proxied(targets, refuse) makes a proxy."""
    made = []

    def make(*arguments):
        made.append(Proxy(*arguments))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def certificates(tmp_path):
    return Certificates(tmp_path / "certificates")


@pytest.fixture
def secured(certificates):
    """A registry that speaks TLS and wants a password of its own."""
    fake = Fake()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.server)
    fake.server.socket = context.wrap_socket(fake.server.socket, server_side=True, do_handshake_on_connect=False)
    fake.image()
    fake.word = "Basic " + base64.b64encode(b"alice:secret").decode()

    def closed(handler):
        if handler.headers.get("Authorization") != fake.word:
            return handler.answer(401, WWW_Authenticate='Basic realm="x"')

    fake.hook = closed
    yield fake
    fake.close()


def trust(tmp_path, name, certificates):
    directory = tmp_path / "certs.d" / name
    directory.mkdir(parents=True)
    shutil.copy(certificates.ca, directory / "ca.crt")
    return str(tmp_path / "certs.d")


def test_a_real_registry_behind_a_proxy(new_engine, certificates, proxied, temporary, tmp_path):
    """Pushed and pulled with TLS by the engine's environment, and plainly by its configuration."""
    certificate, key = certificates.server
    layout = images.Layout(tmp_path / "layout")
    layout.image("small", [images.tar_bytes([("file", os.urandom(2 << 20))])], {})
    archive = tmp_path / "small.tar"
    subprocess.run(["skopeo", "copy", "-q", f"oci:{layout.path}:small", f"oci-archive:{archive}:example/small:1"], check=True)

    def round_trip(engine, name):
        engine.start()
        engine.tare("load", "-i", archive)
        engine.tare("tag", "example/small:1", name)
        assert "digest: sha256:" in engine.tare("push", name).stdout
        engine.tare("rmi", name, "example/small:1")
        engine.tare("pull", "-q", name)

    with running(temporary / "behind-tls", {"tls": {"certificate": str(certificate), "key": str(key)}}) as address:
        port = int(address.rpartition(":")[2])
        proxy = proxied({f"registry.test:{port}": port})
        engine = new_engine({"registry-config-dirs": [trust(tmp_path, f"registry.test:{port}", certificates)]})
        engine.environment["HTTPS_PROXY"] = proxy.url
        round_trip(engine, f"registry.test:{port}/some/image:1")
        assert {request[:2] for request in proxy.requests} == {("CONNECT", f"registry.test:{port}")}
    with running(temporary / "behind") as address:
        port = int(address.rpartition(":")[2])
        proxy, unused = proxied({f"registry.test:{port}": port}), proxied({})
        settings = {"insecure-registries": [f"registry.test:{port}"], "proxies": {"http-proxy": proxy.url, "https-proxy": unused.url}}
        unused.refuse = 503
        engine = new_engine(settings)
        engine.environment["HTTP_PROXY"] = unused.url
        round_trip(engine, f"registry.test:{port}/some/image:1")
        assert proxy.requests and all(path.startswith(f"http://registry.test:{port}/v2/") for _, path, _ in proxy.requests)
        assert {command for command, _, _ in unused.requests} == {"CONNECT"}


def test_each_password_is_for_one(secured, certificates, proxied, tool, tmp_path):
    name = f"registry.test:{secured.port}"
    proxy = proxied({name: secured.port})
    environment = {"HTTPS_PROXY": proxy.url, "CERTS": trust(tmp_path, name, certificates), "REGISTRY_USER": "alice", "REGISTRY_PASSWORD": "secret"}
    pulled(tool("pull", f"{name}/repo", **environment))
    assert proxy.requests and {command for command, _, _ in proxy.requests} == {"CONNECT"}
    assert {headers.get("Proxy-Authorization") for _, _, headers in proxy.requests} == {WORD}
    assert {headers.get("Authorization") for _, _, headers in proxy.requests} == {None}
    assert {headers.get("Authorization") for _, headers in secured.requests} == {None, secured.word}
    assert not [headers for _, headers in secured.requests if any(key.lower().startswith("proxy-") for key in headers)]


def test_a_plain_registry_s_password_is_not_for_a_proxy(fake, proxied, tool):
    """What wants one over plain HTTP gets none: neither the registry nor who stands between."""
    fake.image()
    fake.hook = lambda handler: handler.answer(401, WWW_Authenticate='Basic realm="x"')
    name = f"registry.test:{fake.port}"
    proxy = proxied({name: fake.port})
    done = tool("pull", f"{name}/repo", HTTP_PROXY=proxy.url, HTTPS_PROXY="http://127.0.0.1:1", INSECURE=name, REGISTRY_USER="alice", REGISTRY_PASSWORD="secret")
    assert done.returncode != 0 and fake.requests and proxy.requests
    assert {headers.get("Authorization") for _, _, headers in proxy.requests} == {None}


@pytest.mark.parametrize("variables", [
    {"NO_PROXY": f"other.test, {HOST}"},
    {"no_proxy": "192.0.2.0/24"},
    {"NO_PROXY": "{address}"},
])
def test_what_needs_no_proxy_does_without(proxied, tool, variables):
    fake = Fake("0.0.0.0")
    try:
        fake.image()
        address = f"{HOST}:{fake.port}"
        proxy = proxied({address: fake.port})
        used = {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": "http://127.0.0.1:1", "INSECURE": address}
        exceptions = {name: value.format(address=address) for name, value in variables.items()}
        pulled(tool("pull", f"{address}/repo", **used, **exceptions))
        assert not proxy.requests
        pulled(tool("remove", f"{address}/repo"))
        pulled(tool("pull", f"{address}/repo", **used, NO_PROXY=f"{HOST}:1,192.0.3.0/24"))
        assert proxy.requests
    finally:
        fake.close()


def test_what_is_on_this_machine_does_without(fake, proxied, tool):
    fake.image()
    proxy = proxied({fake.address: fake.port})
    pulled(tool("pull", f"{fake.address}/repo", HTTP_PROXY=proxy.url, HTTPS_PROXY=proxy.url))
    assert not proxy.requests


def test_a_redirect_elsewhere_goes_through_the_proxy(fake, proxied, tool):
    """Also from a registry on this machine."""
    store = Fake()
    try:
        _, manifest = fake.image()
        store.blobs = dict(fake.blobs)
        proxy = proxied({"store.test": store.port})
        layer = manifest["layers"][0]["digest"]
        fake.hook = lambda handler: handler.answer(307, Location=f"http://store.test{handler.path}") if layer in handler.path else None
        pulled(tool("pull", f"{fake.address}/repo", HTTP_PROXY=proxy.url))
        assert {path for _, path, _ in proxy.requests} == {f"http://store.test/v2/repo/blobs/{layer}"}
    finally:
        store.close()


@pytest.mark.parametrize("status,more", [(407, " (it wants a user and a password that it knows)"), (503, "")])
def test_a_proxy_that_makes_no_tunnel(proxied, tool, status, more):
    proxy = proxied({}, status)
    done = tool("pull", "registry.test/repo", HTTPS_PROXY=proxy.url)
    refused(done, f"cannot reach registry registry.test through the proxy http://{proxy.address}: the proxy answers with status {status}{more}\n")
    assert USER not in done.stderr and len(proxy.requests) == 1


@pytest.mark.parametrize("status,words", [
    (407, "cannot reach registry registry.test through the proxy http://{proxy}: the proxy answers with status 407"),
    (503, "the registry, or before it the proxy http://{proxy} answers with status 503\n"),
])
def test_a_proxy_that_does_not_forward(proxied, tool, status, words):
    proxy = proxied({}, status)
    done = tool("pull", "registry.test/repo", HTTP_PROXY=proxy.url, HTTPS_PROXY="http://127.0.0.1:1", INSECURE="registry.test")
    refused(done, words.format(proxy=proxy.address))
    assert USER not in done.stderr


def test_what_is_no_proxy_is_said_without_its_password(tool):
    for url in ("ftp://alice:secret@proxy.test", "http://alice:secret@:80", "http://alice:secret@proxy.test:port"):
        done = tool("pull", "registry.test/repo", HTTPS_PROXY=url)
        refused(done, "the proxy that the engine is to use for https is not the URL of a proxy\n")
        assert "secret" not in done.stderr


def test_a_proxy_that_is_not_there(tool):
    done = tool("pull", "registry.test/repo", HTTPS_PROXY="http://alice:secret@127.0.0.1:1")
    refused(done, "cannot reach registry registry.test through the proxy http://127.0.0.1:1: ")
    assert "secret" not in done.stderr and "alice" not in done.stderr
