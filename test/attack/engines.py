# SPDX-License-Identifier: Apache-2.0
"""A whole engine under attack: ours, or the one that TARE_TEST_ENGINE names (containerd, podman or docker, as found in
$PATH; with TARE_TEST_INSIDE="chroot TREE" podman's and docker's programs are that tree's)."""

import json
import os
import shlex
import subprocess
import time

from bench import pull

KIND = os.environ.get("TARE_TEST_ENGINE", "tare")
CREDENTIALS = "alice:secret"
AUTHORIZATION = "Basic YWxpY2U6c2VjcmV0"
NAME = "attacked"

# {kind: {verb: words}}; IMAGE is replaced. An empty list: nothing to do.
DOCKERS = {
    "list": [["images", "-q"]],
    "remove": [["rmi", "-f", "IMAGE"]],
    "run": [["run", "-d", "--network", "none", "--name", NAME, "IMAGE", "sleep", "1000"]],
    "end": [["rm", "-f", NAME]],
}
VERBS = {
    "tare": DOCKERS,
    "podman": DOCKERS,
    "docker": DOCKERS,
    "containerd": {
        "list": [["images", "ls", "-q"]],
        "remove": [["images", "rm", "--sync", "IMAGE"]],
        "run": [["run", "-d", "IMAGE", NAME, "sleep", "1000"]],
        "kill": [["tasks", "kill", "-s", "9", NAME]],
        "end": [["tasks", "rm", "-f", NAME], ["containers", "rm", NAME]],
    },
}
WITH_CREDENTIALS = {"containerd": ["--user", CREDENTIALS], "podman": ["--creds", CREDENTIALS], "tare": [], "docker": []}


class Outcome:
    def __init__(self, code, out, text, seconds, kilobytes):
        self.code, self.out, self.text, self.seconds, self.kilobytes = code, out, text, seconds, kilobytes

    def __repr__(self):
        return f"exit {self.code} after {self.seconds:.1f} s, {self.kilobytes >> 10} MB at the peak: {self.text[-1500:]!r}"


class Attacked:
    """One engine with a store of its own in `directory`, which exists."""

    def __init__(self, directory, programs):
        pull.INSIDE[:] = shlex.split(os.environ.get("TARE_TEST_INSIDE", ""))
        self.kind, self.ours = KIND, KIND == "tare"
        self.home = directory / "client"
        self.home.mkdir()
        (self.home / "config.json").write_text("{}")
        peer = type("Installed", (pull.Tare,), {"installed": programs}) if self.ours else pull.PEERS[KIND]
        self.peer = peer(directory / "e")  # podman wants a short name
        self.peer.start()
        self.words = getattr(self.peer, {"containerd": "ctr"}.get(KIND, KIND))

    def close(self):
        self("end")
        self.peer.stop()

    def run(self, command, timeout=120):
        """How a command ended, what it said, and what it cost the engine."""
        begin = time.monotonic()
        out, log = self.home / "out", self.home / "log"
        with open(out, "wb") as answer, open(log, "wb") as file:
            environment = dict(os.environ, DOCKER_CONFIG=str(self.home))
            client = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=answer, stderr=file, env=environment)
            with pull.Peak([client.pid, *(process.pid for process in self.peer.running)]) as peak:
                try:
                    code = client.wait(timeout)
                except subprocess.TimeoutExpired:
                    client.kill()
                    client.wait()
                    code = "without an end"
        said = out.read_text(errors="replace")
        return Outcome(code, said, said + log.read_text(errors="replace"), time.monotonic() - begin, peak.kilobytes)

    def __call__(self, verb, image=""):
        """The last outcome of a verb's commands."""
        for words in VERBS[self.kind][verb]:
            outcome = self.run([*self.words, *(image if word == "IMAGE" else word for word in words)])
        return outcome

    def load(self, archive):
        return self.run(self.peer.load(archive))

    def pull(self, reference, credentials=False):
        command = self.peer.pull(reference)
        auths = {}
        if credentials:
            auths[reference.split("/")[0]] = {"auth": AUTHORIZATION.split()[1]}
            command[-1:-1] = WITH_CREDENTIALS[self.kind]
        (self.home / "config.json").write_text(json.dumps({"auths": auths}))
        return self.run(command)

    def images(self):
        outcome = self("list")
        assert outcome.code == 0, outcome
        return set(outcome.out.split())

    def configuration(self, image):
        """The config.json with which a container of the image was started."""
        outcome = self("run", image)
        assert outcome.code == 0, outcome
        try:
            found = [json.loads(path.read_text()) for path in sorted(self.peer.directory.rglob("config.json"))]
            # the bundle's, before a copy that the runtime keeps
            return next(document for document in found if "sleep" in document.get("process", {}).get("args", []))
        finally:
            self("end")
