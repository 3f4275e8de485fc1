# SPDX-License-Identifier: Apache-2.0
"""engine/registry by configuration: the table of registries, hosts.toml, certificates, mirrors, proxies."""

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import time

import pytest

from fake_registry import Fake, fake, other, pulled, refused, tool  # noqa: F401



def table(rows):
    return {"RULES": json.dumps({"rules": rows})}


def hosts(tmp_path, name, text):
    directory = tmp_path / "certs.d" / name
    directory.mkdir(parents=True)
    (directory / "hosts.toml").write_text(text)
    return {"CERTS": str(tmp_path / "certs.d")}


def serve(fake, name):
    """The fake's repository also under another name."""
    previous = fake.hook

    def hook(handler):
        handler.path = handler.path.replace(f"/v2/{name}/", "/v2/repo/").split("?")[0]
        return previous(handler) if previous else None

    fake.hook = hook


def test_the_longest_prefix_counts(fake, other, tool):
    fake.image()
    other.image()
    serve(fake, "team/app")
    serve(other, "team/app")
    environment = table({
        "registry.invalid": {"mirrors": [f"http://{other.address}"]},
        "registry.invalid/team": {"mirrors": [f"http://{fake.address}"]},
        "registry.invalid/tea": {"blocked": True},
    })
    pulled(tool("pull", "registry.invalid/team/app", **environment))
    assert fake.requests and not other.requests


def test_what_is_blocked_is_not_asked(fake, tool):
    fake.image()
    refused(tool("pull", f"{fake.address}/repo", **table({f"{fake.address}/repo": {"blocked": True}})), f"{fake.address}/repo is blocked by the engine's configuration")
    assert not fake.requests


def test_a_mirror_that_fails_is_passed_over(fake, tool):
    fake.image()
    pulled(tool("pull", f"{fake.address}/repo", **table({fake.address: {"mirrors": ["http://127.0.0.1:1"]}})))


def test_a_password_of_the_table_goes_to_its_host_only(fake, other, tool):
    fake.image()
    other.image()
    wanted = "Basic " + base64.b64encode(b"mirror:its own").decode()

    def closed(handler):
        if handler.headers.get("Authorization") != wanted:
            return handler.answer(401, WWW_Authenticate='Basic realm="x"')

    fake.hook = closed
    rows = {
        other.address: {"mirrors": [f"http://{fake.address}"]},
        fake.address: {"username": "mirror", "password": "its own", "headers": {"X-Team": "blue"}},
    }
    pulled(tool("pull", f"{other.address}/repo", REGISTRY_USER="alice", REGISTRY_PASSWORD="secret", **table(rows)))
    heard = {headers.get("Authorization") for _, headers in fake.requests}
    assert heard == {None, wanted} and not other.requests
    assert {headers.get("X-Team") for _, headers in fake.requests} == {"blue"}


def test_headers_and_passwords_stay_behind_at_a_redirect(fake, other, tool):
    _, manifest = fake.image()
    other.blobs = dict(fake.blobs)
    layer = manifest["layers"][0]["digest"]
    fake.hook = lambda handler: handler.answer(307, Location=f"http://{other.address}{handler.path}") if layer in handler.path else None
    rows = {fake.address: {"username": "u", "password": "p", "headers": {"X-Team": "blue"}}}
    pulled(tool("pull", f"{fake.address}/repo", **table(rows)))
    assert other.requests and all("X-Team" not in headers and "Authorization" not in headers for _, headers in other.requests)


def test_hosts_toml_names_mirrors_capabilities_and_headers(fake, other, tool, tmp_path):
    """A mirror without "resolve" gives blobs, not tags; it is told whose mirror it is."""
    _, manifest = fake.image()
    other.blobs, other.manifests = dict(fake.blobs), dict(fake.manifests)
    serve(other, "prefix")
    text = f'''
        server = "http://{fake.address}"  # the registry
        [host."http://{other.address}/v2/repo"]
          capabilities = ["pull"]
          override_path = true
          [host."http://{other.address}/v2/repo".header]
            x-team = ["blue", "red"]
    '''
    other.hook = lambda handler: setattr(handler, "path", handler.path.replace("/v2/repo/team/app/", "/v2/repo/").split("?")[0])
    serve(fake, "team/app")
    asked = []
    inner = other.hook
    other.hook = lambda handler: asked.append(handler.path) or inner(handler)
    pulled(tool("pull", "registry.invalid/team/app", **hosts(tmp_path, "registry.invalid", text)))
    assert len(fake.asked("manifests/latest")) == 1 and not fake.asked("/blobs/")
    assert all("/blobs/" in path and path.endswith("?ns=registry.invalid") for path in asked) and len(asked) == 2
    assert {headers.get("x-team") for _, headers in other.requests} == {"blue"}


def test_a_default_hosts_toml_is_for_all(fake, tool, tmp_path):
    fake.image()
    serve(fake, "team/app")
    text = f'[host."http://{fake.address}"]\n'
    pulled(tool("pull", "registry.invalid/team/app", **hosts(tmp_path, "_default", text)))


