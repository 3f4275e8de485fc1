# SPDX-License-Identifier: Apache-2.0
"""What a registry that means harm says: documents that are no manifests, and digests that are none."""

import json

import images

DIGEST = "sha256:" + "0" * 64

# (manifest, words of our refusal)
DOCUMENTS = [
    (b"", "damaged manifest"),
    (b"null", "damaged manifest"),
    (b"[]", "damaged manifest"),
    (b"[" * 100_000, "damaged manifest"),
    (b'{"config":' * 1000, "damaged manifest"),
    (b'{"schemaVersion":2,"config":{},"layers":[]', "damaged manifest"),
    (b'{"schemaVersion":2,"config":"x","layers":5}', ""),
    (b'{"schemaVersion":2,"config":{"digest":"%s","size":-1},"layers":[]}' % DIGEST.encode(), ""),
    (b'{"schemaVersion":2,"config":{"digest":"%s","size":1e300},"layers":[]}' % DIGEST.encode(), ""),
    (b'{"schemaVersion":2,"config":{"digest":"%s","size":99999999},"layers":[]}' % DIGEST.encode(), "more than is allowed"),
    (b'{"schemaVersion":1,"fsLayers":[]}', "version 1"),
    (b'{"schemaVersion":2,"config":{"digest":"%s","size":2},"layers":[],"manifests":[]}' % DIGEST.encode(), "an index as well"),
    (b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","config":{},"layers":[]}', "calls itself"),
    (b'{"schemaVersion":2,"mediaType":"text/html"}', "unsupported media type"),
    (b'\xff\xfe{\x00}\x00', "damaged manifest"),
    (b'{"schemaVersion":2,"config":{"digest":"sha256:\x00"}}', "damaged manifest"),
]

DIGESTS = [
    "", "sha256:", "sha256:../../../../etc/passwd", "sha256:" + "A" * 64, "sha256:" + "0" * 63, "sha256:" + "0" * 65, "md5:" + "0" * 32,
    "sha256:" + "0" * 62 + "/x", "../" * 20 + "etc/passwd", "sha256:" + "0" * 64 + "\n", "x" * 100_000,
]  # fmt: skip
PLACES = ["config", "layer", "index", "diff id"]
PLATFORM = {"platform": {"os": "linux", "architecture": images.MACHINE}}


def put_digest(fake, digest, place):
    """An image in the registry that has this digest in this place."""
    descriptor, manifest = fake.image(files=[("etc/hello", digest[:100] + place)])
    if place == "index":
        fake.manifest("latest", {"schemaVersion": 2, "manifests": [descriptor | PLATFORM | {"digest": digest}]}, images.OCI_INDEX)
    elif place == "diff id":
        config = json.loads(fake.blobs[manifest["config"]["digest"]])
        config["rootfs"]["diff_ids"] = [digest]
        manifest["config"] |= fake.add(json.dumps(config).encode())
        fake.manifest("latest", manifest)
    else:
        (manifest["config"] if place == "config" else manifest["layers"][0])["digest"] = digest
        fake.manifest("latest", manifest)


def endless(handler, status=200, **headers):
    """An answer without an end; returns how much went out before the other side had enough."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    sent = 0
    try:
        while sent < 1 << 30:
            sent += handler.wfile.write(b" " * 65536)
    except OSError:
        pass
    handler.close_connection = True
    return sent


def ask_for_token(handler, fake):
    return handler.answer(401, WWW_Authenticate=f'Bearer realm="http://{fake.address}/token"')


def redirect_token(fake, other):
    """The token server names another one."""
    def hook(handler):
        return handler.answer(307, Location=f"http://{other.address}/token") if handler.path.startswith("/token") else ask_for_token(handler, fake)

    return hook


def redirect_layer(fake, other, layer, token):
    """Who has the token "good" is sent elsewhere for the layer."""
    def hook(handler):
        if handler.path.startswith("/token"):
            return handler.answer(200, token)
        if handler.headers.get("Authorization") != "Bearer good":
            return ask_for_token(handler, fake)
        return layer in handler.path and handler.answer(307, Location=f"http://{other.address}/v2/repo/blobs/{layer}")

    return hook
