"""Progress and errors of the set-up, with the standard library alone."""

from __future__ import annotations

import re
import shutil
import sys
import threading
import time


class SetupError(Exception):
    """A step failed: what, and what the user can do about it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class Progress:
    """One status line that keeps moving while a child process is silent."""

    def __init__(self, title: str) -> None:
        self.title, self.detail = title, ''
        self.start = self.first = time.monotonic()
        self.live = sys.stdout.isatty()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True)

    def read(self, line: str) -> None:
        """Take what to show from a line of pip's or ninja's output."""
        count = re.match(r'\s*\[(\d+)/(\d+)\]', line)
        if count:
            done, total = int(count[1]), int(count[2])
            self.detail = f'compiled {done} of {total} files'
            if done == 1:  # what came before is no part of the pace
                self.first = time.monotonic()
            else:
                pace = (time.monotonic() - self.first) / (done - 1)
                left = pace * (total - done) / 60
                self.detail += f', about {left:.0f} min left'
        elif line.startswith(('Collecting', 'Downloading', 'Installing')):
            self.detail = line.strip()

    def _show(self, end: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.start), 60)
        line = f'  {self.title} [{minutes}:{seconds:02d}] {self.detail}'
        line = line[: shutil.get_terminal_size().columns - 1]
        print(f'\r\033[K{line}' if self.live else line, end=end, flush=True)

    def _beat(self) -> None:
        # A terminal gets a live line, a log file two lines a minute.
        while not self.stop.wait(0.5 if self.live else 30):
            self._show('' if self.live else '\n')

    def __enter__(self) -> Progress:
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        self.thread.join()
        if exc[0] is not None:
            self.detail = 'interrupted'
        self._show('\n')