@pytest.mark.parametrize("text,words", [
    ("server = \n", "line 1: expected a string"),
    ("[host.\"http://x\"\n", "line 1: expected ']'"),
    ("server = \"ftp://x\"\n", "'ftp://x' is not the URL of a registry"),
    ("server = \"https://u:p@x\"\n", "is not the URL of a registry"),
    ("a = 1\na = 2\n", "line 2: a key is set twice"),
    ("a = \"\"\"x\"\"\"\n", "multi-line"),
])
def test_a_bad_hosts_toml_is_named(tool, tmp_path, text, words):
    done = tool("pull", "registry.invalid/x", **hosts(tmp_path, "registry.invalid", text))
    refused(done, words)
    assert "certs.d/registry.invalid/hosts.toml" in done.stderr


@pytest.fixture
def authority(tmp_path):
    """A CA, a server's certificate for localhost, and a client's."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=tmp_path)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new, "-days", "2", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.crt")
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", f"{name}.crt")
    return tmp_path


@pytest.fixture
def closed(authority):
    """Speaks TLS only, and to clients of the authority only."""
    fake = Fake()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.crt", authority / "server.key")
    context.load_verify_locations(authority / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    fake.server.socket = context.wrap_socket(fake.server.socket, server_side=True, do_handshake_on_connect=False)
    fake.image()
    yield fake
    fake.close()


def test_client_certificates_of_docker_s_directory(closed, authority, tool):
    directory = authority / "certs.d" / closed.address
    assert tool("pull", f"{closed.address}/repo").returncode != 0 and not closed.requests
    directory.mkdir(parents=True)
    for source, name in (("ca.crt", "ca.crt"), ("client.crt", "client.cert"), ("client.key", "client.key")):
        (directory / name).write_bytes((authority / source).read_bytes())
    pulled(tool("pull", f"{closed.address}/repo", CERTS=str(authority / "certs.d")))
    (directory / "client.key").unlink()
    refused(tool("pull", f"{closed.address}/repo", CERTS=str(authority / "certs.d")), "missing key client.key for client certificate client.cert")


def test_client_certificates_of_hosts_toml_and_of_the_table(closed, authority, tool):
    text = f'server = "https://{closed.address}"\nca = "{authority}/ca.crt"\nclient = [["{authority}/client.crt", "{authority}/client.key"]]\n'
    pulled(tool("pull", f"{closed.address}/repo", **hosts(authority, closed.address, text)))
    pulled(tool("remove", f"{closed.address}/repo"))
    row = {"ca": f"{authority}/ca.crt", "client-cert": f"{authority}/client.crt", "client-key": f"{authority}/client.key"}
    pulled(tool("pull", f"{closed.address}/repo", **table({closed.address: row})))


def test_another_authority_is_not_believed(closed, authority, tool):
    """Also on this machine, where nothing would be verified if no CA were named."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=ca",
                    "-keyout", "other.key", "-out", "other.crt"], check=True, stderr=subprocess.DEVNULL, cwd=authority)
    row = {"ca": f"{authority}/other.crt", "client-cert": f"{authority}/client.crt", "client-key": f"{authority}/client.key"}
    assert tool("pull", f"{closed.address}/repo", **table({closed.address: row})).returncode != 0
    assert not closed.requests


def test_a_proxy_of_the_configuration_is_used(fake, tool):
    """It makes no tunnels, so the registry is spoken to plainly, as it may be."""
    fake.image()
    seen = []

    def proxy(handler):
        seen.append(handler.path)
        handler.path = handler.path.removeprefix("http://registry.test")

    fake.hook = proxy
    pulled(tool("pull", "registry.test/repo", CONFIGURED_PROXY=f"http://{fake.address}", HTTPS_PROXY=f"http://{fake.address}", INSECURE="registry.test"))
    assert seen and all(path.startswith("http://registry.test/v2/repo/") for path in seen)


def test_a_registry_that_is_too_busy_says_when_to_come_back(fake, tool):
    _, manifest = fake.image()
    layer, asked = manifest["layers"][0]["digest"], []

    def hook(handler):
        if layer in handler.path:
            asked.append(time.monotonic())
            if len(asked) == 1:
                return handler.answer(429, Retry_After="2")

    fake.hook = hook
    pulled(tool("pull", f"{fake.address}/repo"))
    assert len(asked) == 2 and asked[1] - asked[0] >= 2


def test_resets_and_restarts_fetch_nothing_twice(fake, tool, build, tmp_path):
    """The connection is reset every 300 kB, and the program that pulls is killed three times."""
    content = os.urandom(3 << 20)
    _, manifest = fake.image(files=[("etc/random", content)])
    layer, sent = manifest["layers"][0]["digest"], []

    def hook(handler):
        if layer not in handler.path:
            return None
        body = fake.blobs[layer]
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        for at in range(start, min(start + 300000, len(body)), 20000):
            piece = body[at : min(at + 20000, start + 300000)]
            handler.wfile.write(piece)
            handler.wfile.flush()
            sent.append(len(piece))
            time.sleep(0.002)
        return True

    def reset(handler):
        if not hook(handler):
            return False
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True
        return True

    fake.hook = reset
    command = [build / "test/unit/engine-image/imagetool", tmp_path / "root", build / "engine/layer/tare-unpack", "pull", f"{fake.address}/repo"]
    for _ in range(3):
        before = sum(sent)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while sum(sent) < before + 500000 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    pulled(tool("pull", f"{fake.address}/repo"))
    # what was in a socket when the program died, at most one answer, was never received
    assert sum(sent) <= 1.02 * len(fake.blobs[layer]) + 3 * 300000, sum(sent) / len(fake.blobs[layer])
