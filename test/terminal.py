# SPDX-License-Identifier: Apache-2.0
"""A command under a pseudo-terminal of its own, as a person at a keyboard has it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time


class Terminal:
    def __init__(self, command, environment, rows=24, columns=80):
        self.seen = ""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(command[0], [str(word) for word in command], environment)

    def resize(self, rows, columns):
        """The kernel tells the foreground process group by SIGWINCH."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.fd, text.encode())

    def read(self, timeout):
        """What has arrived within the time; False at the end."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: the last process that had the terminal is gone
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def expect(self, pattern, timeout=60):
        """Waits for the pattern in what has not been matched before; returns the match."""
        end = time.monotonic() + timeout
        alive = True
        while True:
            match = re.search(pattern, self.seen)
            if match:
                self.seen = self.seen[match.end() :]
                return match
            if not alive or time.monotonic() > end:
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")
            alive = self.read(0.1)

    def wait(self, timeout=60):
        """The exit code as a shell has it."""
        end = time.monotonic() + timeout
        while self.status is None:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while self.read(0) and select.select([self.fd], [], [], 0)[0]:
                    pass
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                raise AssertionError(f"still running: {self.seen!r}")
        return self.status if self.status >= 0 else 128 - self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -signal.SIGKILL
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
