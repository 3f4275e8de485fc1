# SPDX-License-Identifier: Apache-2.0
"""`tare import URL`: the engine fetches the tar itself (engine/registry/download.h)."""

import json
import os
import re
import ssl
import threading

import pytest

import images
from debian_registry import Certificates
from fake_registry import Fake, fake, other  # noqa: F401 (fixtures)
from harness import Engine

TAR = images.tar_bytes([("etc/hello", "hello from afar")])
GZIP = images.compress(TAR, "gzip")[1]


def serve(server, **answers):
    """answers: path without its slash → bytes, (status, headers), or a function of the request."""

    def hook(request):
        answer = answers.get(request.path.rpartition("/")[2])
        if answer is None:
            return request.answer(404, b"<html>not here</html>")
        if callable(answer):
            answer(request)
        elif isinstance(answer, bytes):
            request.answer(200, answer)
        else:
            request.answer(answer[0], b"<html>elsewhere</html>", **answer[1])
        return True

    server.hook = hook
    return f"http://{server.address}"


def cut_off(request):
    request.send_response(200)
    request.send_header("Content-Length", str(len(GZIP) + 100))
    request.end_headers()
    request.wfile.write(GZIP)
    request.close_connection = True


def inspect(engine, image):
    (document,) = json.loads(engine.output("image", "inspect", image))
    return document


def import_from(engine, url, *more):
    first, identity = engine.output("import", url, *more).splitlines()
    assert first == f"Downloading from {url}" and re.fullmatch("sha256:[0-9a-f]{64}", identity)
    return identity


def test_a_tar_is_fetched_and_redirects_are_followed(engine, fake, other, tmp_path):
    (tmp_path / "x.tar").write_bytes(TAR)
    flat = inspect(engine, engine.output("import", tmp_path / "x.tar"))
    base = serve(fake, **{"x.tar": TAR, "x.tgz": (302, {"Location": serve(other, moved=GZIP) + "/moved"})})
    for name in ("x.tar", "x.tgz"):
        document = inspect(engine, import_from(engine, f"{base}/{name}", "far:1"))
        assert document["RootFS"] == flat["RootFS"] and document["RepoTags"] == ["far:1"]
        assert document["Comment"] == f"Imported from {base}/{name}"
        engine.tare("rmi", "far:1")
    assert [path for path, _ in other.requests] == ["/moved"]
    assert not [headers for _, headers in fake.requests + other.requests if "Authorization" in headers]
    engine.tare("rmi", flat["Id"])


def test_what_cannot_be_fetched_is_said_and_nothing_is_left(engine, fake):
    base = serve(fake, cut=cut_off, noise=os.urandom(100_000), round=(302, {"Location": "/round"}), file=(302, {"Location": "file:///etc/passwd"}),
                 denied=(403, {}), part=lambda request: request.answer(206, TAR, Content_Range=f"bytes 0-{len(TAR) - 1}/{len(TAR)}"))
    where = f"cannot download {base}/"
    before = engine.output("images", "-aq")
    for name, words in {
        "nothing": f"{where}nothing: the server answers with status 404",
        "denied": f"{where}denied: the server answers with status 403",
        "cut": f"{where}cut: server {fake.address} broke off: .* bytes remaining",
        "round": f"{where}round: the server redirects where it must not",
        "file": f"{where}file: the server redirects where it must not",
        "part": f"{where}part: the server gives a part that nobody asked for",
        "noise": "cannot read the tar|not a tar|[Uu]nrecognized",
    }.items():
        engine.fails(1, words, "import", f"{base}/{name}")
    engine.fails(1, "cannot download http://127.0.0.1:1/x: cannot reach server 127.0.0.1:1: ", "import", "http://127.0.0.1:1/x")
    said = engine.fails(1, "no URL with a user or a password in it", "import", f"http://me:pass@{fake.address}/x")
    assert "pass@" not in said
    engine.fails(1, "a URL of more than 2048 bytes", "import", f"{base}/{'x' * 2100}")
    assert engine.output("images", "-aq") == before


def test_only_a_known_certificate_will_do(bin_dir, engine_directories, tmp_path, fake):
    """The engine is one whose system knows the test's CA; the other's does not."""
    certificates = Certificates(tmp_path / "certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.server)
    fake.server.socket = context.wrap_socket(fake.server.socket, server_side=True)
    serve(fake, tar=TAR, plain=(302, {"Location": "http://127.0.0.1:1/"}))
    url = f"https://{fake.address}/tar"
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "tare").symlink_to(bin_dir / "tare")
    mount = f"mount --bind {certificates.ca} /etc/ssl/certs/ca-certificates.crt"
    (programs / "tared").write_text(f"#!/bin/sh\nexec unshare --mount sh -c '{mount} && exec {bin_dir}/tared'\n")
    (programs / "tared").chmod(0o755)
    for directory, knows in ((bin_dir, False), (programs, True)):
        engine = Engine(directory, next(engine_directories)).start()
        try:
            if knows:
                import_from(engine, url)
                engine.fails(1, f"cannot download {url[:-3]}plain: the server redirects where it must not", "import", f"{url[:-3]}plain")
            else:
                engine.fails(1, f"cannot download {url}: cannot reach server {fake.address}: .*certificate", "import", url)
        finally:
            engine.close()


def test_the_proxy_of_registries_is_asked(new_engine, fake):
    serve(fake, tar=TAR)  # a proxy is asked for whole URLs
    engine = new_engine({"proxies": {"http-proxy": f"http://{fake.address}", "no-proxy": "127.0.0.1"}}).start()
    import_from(engine, "http://files.test/tar")
    assert [path for path, _ in fake.requests] == ["http://files.test/tar"]
    proxy = f"or before it the proxy http://{fake.address} answers with status 404"
    engine.fails(1, f"cannot download http://files.test/other: the server, {proxy}", "import", "http://files.test/other")


def test_a_user_who_goes_ends_the_download(engine, fake):
    begun, ended = threading.Event(), threading.Event()

    def never_ends(request):
        request.send_response(200)
        request.send_header("Content-Length", str(1 << 30))
        request.end_headers()
        request.wfile.write(TAR)
        begun.set()
        request.connection.recv(1)  # nothing more is sent: this is the end of the connection
        ended.set()

    base = serve(fake, tar=never_ends)
    before = engine.output("images", "-aq")
    with engine.terminal("import", f"{base}/tar") as terminal:
        terminal.expect(f"Downloading from {base}/tar")
        assert begun.wait(60)
        terminal.send("\x03")
        assert terminal.wait(60) != 0
        assert ended.wait(60)
    assert engine.output("images", "-aq") == before


def test_a_terminal_shows_how_far_it_is(engine, fake):
    large = images.compress(images.tar_bytes([("noise", os.urandom(5 << 20))]), "gzip")[1]
    base = serve(fake, tar=large)
    with engine.terminal("import", f"{base}/tar") as terminal:
        terminal.expect(r"Importing \[=*> *\] +[0-9.]+MB/5\.2\d+MB")
        identity = terminal.expect("sha256:[0-9a-f]{64}").group()
        assert terminal.wait(60) == 0
    engine.tare("rmi", identity)
