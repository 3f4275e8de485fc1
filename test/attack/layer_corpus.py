# SPDX-License-Identifier: Apache-2.0
"""Hostile layers, as uncompressed tars. Each row: name, entries, and the words with which the layer is
refused, or None when it is harmless once it stays inside. CANARY stands for a host directory that no layer
may read, write or name; it is the tree's parent as well as an absolute path."""

import hashlib
import io
import json
import tarfile

import images
from images import directory, executable, hardlink, symlink


def whiteout(name):
    return (name, {}, "")


def device(name, major, minor, kind=tarfile.CHRTYPE):
    return (name, {"type": kind, "devmajor": major, "devminor": minor, "mode": 0o666}, None)


def attribute(name, key, value, content="x"):
    return (name, {"pax_headers": {"SCHILY.xattr." + key: value}}, content)


def corpus(canary):
    """(name, entries, words of the refusal or None)"""
    up = "../" * 12
    return [
        ("absolute path", [(f"{canary}/victim", "evil"), ("/absolute", "x")], None),
        ("parent path", [("../victim", "evil"), (f"{up}{canary}/victim", "evil")], None),
        ("parent path inside", [directory("a"), ("a/../../../victim", "evil")], None),
        ("only dots", [directory(".."), directory("../.."), ("./../x", "x")], None),
        ("file through symlink", [symlink("link", canary), ("link/victim", "evil")], None),
        ("file through relative symlink", [symlink("link", up + canary[1:]), ("link/victim", "evil")], None),
        ("file through parent symlink", [symlink("up", ".."), ("up/victim", "evil"), ("up/new", "evil")], None),
        ("file through symlink chain", [symlink("a", "b"), symlink("b", "c"), symlink("c", canary), ("a/victim", "evil")], None),
        ("directory over symlink", [symlink("link", canary), directory("link", 0o777), ("link/victim", "evil")], None),
        ("file over symlink", [symlink("link", f"{canary}/victim"), ("link", "evil")], None),
        ("symlink loop", [symlink("a", "b"), symlink("b", "a"), ("a/x", "evil")], "symbolic links"),
        ("self symlink", [symlink("a", "a"), ("a/x", "evil")], "symbolic links"),
        ("mode through symlink", [symlink("link", f"{canary}/victim"), ("link", {"mode": 0o4777}, "evil")], None),
        ("hardlink to the host", [hardlink("stolen", f"{canary}/victim")], "not in the layer"),
        ("hardlink upwards", [hardlink("stolen", f"{up}{canary}/victim")], "not in the layer"),
        ("hardlink through symlink", [symlink("link", canary), hardlink("stolen", "link/victim")], "not in the layer"),
        ("hardlink to symlink, then written", [symlink("link", f"{canary}/victim"), hardlink("hard", "link"), ("hard", "evil")], None),
        ("hardlink to symlink, then its mode", [symlink("link", f"{canary}/victim"), ("hard", {"type": tarfile.LNKTYPE, "linkname": "link", "mode": 0o4777}, None)], None),
        ("hardlink to a missing file", [hardlink("hard", "nowhere")], "not in the layer"),
        ("hardlink to the root", [hardlink("hard", "/")], "hard link"),
        ("hardlink to a directory", [directory("d"), hardlink("hard", "d")], "hard link"),
        ("hardlink to itself", [hardlink("hard", "hard")], "not in the layer"),
        ("hardlink as go-archive was fooled", [symlink("a", "/"), hardlink("b", f"a{canary}/victim"), ("b", "evil")], "not in the layer"),
        ("root as symlink", [symlink(".", canary), ("victim", "evil")], "replaces the root"),
        ("root as symlink by slash", [symlink("/", canary)], "replaces the root"),
        ("root as file", [("./", {"type": tarfile.REGTYPE}, "evil")], "damaged"),
        ("root as device", [device("/.", 1, 3)], "replaces the root"),
        ("root as hardlink", [("f", "x"), hardlink(".", "f")], "replaces the root"),
        ("file as parent", [("f", "x"), ("f/g", "evil")], "not a directory"),
        ("device as parent", [device("d", 1, 3), ("d/g", "evil")], "not a directory"),
        ("opened FIFO", [("f", {"type": tarfile.FIFOTYPE}, None), ("f", "x")], None),
        ("host's disk", [device("disk", 8, 0, tarfile.BLKTYPE), ("disk", "evil")], None),
        ("opened device", [device("null", 1, 3), ("null", "x")], None),
        ("whiteout upwards", [whiteout(".wh..."), whiteout("a/.wh...")], "invalid whiteout"),
        ("whiteout of itself", [whiteout(".wh..")], "invalid whiteout"),
        ("whiteout of nothing", [whiteout(".wh.")], "invalid whiteout"),
        ("whiteout through symlink", [symlink("link", canary), whiteout("link/.wh.victim")], None),
        ("whiteout above the root", [whiteout(f"../.wh.canary"), whiteout(f"{up}{canary}/.wh.victim")], None),
        ("opaque above the root", [whiteout("../.wh..wh..opq"), whiteout(f"{canary}/.wh..wh..opq")], None),
        ("opaque through symlink", [symlink("link", canary), whiteout("link/.wh..wh..opq")], None),
        ("whiteout as directory", [directory(".wh.d"), ("x", "x")], None),
        ("overlay redirect", [attribute("x", "trusted.overlay.redirect", "/etc")], "forbidden attribute"),
        ("overlay metacopy", [attribute("x", "trusted.overlay.metacopy", "")], "forbidden attribute"),
        ("overlay opaque", [("d", {"type": tarfile.DIRTYPE, "pax_headers": {"SCHILY.xattr.trusted.overlay.opaque": "y"}}, None)], "forbidden attribute"),
        ("overlay attribute of users", [attribute("x", "user.overlay.redirect", "/etc")], "forbidden attribute"),
        ("overlay attribute on a device", [("n", {"type": tarfile.CHRTYPE, "pax_headers": {"SCHILY.xattr.trusted.overlay.origin": "y"}}, None)], "forbidden attribute"),
        ("other attributes", [attribute("x", "trusted.evil", "1"), attribute("y", "security.selinux", "evil_t")], None),
        ("deep nesting", [("/".join(["d"] * 400) + "/f", "x")], "nested too deeply"),
        ("deep nesting by symlinks", [("/".join(["d"] * 200) + "/f", "x"), symlink("s", "/".join(["d"] * 200)), ("s/" + "/".join(["e"] * 100) + "/f", "x")], None),
        ("long name", [("n" * 300, "x")], "name too long"),
        ("huge uid", [("x", {"uid": 2**32 - 1}, "x")], "owner out of range"),
        ("negative uid", [("x", {"uid": -2}, "x")], "owner out of range"),
        ("newline in name", [("a\nb", "x"), ("c\x1b[31m", "x")], None),
        ("setuid", [executable("sh", "x"), ("su", {"mode": 0o6755}, "x")], None),
        ("file, then directory, then symlink", [("x", "1"), directory("x"), ("x/y", "2"), symlink("x", canary), ("x/victim", "evil")], None),
    ]


