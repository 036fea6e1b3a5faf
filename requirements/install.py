"""Create the project's virtual environment, step by step.

Run through ``make setup``. Only the standard library is used, because nothing
is installed yet. An environment counts as usable only when the stamp file is
there, and the stamp is written last: whatever is interrupted is made anew by
the next run.
"""
from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / 'requirements'
STAMP = '.mmsdag-ready'
MARK = '.mmsdag-env'
# Survives a failed or removed environment: the slow build happens once.
WHEELS = ROOT / '.wheels'
LISTS = ('torch', 'build', 'mmcv', 'openmmlab', 'runtime', 'dev',
         'constraints')


class StepFailed(Exception):
    """A set-up step failed; carries what to tell the user."""

    def __init__(self, step: str, log: Path, remedy: str) -> None:
        super().__init__(step)
        self.step, self.log, self.remedy = step, log, remedy


def fingerprint() -> str:
    """Hash of everything that decides what gets installed."""
    digest = hashlib.sha256(sys.version.encode())
    for name in LISTS:
        digest.update((REQUIREMENTS / f'{name}.txt').read_bytes())
    digest.update((ROOT / 'setup.py').read_bytes())
    return digest.hexdigest()


class Progress:
    """One status line that keeps moving while a child process is silent."""

    def __init__(self, title: str) -> None:
        self.title, self.detail = title, ''
        self.start = time.monotonic()
        self.live = sys.stdout.isatty()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True)

    def elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self.start), 60)
        return f'{minutes}:{seconds:02d}'

    def _show(self, end: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        line = f'  {self.title} [{self.elapsed()}] {self.detail}'[:width]
        print(f'\r\033[K{line}' if self.live else line, end=end, flush=True)

    def _beat(self) -> None:
        # A log file gets a line a minute, a terminal a live one.
        while not self.stop.wait(0.5 if self.live else 60):
            self._show('' if self.live else '\n')

    def __enter__(self) -> Progress:
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        self.thread.join()
        self.detail = 'done' if exc[0] is None else 'FAILED'
        self._show('\n')


def run(step: str, command: list[str], log: Path, remedy: str,
        env: dict[str, str] | None = None, eta: str = '') -> str:
    """Run one command under a progress line, its output going to ``log``."""
    lines: list[str] = []
    with Progress(step) as progress, open(log, 'a', encoding='utf-8') as file:
        file.write(f'$ {" ".join(command)}\n')
        progress.detail = eta
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors='replace', cwd=ROOT, env=env)
        assert process.stdout is not None
        for line in process.stdout:
            file.write(line)
            file.flush()
            lines.append(line)
            count = re.search(r'\[(\d+)/(\d+)\]', line)
            if count:
                done, total = int(count[1]), int(count[2])
                spent = time.monotonic() - progress.start
                left = spent / done * (total - done) / 60
                progress.detail = (f'compiled {done}/{total} files, '
                                   f'about {left:.0f} min left')
            elif line.startswith(('Collecting', 'Downloading', 'Installing')):
                progress.detail = line.strip()
        if process.wait():
            print(''.join(lines[-15:]), file=sys.stderr)
            raise StepFailed(step, log, remedy)
    return ''.join(lines)


def build_env(python: Path, scratch: Path, log: Path) -> dict[str, str]:
    """Environment for compiling mmcv's operators as fast as the machine can.

    ``-g0`` drops the debug information, and a precompiled ``torch/extension.h``
    spares its parsing, most of the work, in each of the 77 files. GCC ignores
    a precompiled header that does not fit the flags, so it cannot hurt.
    """
    env = dict(os.environ, MMCV_WITH_OPS='1', FORCE_CUDA='0',
               MAX_JOBS=str(len(os.sched_getaffinity(0))))
    env['PATH'] = f'{python.parent}{os.pathsep}{env["PATH"]}'
    flags = f'{os.environ.get("CFLAGS", "")} -g0'.strip()
    header = scratch / 'torch_all.h'
    header.write_text('#include <torch/extension.h>\n')
    query = ('from torch.utils.cpp_extension import include_paths as i;'
             'import torch;print(*["-isystem"+p for p in i()],'
             '"-D_GLIBCXX_USE_CXX11_ABI=%d"%torch._C._GLIBCXX_USE_CXX11_ABI)')
    paths = subprocess.run([str(python), '-c', query], text=True, check=True,
                           capture_output=True).stdout.split()
    compiler = os.environ.get('CXX', 'g++')
    command = [
        compiler, '-x', 'c++-header', str(header), '-o', f'{header}.gch',
        *(sysconfig.get_config_var('CFLAGS') or '').split(), *flags.split(),
        '-fPIC', '-std=c++17', '-DTORCH_API_INCLUDE_EXTENSION_H',
        '-DTORCH_EXTENSION_NAME=_ext', *paths,
        f'-I{sysconfig.get_paths()["include"]}']
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    with open(log, 'a', encoding='utf-8') as file:
        file.write(f'$ {" ".join(command)}\n{done.stdout}')
    if done.returncode == 0:
        flags += f' -include {header}'
    env['CFLAGS'] = flags
    return env


