# SPDX-License-Identifier: Apache-2.0
"""A console socket, and containers with a terminal."""

import array
import os
import select
import socket
import threading


class Console:
    """Listens at a console socket and keeps the terminal that arrives."""

    def __init__(self, path):
        self.path = path
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        self.master = None
        self.thread = threading.Thread(target=self.receive)
        self.thread.start()

    def receive(self):
        peer, _ = self.server.accept()
        _, control, _, _ = peer.recvmsg(256, socket.CMSG_SPACE(4))
        fds = array.array("i")
        fds.frombytes(control[0][2][:4])
        self.master = fds[0]

    def read_until(self, word, seconds=10):
        self.thread.join(seconds)
        return read_until(self.master, word, seconds)


def read_until(fd, word, seconds=10):
    seen = b""
    while word not in seen:
        assert select.select([fd], [], [], seconds)[0], seen
        try:
            more = os.read(fd, 4096)
        except OSError:
            more = b""
        if not more:
            break
        seen += more
    return seen


def terminal(bundle, script):
    bundle.sh(script)
    bundle.config["process"]["terminal"] = True
    return bundle
