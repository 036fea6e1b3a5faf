"""Create the project's virtual environment: ``make setup``.

Only the standard library is used, because nothing is installed yet. An
environment is complete if its stamp names the present requirements. The stamp
is written last: the next run repeats what failed or was killed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from progress import Progress, SetupError

ROOT = Path(__file__).resolve().parent.parent
#: Stacks of OpenMMLab packages, the versions of Python for which each can be
#: installed, and what must be importable in the end.
PYTHONS = {'onedl': ((3, 11), (3, 12), (3, 13)), 'upstream': ((3, 11),)}
PACKAGES = {
    'onedl': 'mmcv.ops, mmdet, mmseg, mmpretrain',
    'upstream': 'mmcv.ops, mmagic, mmdet, mmseg, mmpretrain',
}
STAMP = '.mmsdag-ready'
MARK = '.mmsdag-env'
PYTHON_HEADERS = Path(sysconfig.get_paths()['include'])

NETWORK = (
    'see the lines above; is the package index reachable (pip config list), and the disk large '
    'enough (6 GB)? Then run the same command again'
)


class Environment:
    """The virtual environment in ``folder``, filled from ``requirements/``.

    Args:
        folder: Where the environment is or will be.
        root: The checkout to install.
        stack: Folder of ``requirements/`` with the OpenMMLab packages.
    """

    def __init__(self, folder: Path, root: Path = ROOT, stack: str = 'onedl') -> None:
        self.folder, self.root, self.stack = folder, root, stack
        self.lists = root / 'requirements'
        self.python = folder / 'bin' / 'python'
        self.log = folder / 'setup.log'
        self.stamp, self.mark = folder / STAMP, folder / MARK
        # Outlives the environment: the slow build happens once per torch.
        self.cache = root / '.wheels'
        self.wheels = self.cache / self.pin('torch').replace('==', '-')

    def pin(self, name: str) -> str:
        """Return the first pin of a list: ``name==version``."""
        lines = self.file(name).read_text().splitlines()
        return next(line for line in lines if '==' in line and not line.startswith('#'))

    def file(self, name: str) -> Path:
        """Return a file of requirements: the stack's own, or for both."""
        own = self.lists / self.stack / f'{name}.txt'
        return own if own.exists() else self.lists / f'{name}.txt'

    def fingerprint(self) -> str:
        """Hash of all that decides what is installed, and where."""
        digest = hashlib.sha256(f'{self.folder}\n{self.root}\n{self.stack}'.encode())
        for file in (
            *sorted(self.lists.glob('*.txt')),
            *sorted((self.lists / self.stack).glob('*.txt')),
            self.root / 'setup.py',
            self.root / 'mmsdag' / 'version.py',
        ):
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def ready(self) -> bool:
        """Whether the environment is complete and up to date."""
        complete = self.python.exists() and self.stamp.exists()
        return complete and self.stamp.read_text() == self.fingerprint()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for other set-ups of this checkout to end.

        The lock is handed on to the child processes: the orphans of a killed
        set-up hold it until they are gone.
        """
        self.cache.mkdir(exist_ok=True)
        with open(self.cache / 'lock', 'w') as file:
            self.lock = file.fileno()
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print('waiting for another set-up of this folder to end')
                fcntl.flock(self.lock, fcntl.LOCK_EX)
            yield

    def attempt(
        self,
        step: str,
        command: list[str],
        env: dict[str, str] | None = None,
        failure: str = 'FAILED',
    ) -> str | None:
        """Run a command under a progress line; its output goes to the log.

        Returns:
            The last lines of the output if the command failed, else ``None``.
        """
        tail: list[str] = []
        with open(self.log, 'a', encoding='utf-8') as log:
            log.write(f'$ {shlex.join(command)}\n')
            log.flush()
            with (
                Progress(step) as progress,
                subprocess.Popen(
                    command,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    text=True,
                    errors='replace',
                    cwd=self.root,
                    env=env,
                    pass_fds=[self.lock],
                ) as process,
            ):
                try:
                    for line in process.stdout or ():
                        log.write(line)
                        log.flush()
                        progress.read(line)
                        tail = [*tail[-14:], line]
                except BaseException:
                    process.terminate()
                    raise
                failed = process.wait() != 0
                progress.detail = failure if failed else 'done'
        return ''.join(tail) if failed else None

    def run(
        self, step: str, command: list[str], remedy: str, env: dict[str, str] | None = None
    ) -> None:
        """Run a command; a failure ends the set-up. See :meth:`attempt`."""
        tail = self.attempt(step, command, env)
        if tail is not None:
            print(tail, file=sys.stderr)
            raise SetupError(step, remedy)

    def pip(self, *what: str, lists: tuple[str, ...] = ()) -> list[str]:
        """Return the command that installs under our constraints."""
        files = [part for name in lists for part in ('-r', str(self.file(name)))]
        command = [str(self.python), *'-m pip install --progress-bar off -c'.split()]
        return [*command, str(self.file('constraints')), *files, *what]

    def make(self) -> None:
        """Create or update the environment."""
        self.claim()
        print(
            f'setting up {self.folder} with the {self.stack} stack (once; '
            'about 4 minutes and 6 GB)',
            flush=True,
        )
        if not self.python.exists():
            self.run(
                '0/5 virtual environment',
                [sys.executable, '-m', 'venv', str(self.folder)],
                'Debian/Ubuntu: apt-get install python3-venv',
            )
        self.run('1/5 torch and build tools', self.pip(lists=('torch', 'build')), NETWORK)
        self.install_mmcv()
        self.run(
            '3/5 mmdet, mmsegmentation and their like',
            self.pip(lists=('openmmlab', 'runtime', 'dev')),
            NETWORK,
        )
        self.run(
            '4/5 mmsdag, editable',
            self.pip('--no-build-isolation', '--no-deps', '-e', str(self.root)),
            'setup.py is at fault: the log has the traceback',
        )
        self.run(
            '5/5 check',
            [
                str(self.python),
                '-c',
                f'import subprocess, sys; import {PACKAGES[self.stack]}; '
                'sys.exit(subprocess.call([sys.executable, "-m", "pip", "check"]))',
            ],
            'a package does not import, or does not fit another: the lines above name it',
        )
        aside = self.stamp.with_suffix('.tmp')
        aside.write_text(self.fingerprint())
        aside.rename(self.stamp)

    def claim(self) -> None:
        """Leave a folder of ours: a finished environment, or an empty one."""
        discarded = self.folder.with_name(f'{self.folder.name}.discarded')
        if discarded.exists():  # its removal was interrupted
            shutil.rmtree(discarded)
        ours = self.mark.exists()
        if self.folder.exists() and not ours and any(self.folder.iterdir()):
            raise SetupError(
                f'{self.folder} exists but was not made by this script',
                'move it away, or name another: make setup VENV=other/folder',
            )
        if ours and not (self.stamp.exists() and self.python.exists()):
            print('the last set-up did not finish: starting anew')
            # Renamed first: killed half-way, a removal leaves no folder that
            # lacks the mark.
            self.folder.rename(discarded)
            shutil.rmtree(discarded)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mark.touch()
        self.stamp.unlink(missing_ok=True)

    def install_mmcv(self) -> None:
        """Install mmcv with operators: our build, a wheel, or a new build."""
        step, need = '2/5 mmcv with operators', self.pin('mmcv')
        built = self.find_wheel()
        if built is None:
            # A wheel for another torch installs, but does not import.
            commands = (
                self.pip('--only-binary', need.partition('==')[0], need),
                [str(self.python), '-c', 'import mmcv.ops'],
            )
            if all(
                self.attempt(f'{step}: {what}', command, failure='no') is None
                for what, command in zip(('is there a wheel?', 'does it fit?'), commands)
            ):
                return
            built = self.compile_mmcv(need)
        self.run(step, self.pip('--force-reinstall', '--no-deps', str(built)), NETWORK)
        self.run(f'{step}: dependencies', self.pip(need), NETWORK)

    def find_wheel(self) -> Path | None:
        """Return the mmcv wheel built earlier for this torch and Python."""
        tag = f'cp{sys.version_info.major}{sys.version_info.minor}'
        name = self.pin('mmcv').replace('-', '_').replace('==', '-')
        return next(self.wheels.glob(f'{name}-{tag}-*.whl'), None)

    def compile_mmcv(self, need: str) -> Path:
        """Build the mmcv wheel from its source release."""
        step = f'building {need}'
        compiler = shlex.split(os.environ.get('CXX', 'c++'))[0]
        if shutil.which(compiler) is None:
            raise SetupError(
                f'{step}: there is no C++ compiler ({compiler})',
                'Debian/Ubuntu: apt-get install g++; or put an mmcv wheel for '
                'this Python and torch where PIP_FIND_LINKS points',
            )
        if not (PYTHON_HEADERS / 'Python.h').exists():
            raise SetupError(
                f'{step}: there is no Python.h in {PYTHON_HEADERS}',
                'Debian/Ubuntu: apt-get install python3.11-dev',
            )
        print(
            f'  no {need} wheel fits: building it from source, once, into '
            f'{self.cache.name}/ (77 files, 4 to 8 minutes)',
            flush=True,
        )
        # Built aside and then renamed: a kill leaves no truncated wheel.
        scratch = self.cache / 'build'
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        options = ['--no-deps', '--no-build-isolation', '--no-cache-dir']
        options += ['--no-binary', need.partition('==')[0], '-w', str(scratch)]
        self.run(
            f'{step} from source',
            [str(self.python), *'-m pip wheel -v'.split(), *options, need],
            'the first error of the compiler is in the log; if it says "Killed", '
            'memory ran out: MAX_JOBS=1 make setup',
            env=self.build_env(scratch),
        )
        wheel = next(scratch.glob('*.whl'))
        self.wheels.mkdir(exist_ok=True)
        wheel.rename(self.wheels / wheel.name)
        shutil.rmtree(scratch)
        return self.wheels / wheel.name

    def build_env(self, scratch: Path) -> dict[str, str]:
        """Return an environment that compiles mmcv's operators fast.

        ``-g0`` drops debug information, and ``torch/types.h``, which nearly
        all files include first, is precompiled: a file takes 13 s by default,
        7 s with the former, 2 s with both (10 s with ``torch/extension.h``,
        whose definitions GCC compiles in every file). GCC ignores a header
        that does not fit its flags, and logs it; other compilers get none.
        """
        # Operators for CPUs only, also where a GPU would make mmcv's setup
        # ask for a CUDA toolkit.
        env = dict(os.environ, MMCV_WITH_OPS='1', FORCE_CUDA='0', CUDA_VISIBLE_DEVICES='')
        env.setdefault('MAX_JOBS', str(len(os.sched_getaffinity(0))))
        env['PATH'] = f'{self.python.parent}{os.pathsep}{env["PATH"]}'
        # Python's own flags again, the optimization among them: older
        # setuptools append CFLAGS to these, newer ones put it in their place.
        given = f'{sysconfig.get_config_var("CFLAGS") or ""} {env.get("CFLAGS", "")}'
        flags = ['-O2', *shlex.split(given), '-g0']
        header = scratch / 'torch_types.h'
        header.write_text('#include <torch/types.h>\n')
        if self.precompile(header, flags):
            flags += ['-Winvalid-pch', '-include', str(header)]
        env['CFLAGS'] = shlex.join(flags)
        return env

    def precompile(self, header: Path, flags: list[str]) -> bool:
        """Precompile a header of torch with GCC; whether that worked."""

        def output(*command: str) -> str | None:
            done = subprocess.run(command, text=True, capture_output=True)
            with open(self.log, 'a', encoding='utf-8') as log:
                log.write(f'$ {shlex.join(command)}\n{done.stdout}{done.stderr}')
            return None if done.returncode else done.stdout

        compiler = shlex.split(os.environ.get('CXX', 'c++'))
        folders = output(
            str(self.python),
            '-c',
            'from torch.utils.cpp_extension import include_paths; '
            'print(*include_paths(), sep="\\n")',
        )
        if folders is None or 'clang' in (output(*compiler, '--version') or 'clang'):
            return False
        # The very flags of setuptools, mmcv and torch, so that it fits.
        flags = [*flags, *shlex.split(os.environ.get('CPPFLAGS', '')), '-fPIC']
        flags += [f'-I{folder}' for folder in (*folders.splitlines(), PYTHON_HEADERS)]
        flags += '-std=c++17 -DTORCH_API_INCLUDE_EXTENSION_H -DTORCH_EXTENSION_NAME=_ext'.split()
        files = ['-x', 'c++-header', str(header), '-o', f'{header}.gch']
        return output(*compiler, *files, *flags) is not None


def main(arguments: list[str] | None = None) -> int:
    """Make the environment ready and return the exit status."""
    parser = argparse.ArgumentParser(description='Create or update the virtual environment.')
    parser.add_argument('folder', type=Path, nargs='?', default=ROOT / '.venv')
    parser.add_argument('--stack', choices=sorted(PYTHONS), default='onedl')
    args = parser.parse_args(arguments)
    environment = Environment(args.folder.resolve(), stack=args.stack)
    if environment.ready():
        return 0
    try:
        if sys.version_info[:2] not in PYTHONS[args.stack]:
            known = ' or '.join('.'.join(map(str, version)) for version in PYTHONS[args.stack])
            raise SetupError(
                f'the {args.stack} stack is for Python {known}, this is {sys.version.split()[0]}',
                'make setup PYTHON=/path/to/python3.11',
            )
        with environment.alone():
            if not environment.ready():
                environment.make()
    except (SetupError, OSError) as error:
        remedy = getattr(error, 'remedy', 'is the disk full, or the folder not writable?')
        print(f'set-up failed: {error}\n  try: {remedy}', file=sys.stderr)
        if environment.log.exists():
            print(f'  log: {environment.log}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted: the next run starts anew', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