def tar(entries):
    return images.tar_bytes(entries)


def sparse_bomb():
    """GNU sparse 1.0: a map of ten million entries (CVE-2025-58183), a kilobyte once compressed."""
    table = b"10000000\n" + b"0\n0\n" * 10000000
    table += b"\0" * (-len(table) % 512)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("GNUSparseFile.0/x")
        info.size = len(table)
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": "10"}
        archive.addfile(info, io.BytesIO(table))
    return out.getvalue()


def sparse(size):
    """GNU sparse 1.0: a file of one hole."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("GNUSparseFile.0/x")
        table = b"1\n%d\n0\n" % size
        info.size = len(table) + -len(table) % 512
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": str(size)}
        archive.addfile(info, io.BytesIO(table.ljust(info.size, b"\0")))
    return out.getvalue()


def huge_header():
    """A PAX header that claims to be larger than any memory."""
    info = tarfile.TarInfo("x")
    info.type = b"x"
    info.size = 2**40
    return info.tobuf(tarfile.GNU_FORMAT) + b"a" * 4096


def compressed_zeros(how, mebibytes):
    """A layer of nothing but its end, which goes on and on."""
    return images.compress(b"\0" * (64 << 20), how)[1] * (mebibytes // 64)


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def saved(path, layers, name="hostile:1"):
    """A docker-archive of one image with these layers."""
    config = {"architecture": images.MACHINE, "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}}
    names = [f"{i}/layer.tar" for i in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": names}]
    path.write_bytes(images.tar_bytes(
        [("config.json", json.dumps(config)), ("manifest.json", json.dumps(manifest))] + list(zip(names, layers))))
    return path


# entries of archives that hold no image
ARCHIVES = [
    [symlink("manifest.json", "/etc/passwd")],
    [symlink("manifest.json", "../../../../../../../../etc/passwd")],
    [device("manifest.json", 1, 5)],
    [("manifest.json", {"type": tarfile.FIFOTYPE}, None)],
    [directory("manifest.json")],
    [("manifest.json", " " * (5 << 20))],
    [("manifest.json", '[{"Config":"/etc/passwd","Layers":[]}]')],
    [("manifest.json", '[{"Config":"c","Layers":["../../../../etc/passwd"]}]'), ("c", "{}")],
    [("manifest.json", "[" * 100000)],
    [("index.json", '{"manifests":[{"digest":"sha256:../../../../etc/passwd","size":5}]}')],
    [("index.json", '{"manifests":[{"digest":"sha256:%s","size":5}]}' % ("0" * 64))],
    [("index.json", "{}")],
    [("nothing", "x")],
]
