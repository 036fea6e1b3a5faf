"""Set-up, packaging and what ``import mmsdag`` promises.

The set-up runs for real, except that a stand-in takes the place of Python, so
that nothing is downloaded: it notes its arguments, and fails or hangs where
the test wants it to.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent

STAND_IN = r"""#!/bin/sh
call="$*"
echo "$call" >> "$NOTES"
set -f
IFS='|'
for step in $HANGS_AT; do case "$call" in $step) sleep 2 ;; esac; done
for step in $FAILS_AT; do
  case "$call" in $step) echo "ERROR: told to fail"; exit 1 ;; esac
done
case "$call" in
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  *"pip wheel"*)
    echo "CFLAGS=$CFLAGS MAX_JOBS=$MAX_JOBS" >> "$NOTES"
    while [ "$1" != -w ]; do shift; done
    touch "$2/mmcv-2.1.0-cp311-cp311-linux_x86_64.whl" ;;
  *include_paths*) echo /torch/include ;;
esac
"""

# Steps by the arguments that the stand-in gets.
VENV = '-m venv *'
TORCH = '*torch.txt*'
WHEEL = '*--only-binary mmcv*'
PROBE = '-c import mmcv.ops'
BUILD = '*pip wheel*'
OPENMMLAB = '*openmmlab.txt*'
PACKAGE = '* -e *'
CHECK = '-c import subprocess*'


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location('install', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Setup:
    """A checkout with a stand-in for Python; running its set-up."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.monkeypatch = root, monkeypatch
        shutil.copytree(ROOT / 'requirements', root / 'requirements')
        (root / 'mmsdag').mkdir()
        for name in ('setup.py', 'mmsdag/version.py'):
            shutil.copy(ROOT / name, root / name)
        self.python = executable(root / 'stand-in', STAND_IN)
        self.venv = root / '.venv'
        self.stamp = self.venv / '.mmsdag-ready'
        self.notes = root / 'notes'
        monkeypatch.setenv('NOTES', str(self.notes))
        monkeypatch.syspath_prepend(str(root / 'requirements'))
        self.module = load(root / 'requirements' / 'install.py')
        self.stack = 'upstream'
        self.module.PYTHONS = dict.fromkeys(self.module.PYTHONS, (sys.version_info[:2],))
        monkeypatch.setattr(sys, 'executable', str(self.python))
        (root / 'Python.h').touch()
        self.module.PYTHON_HEADERS = root
        self.compiler('echo "g++ (GCC) 12.2.0"')

    def compiler(self, action: str) -> None:
        """Let a script with this action be the C++ compiler."""
        script = executable(self.root / 'c++', f'#!/bin/sh\n{action}\n')
        self.monkeypatch.setenv('CXX', str(script))

    def __call__(self, fails_at: str = '-') -> int:
        self.monkeypatch.setenv('FAILS_AT', fails_at)
        self.notes.write_text('')
        return self.module.main([str(self.venv), '--stack', self.stack])

    def ran(self) -> list[str]:
        return self.notes.read_text().splitlines()


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    return Setup(tmp_path, monkeypatch)


def test_steps_run_in_the_order_that_mmcv_needs(setup: Setup) -> None:
    assert setup() == 0
    steps = (
        '-m venv',
        'torch.txt',
        'mmcv==2.1.0',
        'openmmlab.txt',
        ' -e ',
        'import mmcv.ops, mmagic',
    )
    first = [next(i for i, line in enumerate(setup.ran()) if step in line) for step in steps]
    assert first == sorted(first)


def test_a_second_run_does_nothing(setup: Setup) -> None:
    assert setup() == 0
    assert setup() == 0
    assert setup.ran() == []


@pytest.mark.parametrize('step', [VENV, TORCH, OPENMMLAB, PACKAGE, CHECK])
def test_a_failed_step_is_named_and_the_next_run_starts_anew(
    setup: Setup, capfd: pytest.CaptureFixture, step: str
) -> None:
    assert setup(fails_at=step) == 1
    error = capfd.readouterr().err
    assert 'told to fail' in error  # what failed, in its own words
    assert re.search(r'set-up failed: [0-5]/5 .+\n  try: .+\n  log: ', error)
    assert not setup.stamp.exists()
    (setup.venv / 'left-over').touch()
    assert setup() == 0
    assert not (setup.venv / 'left-over').exists()
    assert setup.ran()[0].startswith('-m venv')


