"""Runs one command and ends it when the process that asked for it is gone, however that happened.

The guard's standard input is a pipe from its parent: it closes even when the parent is killed with SIGKILL,
which no handler sees and PDEATHSIG covers on Linux only. Imports stay few: every start waits for them.
"""

from __future__ import annotations

import os
import pwd
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

STOP, KILL = b"s", b"k"
TAIL_BYTES = 4_000


class EndedAtStart(Exception):
    """The process ended, or stayed silent, before it answered; the argument is the end of its log."""


class Process:
    """One guarded command, which can be started again after its end. `pid` is the command's own."""

    # A text of the log that announces a failure which passes by itself: the start is tried again.
    passing: str | None = None

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        user: int | None = None,
        grace_seconds: float = 5.0,
    ) -> None:
        self.command, self.cwd, self.env, self.log = list(command), cwd, dict(env), log
        self.stop_signal, self.user, self.grace_seconds = stop_signal, user, grace_seconds
        self.pid = 0
        self._guard: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def running(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    def answers(self) -> bool:
        """Whether the command does its work; a command that cannot tell does from its first moment."""
        return True

    def spawn(self) -> None:
        """Starts the command without waiting until it answers."""
        if self.running:
            return
        self._wait_for_end(0)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            user = "" if self.user is None else str(self.user)
            settings = [str(int(self.stop_signal)), str(self.grace_seconds), user]
            self._guard = subprocess.Popen(
                # The file and not `-m`: the guard then starts in any folder and loads no package.
                [sys.executable, "-I", "-S", __file__, *settings, *self.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.cwd,
                env=self.env,
                bufsize=0,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        self.pid = int(self._guard.stdout.readline() or 0)

    def wait_until_answering(self, timeout_seconds: float = 120.0) -> None:
        """Raises EndedAtStart when the command ends first, or when the time is over."""
        deadline = time.monotonic() + timeout_seconds
        while not (self.running and self.answers()):
            in_time = time.monotonic() < deadline
            if self.running and in_time:
                time.sleep(0.01)
            elif in_time and self.passing and self.passing in self.log_tail():
                time.sleep(0.1)
                self.spawn()
            else:
                raise EndedAtStart(self.log_tail())

    def start(self) -> None:
        """Starts the command and waits until it answers."""
        self.spawn()
        self.wait_until_answering()

    def stop(self) -> None:
        """Asks the command to end, and kills it when it has not within the grace."""
        self._tell(STOP)
        self._wait_for_end(self.grace_seconds + 5)

    def kill(self) -> None:
        """SIGKILL to the command itself."""
        self._tell(KILL)
        self._wait_for_end(5)

    def wait(self, timeout_seconds: float | None = None) -> int:
        """The exit status, 128 + signal for a killed command; subprocess.TimeoutExpired if it runs on."""
        assert self._guard is not None
        return self._guard.wait(timeout_seconds)

    def log_tail(self) -> str:
        """The end of what the command has written since its last start."""
        with self.log.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - TAIL_BYTES))
            return log.read().decode(errors="replace").strip()

    def _tell(self, order: bytes) -> None:
        if self._guard is not None and self._guard.stdin is not None and not self._guard.stdin.closed:
            with suppress(OSError):
                self._guard.stdin.write(order)

    def _wait_for_end(self, timeout_seconds: float) -> None:
        """Also ends what a guard left running that was itself killed."""
        if self._guard is None:
            return
        try:
            guard_killed = self._guard.wait(timeout_seconds) < 0
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
            guard_killed = True
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()
        if guard_killed and self.pid:
            self._guard = None
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def spawn_guarded(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    stop_signal: signal.Signals = signal.SIGTERM,
    user: int | None = None,
    grace_seconds: float = 5.0,
) -> Process:
    """Starts any command under a guard of its own; its output is appended to `log`."""
    process = Process(
        command, cwd=cwd, env=env, log=log, stop_signal=stop_signal, user=user, grace_seconds=grace_seconds
    )
    process.spawn()
    return process


def guard(stop_signal: int, grace_seconds: float, user: int | None, command: list[str]) -> int:
    """Runs the command until it ends, and returns its exit status as a shell would give it."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    # Ctrl-C reaches the whole terminal: the parent alone decides who ends when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for wanted in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(wanted, lambda *_: None)
    pid = _fork(command, user)
    with suppress(OSError):
        os.write(1, f"{pid}\n".encode())
    status = _wait(pid, stop_signal, grace_seconds, wake_read)
    # What the command started in its own group and left behind.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _fork(command: list[str], user: int | None) -> int:
    """Starts the command with the signals as they are by default, and returns its id."""
    # A signal that came between fork and exec would be lost to the guard's handlers, so they are blocked meanwhile.
    handled = {signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    pid = os.fork()
    if pid == 0:
        for changed in handled:
            signal.signal(changed, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)
        become(command, user)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)
    return pid


def _wait(pid: int, stop_signal: int, grace_seconds: float, wake_read: int) -> int:
    """Until the command ends: passes on what the parent orders, and its end. The status as `waitpid` has it."""
    heard = [0, wake_read]
    kill_at: float | None = None
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        left = None if kill_at is None else max(0.0, kill_at - time.monotonic())
        ready, _, _ = select.select(heard, [], [], left)
        order = os.read(0, 1) if 0 in ready else None
        woken = os.read(wake_read, 64) if wake_read in ready else b""
        if order == b"":
            heard.remove(0)
        asked_to_stop = order in (STOP, b"") or signal.SIGTERM in woken or signal.SIGHUP in woken
        if asked_to_stop and kill_at is None:
            kill_at = time.monotonic() + grace_seconds
            os.kill(pid, stop_signal)
        if order == KILL or (kill_at is not None and time.monotonic() >= kill_at):
            os.kill(pid, signal.SIGKILL)
            kill_at = None


def become(command: list[str], user: int | None) -> None:
    """The forked child turns into the command, without the guard's pipes."""
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        if user is not None:
            os.setgroups([])
            os.setgid(pwd.getpwuid(user).pw_gid)
            os.setuid(user)
        os.execvp(command[0], command)
    except (OSError, KeyError) as reason:
        os.write(2, f"{command[0]}: {reason}\n".encode())
    os._exit(127)


if __name__ == "__main__":
    _, wanted_stop, wanted_grace, wanted_user, *wanted_command = sys.argv
    sys.exit(guard(int(wanted_stop), float(wanted_grace), int(wanted_user) if wanted_user else None, wanted_command))
