# SPDX-License-Identifier: Apache-2.0
"""killtree.c around processes of a test's, and the system calls at which it shall kill."""

import os
import pathlib
import subprocess
import time

SOURCE = pathlib.Path(__file__).with_suffix(".c")


def compile_killtree(directory):
    subprocess.run(["cc", "-O1", "-std=c17", "-D_GNU_SOURCE", "-o", directory / "killtree", SOURCE], check=True)
    return directory / "killtree"


def start_stopped(command, **more):
    """The command, attachable before it begins; SIGCONT lets it."""
    process = subprocess.Popen(["sh", "-c", 'kill -STOP $$; exec "$0" "$@"', *map(str, command)], stdin=subprocess.DEVNULL, **more)
    while "\nState:\tT" not in pathlib.Path(f"/proc/{process.pid}/status").read_text():
        time.sleep(0.001)
    return process


class Tracer:
    """Kills every process of `programs` when the first of these makes its system call number `call`, if the body of the
    with statement comes to it; -1 only counts."""

    def __init__(self, killtree, programs, call, pids):
        command = [killtree, ",".join(programs), str(call), *map(str, pids)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.said = self.process.communicate(timeout=60)[0].strip()

    @property
    def counted(self):
        return int(self.said.split()[1])

    @property
    def fired(self):
        return self.said.startswith("killed")


def chosen(total, seed, usual):
    """System calls to kill at: `usual` of them, TARE_TEST_ROUNDS if it is set, or "all"."""
    assert total > 0, "the program that is to be killed was never seen"
    rounds = os.environ.get("TARE_TEST_ROUNDS", usual)
    if rounds == "all":
        return list(range(total))
    step = max(1, total // int(rounds))
    return list(range(seed.randrange(step), total, step))