def test_killed_set_up_is_not_trusted_and_its_orphan_is_waited_for(
    setup: Setup, capfd: pytest.CaptureFixture
) -> None:
    script = setup.root / 'requirements' / 'install.py'
    code = (
        f'import sys, runpy; sys.executable = {str(setup.python)!r}; '
        f'sys.path.insert(0, {str(script.parent)!r}); '
        f'sys.argv = ["install", {str(setup.venv)!r}, "--stack", '
        '"upstream"]; '
        f'runpy.run_path({str(script)!r}, run_name="__main__")'
    )
    setup.monkeypatch.undo()
    env = dict(os.environ, NOTES=str(setup.notes), HANGS_AT=TORCH, FAILS_AT='-')
    killed = subprocess.Popen([sys.executable, '-c', code], env=env)
    until(lambda: setup.notes.exists() and 'torch.txt' in setup.notes.read_text())
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not setup.stamp.exists()

    again = subprocess.run(
        [sys.executable, '-c', code], env=dict(env, HANGS_AT='-'), text=True, capture_output=True
    )
    assert again.returncode == 0, again.stderr
    assert 'waiting for another set-up' in again.stdout
    assert 'did not finish: starting anew' in again.stdout
    assert setup.stamp.exists()


def until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_changed_requirements_update_in_place(setup: Setup) -> None:
    assert setup() == 0
    (setup.venv / 'kept').touch()
    with open(setup.root / 'requirements' / 'dev.txt', 'a') as file:
        file.write('one-more==1.0\n')
    assert setup() == 0
    assert (setup.venv / 'kept').exists()
    assert any('dev.txt' in line for line in setup.ran())


def test_failed_update_is_not_trusted(setup: Setup) -> None:
    assert setup() == 0
    with open(setup.root / 'requirements' / 'dev.txt', 'a') as file:
        file.write('bogus==1.0\n')
    assert setup(fails_at=OPENMMLAB) == 1
    assert not setup.stamp.exists()


def test_moved_environment_is_not_trusted(setup: Setup) -> None:
    assert setup() == 0
    setup.venv.rename(setup.root / 'elsewhere')
    setup.venv = setup.root / 'elsewhere'
    assert setup() == 0
    assert setup.ran() != []


def test_folder_of_the_user_is_refused_untouched(
    setup: Setup, capfd: pytest.CaptureFixture
) -> None:
    setup.venv.mkdir()
    (setup.venv / 'thesis.tex').touch()
    assert setup() == 1
    assert 'was not made by this script' in capfd.readouterr().err
    assert [file.name for file in setup.venv.iterdir()] == ['thesis.tex']


def test_interrupted_removal_is_completed(setup: Setup) -> None:
    discarded = setup.root / '.venv.discarded'
    (discarded / 'lib').mkdir(parents=True)
    assert setup() == 0
    assert not discarded.exists()


def test_other_python_is_refused_with_the_remedy(
    setup: Setup, capfd: pytest.CaptureFixture
) -> None:
    setup.module.PYTHONS['upstream'] = ((3, 0),)
    assert setup() == 1
    error = capfd.readouterr().err
    assert 'the upstream stack is for Python 3.0, this is 3.' in error
    assert 'make setup PYTHON=' in error
    assert not setup.venv.exists()


def test_unwritable_folder_is_one_sentence(setup: Setup, capfd: pytest.CaptureFixture) -> None:
    (setup.root / 'file').touch()
    setup.venv = setup.root / 'file' / '.venv'
    assert setup() == 1
    assert 'set-up failed: ' in capfd.readouterr().err


def test_wheel_that_pip_finds_spares_the_build(setup: Setup) -> None:
    assert setup() == 0
    assert not any('pip wheel' in line for line in setup.ran())