def provide_mmcv(python: Path, log: Path) -> Path:
    """Return an mmcv wheel with operators: found by pip, or built here."""
    WHEELS.mkdir(exist_ok=True)
    need = (REQUIREMENTS / 'mmcv.txt').read_text().split('\n')[-2].strip()
    pattern = f'{need.replace("==", "-")}-cp{sys.version_info.major}' \
              f'{sys.version_info.minor}-*.whl'
    if not list(WHEELS.glob(pattern)):
        found = subprocess.run(
            [str(python), '-m', 'pip', 'download', '-q', '--no-deps',
             '--only-binary=:all:', '-d', str(WHEELS), need],
            text=True, capture_output=True)
        if found.returncode:
            compile_mmcv(python, need, log)
    return next(WHEELS.glob(pattern))


def compile_mmcv(python: Path, need: str, log: Path) -> None:
    """Build the mmcv wheel from its source release into ``WHEELS``."""
    compiler = os.environ.get('CXX', 'g++')
    if shutil.which(compiler) is None:
        raise StepFailed(
            f'build {need}', log,
            f'no C++ compiler ({compiler}): install one (Debian/Ubuntu: '
            'apt-get install g++), or put an mmcv wheel for this Python where '
            'PIP_FIND_LINKS points')
    cores = len(os.sched_getaffinity(0))
    print(f'  no {need} wheel for this Python: building it from source with '
          f'{cores} jobs (seen: 20 minutes on 2 cores; kept in .wheels/)')
    scratch = WHEELS / 'build'
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        env = build_env(python, scratch, log)
        # Built aside and then renamed: a kill leaves no truncated wheel.
        run(f'build {need}',
            [str(python), '-m', 'pip', 'wheel', '-v', '--no-deps',
             '--no-build-isolation', '--no-binary', 'mmcv', '-w',
             str(scratch), need], log,
            'the compiler\'s first error is in the log; out of memory shows '
            'as "Killed": try MAX_JOBS=1 make setup', env=env,
            eta='preparing')
        for wheel in scratch.glob('*.whl'):
            wheel.rename(WHEELS / wheel.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def install(venv: Path) -> None:
    """Fill ``venv``; raises :class:`StepFailed` at the first failure."""
    python = venv / 'bin' / 'python'
    log = venv / 'setup.log'
    pip = [str(python), '-m', 'pip', 'install', '--progress-bar', 'off',
           '-c', str(REQUIREMENTS / 'constraints.txt')]

    def from_list(*names: str) -> list[str]:
        return [part for name in names
                for part in ('-r', str(REQUIREMENTS / f'{name}.txt'))]

    network = ('is the package index reachable (pip config list) and the '
               'disk large enough (6 GB)? Then run the same command again')
    run('1/5 torch and build tools', pip + from_list('torch', 'build'), log,
        network)
    wheel = provide_mmcv(python, log)
    run('2/5 mmcv with operators', [*pip, str(wheel)], log, network)
    run('3/5 mmagic, mmdet, mmsegmentation',
        pip + from_list('openmmlab', 'runtime', 'dev'), log, network)
    run('4/5 mmsdag, editable',
        [*pip, '--no-build-isolation', '--no-deps', '-e', str(ROOT)], log,
        'setup.py is at fault: the log has the traceback')
    run('5/5 check',
        [str(python), '-c',
         'import subprocess, sys; import mmcv.ops, mmagic, mmdet, mmseg; '
         'sys.exit(subprocess.call([sys.executable, "-m", "pip", "check"]))'],
        log, f'a package does not import or fit; if it is mmcv, remove '
        f'{WHEELS} (a wheel for another torch?) and run again')


def main() -> int:
    parser = argparse.ArgumentParser(
        description='Create or update the virtual environment.')
    parser.add_argument('venv', type=Path, nargs='?', default=ROOT / '.venv')
    venv = parser.parse_args().venv.resolve()
    stamp = venv / STAMP
    if stamp.exists() and stamp.read_text() == fingerprint():
        stamp.touch()  # newer than the lists again, for make
        return 0
    if sys.version_info[:2] != (3, 11):
        print('the pinned environment is for Python 3.11, this is '
              f'{sys.version.split()[0]}: make setup PYTHON=/path/to/python3.11',
              file=sys.stderr)
        return 1
    if venv.exists() and not (venv / MARK).exists():
        print(f'{venv} exists but was not made by this script: move it away, '
              'or name another: make setup VENV=/other/folder',
              file=sys.stderr)
        return 1
    if not stamp.exists():
        shutil.rmtree(venv, ignore_errors=True)
        venv.mkdir(parents=True)
        (venv / MARK).touch()
    stamp.unlink(missing_ok=True)
    print(f'setting up {venv} (about 4 minutes and 6 GB, once)')
    log = venv / 'setup.log'
    try:
        run('0/5 virtual environment', [sys.executable, '-m', 'venv',
                                        str(venv)], log,
            'Debian/Ubuntu: apt-get install python3.11-venv')
        install(venv)
    except StepFailed as error:
        print(f'set-up failed at: {error.step}\n  try: {error.remedy}\n'
              f'  log: {error.log}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted: the next run starts this environment anew',
              file=sys.stderr)
        return 130
    aside = stamp.with_suffix('.tmp')
    aside.write_text(fingerprint())
    aside.rename(stamp)
    return 0


if __name__ == '__main__':
    sys.exit(main())
