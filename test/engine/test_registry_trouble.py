# SPDX-License-Identifier: Apache-2.0
"""A registry that misbehaves while a large image comes: what is fetched twice is counted."""

import hashlib
import json
import os
import socket
import threading
import time

import pytest

import images
from fake_registry import Fake, fake  # noqa: F401 (fixture)
from harness import wait_until

SIZE = 60 << 20


@pytest.fixture(scope="module")
def large():
    """A layer that does not compress."""
    return images.tar_bytes([("random", os.urandom(SIZE))])


class Trouble:
    """Answers for the layer: so many bytes, then a reset; counts what it has sent."""

    def __init__(self, fake, layer, reset_after, pace=0.0):
        self.fake, self.layer = fake, layer
        self.reset_after, self.pace = reset_after, pace
        self.sent = self.requests = 0
        self.lock = threading.Lock()
        fake.hook = self

    def __call__(self, handler):
        if self.layer not in handler.path:
            return False
        body = self.fake.blobs[self.layer]
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        self.requests += 1
        end = min(len(body), start + self.reset_after)
        for at in range(start, end, 65536):
            piece = body[at : min(at + 65536, end)]
            handler.wfile.write(piece)
            with self.lock:
                self.sent += len(piece)
            time.sleep(self.pace)
        if end < len(body):
            handler.connection.shutdown(socket.SHUT_RDWR)
        return True


def offer(fake, layer, tag="latest"):
    """An image of one plain layer; returns the layer's digest."""
    config = {"architecture": images.MACHINE, "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
    descriptor = fake.add(layer) | {"mediaType": images.OCI_LAYER}
    fake.image(tag, config=fake.add(json.dumps(config).encode()) | {"mediaType": images.OCI_CONFIG}, layers=[descriptor])
    return descriptor["digest"]


def test_resets_cost_nothing(fake, engine, large):
    trouble = Trouble(fake, offer(fake, large), 7 << 20)
    engine.tare("pull", "-q", f"{fake.address}/repo", timeout=300)
    assert trouble.requests == len(large) // (7 << 20) + 1
    assert trouble.sent <= 1.02 * len(large)
    engine.tare("rmi", f"{fake.address}/repo")


def test_a_pull_goes_on_after_resets_and_killed_engines(fake, new_engine, large):
    engine = new_engine().start()
    trouble = Trouble(fake, offer(fake, large), 9 << 20, pace=0.001)
    for part in (1, 2):
        client = engine.popen("pull", "-q", f"{fake.address}/repo")
        wait_until(lambda: trouble.sent > part * len(large) / 3, 120, "a third of the layer")
        engine.kill()
        assert client.wait(60) != 0
        engine.start()
    engine.tare("pull", "-q", f"{fake.address}/repo", timeout=300)
    assert trouble.requests >= 7 and trouble.sent <= 1.02 * len(large), (trouble.sent, len(large))


def test_trouble_of_every_kind_in_one_pull(fake, engine, large):
    """Too busy for a while, an error, a redirect, an answer that ends early, a wrong length."""
    layer = offer(fake, large)
    trouble = Trouble(fake, layer, 40 << 20)
    stages = []

    def hook(handler):
        if layer not in handler.path:
            return False
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        stages.append(start)
        stage = len(stages)
        if stage in (1, 2, 5):
            handler.send_response({1: 429, 2: 503, 5: 500}[stage])
            handler.send_header("Retry-After", "1")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return True
        if stage == 3:
            return handler.answer(307, Location=f"{handler.path}?elsewhere")
        return trouble(handler)

    fake.hook = hook
    before = time.monotonic()
    engine.tare("pull", "-q", f"{fake.address}/repo", timeout=300)
    assert time.monotonic() - before >= 2 and trouble.sent <= 1.02 * len(large)
    engine.tare("rmi", f"{fake.address}/repo")


def test_wrong_content_is_refused_and_not_fetched_for_ever(fake, engine):
    layer = os.urandom(3 << 20)
    digest = offer(fake, images.tar_bytes([("x", layer)]))
    good = fake.blobs[digest]
    for bad in (good[:-1] + b"!", good + b"more", good[:-512]):
        fake.blobs[digest] = bad
        fake.requests.clear()
        done = engine.tare("pull", "-q", f"{fake.address}/repo", code=1, timeout=120)
        assert done.stderr.count("\n") == 1 and len(fake.asked(digest)) <= 6, done.stderr
        assert f"{fake.address}/repo" not in engine.tare("images").stdout
    fake.blobs[digest] = good
    engine.tare("pull", "-q", f"{fake.address}/repo")


def test_what_a_registry_wants_its_users_to_know_is_shown(fake, engine):
    """distribution-spec, "Warnings": each once, after a pull and after a push; what is no such warning is not."""
    offer(fake, images.tar_bytes([("x", b"y")]))
    said = ['299 - "this \\"tag\\" goes \\\\ soon\x1b[2J"', '299 - ""', '299 - "%s"' % ("a" * 600), '199 - "stale"', "299 -", '299 - "open']

    def hook(handler):
        end = handler.end_headers

        def with_warnings():
            for text in said:
                handler.send_header("Warning", text)
            handler.end_headers = end
            end()

        handler.end_headers = with_warnings
        return False

    fake.hook = hook
    for words in (["pull"], ["pull", "-q"], ["push"], ["push", "-q"]):
        lines = engine.tare(*words, f"{fake.address}/repo").stderr.splitlines()
        assert lines == ['WARNING: this "tag" goes \\ soon?[2J', "WARNING: " + "a" * 512, "WARNING: open"], (words, lines)
    engine.tare("rmi", f"{fake.address}/repo")