@pytest.mark.parametrize('step', [WHEEL, PROBE])
def test_mmcv_is_built_where_no_wheel_fits(
    setup: Setup, step: str, capfd: pytest.CaptureFixture
) -> None:
    assert setup(fails_at=step) == 0
    assert 'building it from source' in capfd.readouterr().out
    built = setup.root / '.wheels/torch-2.11.0/mmcv-2.1.0-cp311-cp311-linux_x86_64.whl'
    assert built.exists()
    assert any(f'--force-reinstall --no-deps {built}' in line for line in setup.ran())


def test_build_outlives_the_environment(setup: Setup) -> None:
    assert setup(fails_at=WHEEL) == 0
    shutil.rmtree(setup.venv)
    assert setup(fails_at=WHEEL) == 0
    assert not any('pip wheel' in line for line in setup.ran())


def test_failed_build_leaves_no_wheel(setup: Setup, capfd: pytest.CaptureFixture) -> None:
    assert setup(fails_at=f'{WHEEL}|{BUILD}') == 1
    assert 'MAX_JOBS=1' in capfd.readouterr().err
    assert list(setup.root.glob('.wheels/torch-*/*')) == []


def compile_settings(setup: Setup) -> str:
    assert setup(fails_at=WHEEL) == 0
    return next(line for line in setup.ran() if line.startswith('CFLAGS='))


def test_build_is_optimized_whatever_setuptools_makes_of_its_flags(setup: Setup) -> None:
    # setuptools 79 takes CFLAGS in place of Python's own flags.
    setup.monkeypatch.setenv('CFLAGS', '-march=native')
    settings = compile_settings(setup)
    assert re.search(r'-O[23] ', settings)
    assert '-march=native' in settings


def test_build_has_no_debug_information_but_a_precompiled_header(setup: Setup) -> None:
    settings = compile_settings(setup)
    assert '-g0' in settings
    assert re.search(r'-include \S+/torch_types\.h', settings)


@pytest.mark.parametrize(
    'action', ['echo "clang version 17"', 'if [ "$1" = --version ]; then echo g++; else exit 1; fi']
)
def test_build_does_without_the_header_where_it_would_not_fit(setup: Setup, action: str) -> None:
    setup.compiler(action)
    settings = compile_settings(setup)
    assert '-g0' in settings
    assert '-include' not in settings


def test_number_of_compilers_is_the_users_choice(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('MAX_JOBS', '7')
    assert 'MAX_JOBS=7' in compile_settings(setup)


def test_missing_compiler_is_named(setup: Setup, capfd: pytest.CaptureFixture) -> None:
    setup.monkeypatch.setenv('CXX', 'no-such-compiler -m64')
    assert setup(fails_at=WHEEL) == 1
    error = capfd.readouterr().err
    assert 'there is no C++ compiler (no-such-compiler)' in error
    assert 'apt-get install g++' in error
    assert not setup.stamp.exists()


def test_missing_python_headers_are_named(setup: Setup, capfd: pytest.CaptureFixture) -> None:
    (setup.root / 'Python.h').unlink()
    assert setup(fails_at=WHEEL) == 1
    assert 'apt-get install python3.11-dev' in capfd.readouterr().err


def test_progress_tells_what_is_left_of_a_build(setup: Setup) -> None:
    progress = setup.module.Progress('building')
    progress.read('  [1/81] c++ -MMD active.cpp')
    assert progress.detail == 'compiled 1 of 81 files'
    progress.first -= 120  # 2 minutes for 20 further of 80
    progress.read('  [21/81] c++ -MMD nms.cpp')
    assert progress.detail == 'compiled 21 of 81 files, about 6 min left'


def test_onedl_stack_takes_its_own_packages(setup: Setup) -> None:
    setup.stack = 'onedl'
    assert setup() == 0
    ran = setup.ran()
    assert any('onedl-mmcv==2.3.6' in line for line in ran)
    assert any('onedl/openmmlab.txt' in line for line in ran)
    assert not any('upstream' in line for line in ran)
    assert any('import mmcv.ops, mmdet, mmseg, mmpretrain;' in line for line in ran)


def test_another_stack_in_the_same_folder_is_set_up_anew(setup: Setup) -> None:
    assert setup() == 0
    setup.stack = 'onedl'
    assert setup() == 0
    assert setup.ran() != []


def test_every_installed_requirement_is_pinned() -> None:
    stacks = [
        f'{stack}/{name}'
        for stack in ('onedl', 'upstream')
        for name in ('mmcv', 'openmmlab', 'constraints')
    ]
    for name in ('torch', 'build', 'dev', *stacks):
        lines = (ROOT / 'requirements' / f'{name}.txt').read_text()
        for line in lines.splitlines():
            assert line.startswith('#') or re.fullmatch(r'[\w-]+==[\w.]+', line), line


@pytest.mark.parametrize('stack', ['onedl', 'upstream'])
def test_lists_and_constraints_of_a_stack_agree(stack: str) -> None:

    def pins(name: str) -> dict[str, str]:
        lines = (ROOT / 'requirements' / f'{name}.txt').read_text()
        return {
            name.lower().replace('_', '-'): version
            for name, version in re.findall(r'^([\w-]+)==(\S+)$', lines, re.MULTILINE)
        }

    constraints = pins(f'{stack}/constraints')
    for name in ('torch', 'build', 'dev', f'{stack}/mmcv', f'{stack}/openmmlab'):
        for package, version in pins(name).items():
            assert constraints.get(package, version) == version, package


def test_no_plain_requirement_brings_openmmlab_packages() -> None:
    lines = (ROOT / 'requirements' / 'runtime.txt').read_text().splitlines()
    names = {re.split(r'[<>=]', line)[0] for line in lines}
    assert not {name for name in names if name.startswith('mm')}


def copied(folder: Path) -> Path:
    """A copy of what is packaged, with one config more."""
    for name in ('mmsdag', 'configs', 'checkpoints', 'tools', 'requirements'):
        shutil.copytree(
            ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns('__pycache__')
        )
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'LICENSE', 'model-index.yml'):
        shutil.copy(ROOT / name, folder / name)
    (folder / 'configs' / 'sdag' / 'only_in_the_copy.py').write_text(
        "_base_ = '../_base_/default_runtime.py'\nmarker = 42\n"
    )
    return folder


