# SPDX-License-Identifier: Apache-2.0
"""What else is done with a large image: load, push, save, export, import and commit, each by engines that begin
with an empty store, one after the other in turns. `test/bench/run --image LAYOUT verbs` measures. ctr has no
words for the last three."""

import pathlib
import shutil
import subprocess
import sys

import pull
from pull import QUIET

IMAGE = "localhost/large:1"
FILL = ["cp", "-a", "/usr/share", "/copy"]  # what a commit has to pack
CONTAINER = "bench"


def steps(peer, files, archive, target):
    """(verb, commands before, the command that is timed) in their order."""
    if isinstance(peer, pull.Containerd):
        return [
            ("load", [], peer.load(archive)),
            ("push", [[*peer.ctr, "images", "tag", IMAGE, target]], [*peer.ctr, "images", "push", "--plain-http", target]),
            ("save", [], [*peer.ctr, "images", "export", files / "saved.tar", IMAGE]),
        ]
    command = next(getattr(peer, name) for name in ("tare", "podman", "docker") if hasattr(peer, name))
    secure = ["--tls-verify=false"] if isinstance(peer, pull.Podman) else []
    return [
        ("load", [], peer.load(archive)),
        ("push", [[*command, "tag", IMAGE, target]], [*command, "push", "-q", *secure, target]),
        ("save", [], [*command, "save", "-o", files / "saved.tar", IMAGE]),
        ("export", [[*command, "create", "--name", "whole", IMAGE, "true"]], [*command, "export", "-o", files / "tree.tar", "whole"]),
        ("import", [], [*command, "import", files / "tree.tar", "imported:1"]),
        ("commit", [[*command, "run", "--network", "none", "--name", CONTAINER, IMAGE, *FILL]], [*command, "commit", CONTAINER, "committed:1"]),
    ]


def once(peer, files, archive, target):
    """{verb: (seconds, kB)} of those that worked."""
    results = {}
    peer.start()
    try:
        for verb, before, command in steps(peer, files, archive, target):
            try:
                for each in before:
                    pull.timed(peer, each)
                results[verb] = pull.timed(peer, command)
            except (RuntimeError, OSError, subprocess.SubprocessError) as problem:
                print(f"left out: {verb} of {type(peer).__name__}: {problem}", file=sys.stderr)
    finally:
        for name in ("whole", CONTAINER):
            if hasattr(peer, "tare"):
                subprocess.run([*peer.tare, "rm", "-f", name], **QUIET)
        peer.stop()
    return results


def measure(work, rounds, programs, registry, archive, table):
    stores = pathlib.Path(work) / "stores"
    stores.mkdir()
    everyone = pull.contenders(programs)
    seconds, peaks = {}, {}
    for number in range(rounds):
        for name, kind in everyone.items():
            files = stores / f"{name}-{number}-files"
            files.mkdir()
            target = registry.reference(f"{name}{number}:1")
            for verb, (took, peak) in once(kind(stores / f"{name}-{number}"), files, archive, target).items():
                print(f"{verb}: {name} {took:.2f} s, {peak} kB", file=sys.stderr)
                seconds.setdefault(verb, {}).setdefault(name, []).append(took)
                peaks.setdefault(verb, {}).setdefault(name, []).append(peak / 1024)
            shutil.rmtree(files)
    for verb in seconds:
        table.add(f"`{verb}` of a large image", seconds[verb], "s")
        table.add("… memory at its peak", peaks[verb], "MB")