def packed(kind: str, folder: Path, clone: str = 'source') -> Path:
    """Site-packages as pip would fill it from a wheel of this kind."""
    source = folder / clone
    source.mkdir()
    subprocess.run(
        [
            sys.executable,
            '-c',
            f'import sys; from setuptools import build_meta;build_meta.build_{kind}(sys.argv[1])',
            str(folder),
        ],
        cwd=copied(source),
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(folder.glob('*.whl'))) as wheel:
        wheel.extractall(folder / 'site')
    return folder / 'site'


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['wheel', 'editable'])
def test_another_project_inherits_configs_and_finds_trained_models(
    kind: str, tmp_path: Path
) -> None:
    site = packed(kind, tmp_path)
    config = tmp_path / 'project.py'
    config.write_text("_base_ = 'mmsdag::sdag/only_in_the_copy.py'\n")
    done = subprocess.run(
        [
            sys.executable,
            '-W',
            'ignore',
            '-c',
            'import os, mmsdag; from mmengine import Config, hub;'
            f'config = Config.fromfile({str(config)!r});'
            'same = hub.get_config("mmsdag::sdag/only_in_the_copy.py");'
            'from mmsdag.utils.model_index import find_model;'
            'files = find_model("zero_dce.sdag");'
            'print(config.marker, same.marker, config.default_scope,'
            ' all(map(os.path.isfile, files)))',
        ],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(site)),
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == '42 42 mmsdag True'


@pytest.mark.slow
def test_clone_beside_a_script_does_not_hide_an_editable_installation(tmp_path: Path) -> None:
    site = packed('editable', tmp_path, clone='mmsdag')
    script = tmp_path / 'script.py'
    # The new site folder goes before the one of this environment, which has
    # another mmsdag, but after the script's own folder.
    script.write_text(
        'import site, sys; known = len(sys.path); '
        f'site.addsitedir({str(site)!r}); '
        'sys.path[1:1] = sys.path[known:]\n'
        'import mmsdag; print(mmsdag.__file__, mmsdag.__version__)\n'
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    file, version = done.stdout.split()
    assert file == str(tmp_path / 'mmsdag' / 'mmsdag' / '__init__.py')
    assert f"'{version}'" in (ROOT / 'mmsdag' / 'version.py').read_text()


def test_wheel_holds_what_mim_looks_for(tmp_path: Path) -> None:
    site = packed('wheel', tmp_path)
    for kind in ('py', 'html'):
        for file in (ROOT / 'mmsdag').glob(f'*/*.{kind}'):
            assert (site / file.relative_to(ROOT)).is_file(), file
    mim = site / 'mmsdag' / '.mim'
    for folder, kinds in (
        ('configs', ('py', 'yml')),
        ('tools', ('py', 'sh')),
        ('checkpoints', ('pth',)),
    ):
        for kind in kinds:
            wanted = {file.relative_to(ROOT) for file in (ROOT / folder).rglob(f'*.{kind}')}
            found = {file.relative_to(mim) for file in (mim / folder).rglob(f'*.{kind}')}
            assert wanted and found >= wanted
    assert (mim / 'model-index.yml').read_bytes() == (ROOT / 'model-index.yml').read_bytes()


@pytest.mark.slow
def test_installed_command_is_the_package_s(tmp_path: Path) -> None:
    site = packed('wheel', tmp_path)
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            'import sys; from importlib.metadata import distributions; '
            'points = next(d for d in distributions(path=[sys.argv[1]]) '
            'if d.metadata["Name"] == "mmsdag").entry_points; '
            'main = next(p for p in points if p.name == "mmsdag").load(); '
            'main(["--version"])',
            str(site),
        ],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(site)),
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r'mmsdag [\d.]+\n', done.stdout)


def test_model_index_names_every_metafile_and_they_name_configs() -> None:
    yaml = pytest.importorskip('yaml')
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    assert sorted(index) == sorted(
        str(file.relative_to(ROOT)) for file in ROOT.glob('configs/**/metafile.yml')
    )
    for name in index:
        for model in yaml.safe_load((ROOT / name).read_text())['Models']:
            assert (ROOT / model['Config']).is_file()


def test_metadata_are_read_without_torch() -> None:
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            'import sys; sys.modules["torch"] = None; '
            'sys.argv = ["setup.py", "--version"]; '
            'exec(compile(open("setup.py").read(), "setup.py", "exec"), '
            '{"__name__": "__main__", "__file__": "setup.py"})',
        ],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    version = (ROOT / 'mmsdag' / 'version.py').read_text()
    assert f"__version__ = '{done.stdout.splitlines()[-1]}'" in version


@pytest.mark.slow
def test_importing_the_package_is_cheap() -> None:
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            'import sys, mmsdag; print(sorted({"mmagic", "mmcv", "mmdet", "mmseg"'
            ', "mmsdag.models", "torchvision"} & set(sys.modules)))',
        ],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == '[]\n'


@pytest.mark.parametrize(
    'name, found, wanted, remedy',
    [
        ('mmcv', '2.2.0', '>= 2.0.0, < 2.2.0', "mim install 'mmcv"),
        ('mmcv', '1.7.2', '>= 2.0.0, < 2.2.0', "mim install 'mmcv"),
        ('mmengine', '0.9.1', '>= 0.10.0, < 1.0.0', "pip install 'mmengine"),
        ('mmengine', '1.0.0', '>= 0.10.0, < 1.0.0', "pip install 'mmengine"),
        ('onedl-mmengine', '1.0.0', '>= 0.10.0, < 1.0.0', "pip install 'onedl-mmengine"),
        ('onedl-mmcv', '2.2.0', '>= 2.3.0, < 3.0.0', "pip install 'onedl-mmcv"),
    ],
)
def test_unsupported_version_is_one_sentence(
    tmp_path: Path, name: str, found: str, wanted: str, remedy: str
) -> None:
    folder = f'{name.replace("-", "_")}-{found}.dist-info'
    metadata = tmp_path / folder / 'METADATA'
    metadata.parent.mkdir()
    metadata.write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {found}\n')
    done = subprocess.run(
        [sys.executable, '-c', 'import mmsdag'],
        cwd=ROOT,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(tmp_path)),
        capture_output=True,
    )
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith('ImportError: mmsdag ')
    assert f'needs {name} {wanted}, but {found} is installed' in message
    assert remedy in message
