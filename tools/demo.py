"""What SDAG learns, and what its guidance does to Zero-DCE, in minutes.

Darkens photographs that scikit-image and scikit-learn bring along, or takes
your dark ones; trains Zero-DCE, SDAG, and Zero-DCE guided by SDAG; measures
them on photographs held out of the training; writes report.html. Called again
with the same arguments, it goes on where it was.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import logging
import platform
import re
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.runner import Runner
from report import COLUMNS, VERSIONS, View, image_source, means, write_report
from torch import Tensor, nn
from tqdm import tqdm

import mmsdag  # noqa: F401  (registers everything)
from mmsdag.datasets import LowLightFolderDataset
from mmsdag.datasets.image_io import BrokenImageError, read_image
from mmsdag.registry import MODELS, TRANSFORMS
from mmsdag.utils import (
    find_latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
    write_atomically,
)
from mmsdag.utils.env import package_versions
from mmsdag.utils.launch import check_options, clear_errors
from mmsdag.utils.memory import keep_freed_memory

CONFIGS = Path(__file__).resolve().parent.parent / 'configs' / 'demo'
EXAMPLES = """\
  # photographs that come with the requirements
  python tools/demo.py

  # dark photographs of your own
  python tools/demo.py --data photos --out work_dirs/mine

  # train for longer
  python tools/demo.py --out work_dirs/long --cfg-options \\
      train_cfg.max_iters=2000 param_scheduler.T_max=2000
"""


class Embedded(NamedTuple):
    """A photograph inside an installed package."""
    name: str
    package: str
    path: str
    credit: str


# Both views of the motorcycle train: held out, one would leak the other.
TRAINING = (
    Embedded('astronaut', 'skimage', 'data/astronaut.png',
             'NASA, public domain'),
    Embedded('flower', 'sklearn', 'datasets/images/flower.jpg',
             'flickr.com/photos/vultilion/6056698931, CC BY 2.0'),
    Embedded('motorcycle left', 'skimage', 'data/motorcycle_left.png',
             'Middlebury 2014 stereo benchmark, D. Scharstein et al.'),
    Embedded('motorcycle right', 'skimage', 'data/motorcycle_right.png',
             'Middlebury 2014 stereo benchmark, D. Scharstein et al.'),
    Embedded('rocket', 'skimage', 'data/rocket.jpg', 'SpaceX, public domain'),
)
HELD_OUT = (
    Embedded('chelsea', 'skimage', 'data/chelsea.png',
             'Stéfan van der Walt, CC0'),
    Embedded('china', 'sklearn', 'datasets/images/china.jpg',
             'flickr.com/photos/danielbuechele/6061409035, CC BY 2.0'),
    Embedded('coffee', 'skimage', 'data/coffee.png', 'Rachel Michetti, CC0'),
)

# How the embedded photographs lose their light: those of the training in
# several dark copies, those held out in one.
DARKENING = dict(
    type='mmsdag.LowLightDegradation',
    order='camera',
    exposure=(0.04, 0.25),
    shot=5e-4,
    read=2.5e-7)
DARKENING_HELD_OUT = dict(DARKENING, exposure=0.1)
COPIES = 4

# At most so many photographs of the user's are used.
MOST_TRAINING, MOST_HELD_OUT = 64, 4


class Stage(NamedTuple):
    """A training: its name in files, its config, its name for people."""
    name: str
    config: str
    title: str


STAGES = (
    Stage('unguided', 'zero-dce_demo.py', 'Zero-DCE without guidance'),
    Stage('sdag', 'sdag_demo.py', 'SDAG'),
    Stage('guided', 'zero-dce-sdag_demo.py', 'Zero-DCE guided by SDAG'),
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f'examples:\n{EXAMPLES}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/demo'),
        help='folder for what the demo writes (default: %(default)s)')
    parser.add_argument(
        '--data', type=Path, help='folder of dark photographs of your own')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the photographs and trainings')
    parser.add_argument(
        '--max-side',
        type=int,
        default=512,
        metavar='PIXELS',
        help='larger photographs are scaled down (default: %(default)s)')
    parser.add_argument(
        '--extractor',
        metavar='CHECKPOINT',
        help='SDAG checkpoint that holds the frozen VGG-16 layers; by default '
        'the one that configs/demo/sdag_demo.py names')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='override settings of all three trainings')
    return parser.parse_args(argv)


# Photographs


class Photographs:
    """The folder of prepared images: training, held out, references.

    ``dark/`` and, with the embedded photographs, ``bright/`` are for the
    training; ``held_out/`` and ``reference/`` are for the report.

    Args:
        folder: Where they are, or shall be.
        identity: What determines them; others there are replaced.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity
        self.manifest = _read_json(folder / 'manifest.json')

    @property
    def ready(self) -> bool:
        """Whether the folder holds what is wanted."""
        return self.manifest.get('identity') == self.identity

    @property
    def paired(self) -> bool:
        """Whether there are well-lit originals."""
        return (self.folder / 'bright').is_dir()

    def held_out(self) -> list[Path]:
        """The dark test images."""
        return sorted((self.folder / 'held_out').iterdir())

    @contextmanager
    def filling(self) -> Iterator[Path]:
        """Give a folder to fill, which then replaces the present one."""
        staging = self.folder.with_name(f'.{self.folder.name}')
        shutil.rmtree(staging, ignore_errors=True)
        yield staging
        _remove_own(self.folder, 'manifest.json')
        staging.replace(self.folder)
        self.manifest = _read_json(self.folder / 'manifest.json')


def embedded_photographs(folder: Path, args: argparse.Namespace,
                         min_side: int) -> Photographs:
    """Darken the photographs of scikit-image and scikit-learn."""
    paths = {item: _embedded_path(item) for item in (*TRAINING, *HELD_OUT)}
    photographs = Photographs(
        folder,
        _digest([args.seed, args.max_side, min_side, DARKENING, COPIES,
                 [_sha256(path) for path in paths.values()]]))
    if photographs.ready:
        return photographs
    generator = torch.Generator().manual_seed(args.seed)
    several = TRANSFORMS.build(DARKENING)
    single = TRANSFORMS.build(DARKENING_HELD_OUT)
    with photographs.filling() as new:
        for item, path in paths.items():
            bright = _fit(read_image(path), args.max_side, min_side)
            held_out = item in HELD_OUT
            _write_image(
                new / ('reference' if held_out else 'bright')
                / f'{item.name}.png', bright)
            if held_out:
                _write_image(new / 'held_out' / f'{item.name}.png',
                             _darken(bright, single, generator))
                continue
            for copy in range(COPIES):
                _write_image(new / 'dark' / f'{item.name} {copy + 1}.png',
                             _darken(bright, several, generator))
        low, high = DARKENING['exposure']
        _write_json(
            new / 'manifest.json',
            dict(
                identity=photographs.identity,
                text=f'{len(TRAINING)} photographs that scikit-image and '
                f'scikit-learn bring along, each darkened {COPIES} times as '
                f'a camera would: {low:.0%} to {high:.0%} of the light, with '
                'shot and read noise. Zero-DCE sees these dark ones only, '
                f'SDAG the well-lit originals. {len(HELD_OUT)} other '
                'photographs, at '
                f'{DARKENING_HELD_OUT["exposure"]:.0%} of the light, are held '
                'out; both views of the motorcycle are on this side.',
                credits=[f'{item.name}: {item.credit}' for item in paths]))
    return photographs


def own_photographs(folder: Path, args: argparse.Namespace,
                    min_side: int) -> Photographs:
    """Take the user's dark photographs, the last of them by name held out."""
    if not args.data.is_dir():
        raise FileNotFoundError(f'--data {args.data}: there is no such folder')
    dataset = LowLightFolderDataset(
        data_root=str(args.data),
        min_size=min_side,
        small='skip',
        pipeline=[])
    found = len(dataset.list_names())
    paths = [
        Path(dataset.get_data_info(i)['img_path']) for i in range(len(dataset))
    ]
    if len(paths) < 2:
        raise ValueError(
            f'--data {args.data}: {len(paths)} usable photograph; one to '
            'train on and one to hold out are the least, twenty are better')
    photographs = Photographs(
        folder,
        _digest([args.seed, args.max_side, min_side,
                 [(str(p), p.stat().st_size, p.stat().st_mtime_ns)
                  for p in paths]]))
    if photographs.ready:
        return photographs
    count = min(MOST_HELD_OUT, max(1, len(paths) // 5))
    groups = dict(held_out=paths[-count:],
                  dark=_evenly(paths[:-count], MOST_TRAINING))
    used = dict.fromkeys(groups, 0)
    seen: set[str] = set()
    with photographs.filling() as new:
        for group, members in groups.items():
            bar = tqdm(members, desc=group, disable=None)
            for number, path in enumerate(bar):
                try:
                    image = _fit(read_image(path), args.max_side, min_side)
                except BrokenImageError as error:
                    print(f'left out: {error}', file=sys.stderr)
                    continue
                digest = hashlib.sha256(image.tobytes()).hexdigest()
                if digest in seen:  # a copy must not train and test
                    continue
                seen.add(digest)
                used[group] += 1
                target = new / group / f'{path.stem}.png'
                if target.exists():
                    target = target.with_stem(f'{path.stem} {number}')
                _write_image(target, image)
        if not all(used.values()):
            raise ValueError(
                f'--data {args.data}: too few different photographs can be '
                'read to train on some and hold out others')
        _write_json(
            new / 'manifest.json',
            dict(
                identity=photographs.identity,
                text=f'{used["dark"]} of your photographs, scaled to at most '
                f'{args.max_side} pixels. {used["held_out"]} others, the last '
                'by name, are held out: shots of one scene mostly follow each '
                'other, and so stay on one side. The folder holds '
                f'{found} images; broken, small and repeated ones are left '
                f'out, and more than {MOST_TRAINING + MOST_HELD_OUT} are not '
                'used. SDAG learned on what the unguided Zero-DCE makes of '
                'the dark photographs.',
                credits=[]))
    return photographs


def _embedded_path(item: Embedded) -> Path:
    spec = find_spec(item.package)
    path = spec and Path(spec.origin).parent / item.path
    if not path or not path.is_file():
        raise FileNotFoundError(
            f'the photograph {item.path} of {item.package} is missing: '
            'pip install scikit-image scikit-learn, or give --data a folder '
            'of dark photographs')
    return path


def _fit(image: np.ndarray, max_side: int, min_side: int) -> np.ndarray:
    """Scale down to ``max_side``, no side below ``min_side``; uint8."""
    scale = max(max_side / max(image.shape[:2]),
                min_side / min(image.shape[:2]))
    if scale < 1:
        size = [max(round(s * scale), min_side) for s in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return image.round().astype(np.uint8)


def _darken(image: np.ndarray, degradation: Any,
            generator: torch.Generator) -> np.ndarray:
    return _to_bytes(degradation.degrade(_to_tensor(image), generator))


def _evenly(items: list, most: int) -> list:
    if len(items) <= most:
        return items
    return [items[i * len(items) // most] for i in range(most)]


def _to_tensor(image: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 to (3, H, W), [0, 1]; the order of colours stays."""
    return torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 255


def _to_bytes(image: Tensor) -> np.ndarray:
    """The inverse of :func:`_to_tensor`, rounded and clipped."""
    image = (image.clamp(0, 1) * 255).round().byte().cpu()
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


# Trainings


def stage_config(stage: Stage, args: argparse.Namespace) -> Config:
    """The config of a training, as the command line wants it."""
    cfg = Config.fromfile(CONFIGS / stage.config)
    check_options(cfg.to_dict(), args.cfg_options)
    cfg.merge_from_dict(args.cfg_options)
    cfg.work_dir = str(args.out / 'training' / stage.name)
    cfg.randomness.seed = args.seed
    cfg.train_dataloader.sampler.seed = args.seed
    if stage.name == 'sdag' and args.extractor:
        cfg.model.generator.extractor.init_cfg.checkpoint = args.extractor
    if stage.name == 'guided':
        cfg.custom_hooks[0].checkpoint = str(weights_path(args.out, 'sdag'))
    return cfg


def set_data(stage: Stage, cfg: Config, photographs: Photographs,
             out: Path) -> None:
    """Name the folder of a training in its config.

    SDAG learns on well-lit photographs; on the dark ones as the unguided
    Zero-DCE enhances them, where there are no others.
    """
    folder = 'dark'
    if stage.name == 'sdag' and photographs.paired:
        folder = 'bright'
    elif stage.name == 'sdag':
        cfg.model.enhancer = dict(
            type='mmsdag.ZeroDCENet',
            init_cfg=dict(
                type='Pretrained',
                checkpoint=str(weights_path(out, 'unguided')),
                prefix='generator.'))
    cfg.train_dataloader.dataset.data_root = str(photographs.folder / folder)


def weights_path(out: Path, stage: str) -> Path:
    """The trained weights of a stage."""
    return out / 'checkpoints' / f'{stage}.pth'


def check_extractor(cfg: Config) -> None:
    """Find the frozen layers of VGG-16 before anything is trained.

    Args:
        cfg: Of the training of SDAG.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If it holds no such layers.
    """
    source = cfg.model.generator.extractor.init_cfg
    path = Path(source.checkpoint).resolve()
    if not path.is_file():
        raise FileNotFoundError(
            f'no {path}, which comes with the repository: SDAG takes the '
            'frozen layers of VGG-16 from it. Restore it, or name another '
            'checkpoint of SDAG with --extractor')
    names = load_checkpoint(path).get('state_dict', {})
    if not any(name.startswith(source.prefix) for name in names):
        raise ValueError(f'{path} holds no weights {source.prefix}*: name a '
                         'checkpoint of SDAG with --extractor')


def train(stage: Stage, cfg: Config, photographs: Photographs,
          weights: Path) -> None:
    """Train a stage, or what is left of it; nothing if it is done."""
    work_dir = Path(cfg.work_dir)
    record = work_dir / 'demo.json'
    identity = _identity(cfg, photographs)
    if _read_json(record).get('identity') != identity:
        _remove_own(work_dir, record.name)
        weights.unlink(missing_ok=True)
        _write_json(record, dict(identity=identity))
    elif weights.is_file():
        print('  done already', flush=True)
        return
    latest = find_latest_checkpoint(work_dir)
    cfg.resume = latest is not None
    cfg.load_from = latest and str(latest)
    with _quiet():
        runner = Runner.from_cfg(cfg)
    # Sets nothing new, but lets the logger forget what was disabled.
    runner.logger.setLevel(logging.INFO)
    runner.logger.addFilter(_is_news)
    model = runner.train()
    state = {
        name: value
        for name, value in model.state_dict().items()
        if name.startswith('generator.')
    }
    save_checkpoint(dict(state_dict=state, meta=dict(stage=stage.name)),
                    weights)


def _identity(cfg: Config, photographs: Photographs) -> str:
    """A digest of all that decides on the weights."""

    def content(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: content(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return [content(value) for value in node]
        if isinstance(node, str) and node.endswith('.pth'):
            return _sha256(Path(node))
        return node

    settings = cfg.to_dict()
    for key in ('work_dir', 'resume', 'load_from'):
        settings.pop(key, None)
    settings['train_dataloader']['dataset'].pop('data_root')
    return _digest([content(settings), photographs.identity])


@contextmanager
def _quiet() -> Iterator[None]:
    """Let only warnings of the log pass."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of MMEngine's log is worth showing."""
    text = record.getMessage()
    if record.levelno > logging.INFO:
        return 'deprecated' not in text
    done = re.match(r'Iter\(train\) \[ *(\d+)/(\d+)\]', text)
    # On a terminal the bar says it.
    return (bool(done) and not sys.stderr.isatty()
            and int(done[1]) % max(int(done[2]) // 5, 1) == 0)


def loss_history(work_dir: Path) -> dict[str, dict[int, float]]:
    """Every number in MMEngine's log, by iteration.

    A resumed training has several logs; the later ones count.
    """
    history: dict[str, dict[int, float]] = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:  # killed while writing
                continue
            for name, value in entry.items():
                history.setdefault(name, {})[entry['step']] = value
    return {
        name: dict(sorted(values.items()))
        for name, values in history.items()
    }


def training_seconds(history: dict[str, dict[int, float]]) -> float:
    """Time of all iterations, from their logged means."""
    before, seconds = 0, 0.
    for step, per_iteration in history['time'].items():
        seconds += (step - before) * per_iteration
        before = step
    return seconds


# Measuring


@torch.no_grad()
def measure(args: argparse.Namespace, photographs: Photographs,
            sdag: dict) -> list[View]:
    """Enhance the held-out photographs and measure all versions.

    Args:
        args: Of the command line.
        photographs: With the held-out ones.
        sdag: Config of the SDAG network.
    """
    device = get_device()
    guide = MODELS.build(
        dict(
            type='mmsdag.SDAGGuidanceLoss',
            checkpoint=str(weights_path(args.out, 'sdag')),
            sdag=sdag))
    enhancers = {
        name: _load_enhancer(weights_path(args.out, name)).to(device)
        for name in ('unguided', 'guided')
    }
    views = []
    for path in tqdm(
            photographs.held_out(), desc='measure', disable=None):
        dark = _read_rgb(path)
        versions = dict(dark=dark.to(device))
        versions.update({
            name: network.enhance(versions['dark'][None])[0]
            for name, network in enhancers.items()
        })
        if photographs.paired:
            versions['reference'] = _read_rgb(
                photographs.folder / 'reference' / path.name).to(device)
        for version, image in versions.items():
            error = (image - guide.reconstruct(image[None])[0]).abs()
            picture = _to_bytes(image)
            reference = versions.get('reference')
            _write_image(args.out / 'pictures' / f'{path.stem} {version}.png',
                         picture[..., ::-1])
            views.append(
                View(
                    path.stem, version, picture,
                    error.mean(0).cpu().numpy(),
                    dict(
                        guidance=error.mean().item(),
                        brightness=image.mean().item(),
                        **_closeness(
                            image,
                            None if version == 'reference' else reference))))
    return views


def _load_enhancer(weights: Path) -> nn.Module:
    network = MODELS.build(dict(type='mmsdag.ZeroDCENet'))
    network.load_state_dict({
        name.removeprefix('generator.'): value
        for name, value in load_checkpoint(weights)['state_dict'].items()
    })
    return network.eval()


def _closeness(image: Tensor,
               reference: Tensor | None) -> dict[str, float | None]:
    """Figures of 8-bit pictures (3, H, W), RGB, [0, 1]."""
    if reference is None:
        return dict.fromkeys(('psnr', 'psnr_matched', 'ssim'))
    from mmagic.evaluation.metrics.psnr import psnr
    from mmagic.evaluation.metrics.ssim import ssim
    matched = image * (reference.mean() / image.mean().clamp_min(1e-6))
    target = _to_bytes(reference)
    return dict(
        psnr=float(psnr(_to_bytes(image), target)),
        psnr_matched=float(psnr(_to_bytes(matched), target)),
        ssim=float(ssim(_to_bytes(image), target)))


def _read_rgb(path: Path) -> Tensor:
    return _to_tensor(read_image(path)[..., ::-1])


# The report


def stage_facts(stage: Stage, cfg: Config, history: dict) -> dict[str, Any]:
    """A row of the table of trainings."""
    seconds = training_seconds(history)
    iterations = max(history['time'])
    crop = cfg.train_dataloader.dataset.pipeline[1].crop_size
    return dict(
        title=stage.title,
        config=f'configs/demo/{stage.config}',
        iterations=iterations,
        batch=f'{cfg.train_dataloader.batch_size} × {crop[0]}²',
        time=_duration(seconds),
        per_iteration=f'{seconds / iterations:.2f} s')


def run_facts(args: argparse.Namespace, guided: Config,
              seconds: float) -> dict[str, str]:
    """What else a reader must know to repeat the run."""
    from mmsdag.models.precision import autocast
    device = torch.device(get_device())
    reduced = not isinstance(
        autocast(guided.model.amp_dtype, device), nullcontext)
    options = [f'{key}={value}' for key, value in args.cfg_options.items()]
    return {
        'seed': str(args.seed),
        'guidance weight': f'{guided.custom_hooks[0].loss_weight:g}',
        'overridden settings': ', '.join(options) or 'none',
        'hardware': _hardware(device),
        'precision': 'trained in bfloat16 where it is safe, else float32'
                     if reduced else 'float32',
        'this call took': _duration(seconds),
        'versions': ', '.join(
            f'{name} {number}' for name, number in package_versions().items()),
        'weights': ', '.join(
            f'{stage.name}.pth '
            f'(SHA-256 {_sha256(weights_path(args.out, stage.name))[:12]}…)'
            for stage in STAGES),
    }


def make_report(args: argparse.Namespace, photographs: Photographs,
           configs: dict[str, Config], started: float) -> dict:
    """Measure and write the page, unless it is there; return the means."""
    figures = args.out / 'figures.json'
    page = args.out / 'report.html'
    identity = _digest([photographs.identity] + [
        _sha256(weights_path(args.out, stage.name)) for stage in STAGES])
    present = _read_json(figures)
    if page.is_file() and present.get('identity') == identity:
        print('  done already', flush=True)
        return present['mean']
    with _quiet():
        views = measure(args, photographs, configs['sdag'].model.generator)
    histories = {
        stage.name: loss_history(Path(configs[stage.name].work_dir))
        for stage in STAGES
    }
    write_report(
        page,
        views,
        {
            name: {term: values for term, values in history.items()
                   if term.startswith('loss_')}
            for name, history in histories.items()
        },
        text=photographs.manifest['text'],
        credits=photographs.manifest['credits'],
        thumbs=[
            dict(name=path.stem,
                 picture=image_source(read_image(path)[..., ::-1], 160))
            for path in sorted((photographs.folder / 'dark').iterdir())
        ],
        stages=[
            stage_facts(stage, configs[stage.name], histories[stage.name])
            for stage in STAGES
        ],
        facts=run_facts(args, configs['guided'], time.time() - started))
    mean = means(views)
    _write_json(
        figures,
        dict(
            identity=identity,
            mean=mean,
            photographs=[
                dict(photo=v.photo, version=v.version, **v.figures)
                for v in views
            ]))
    return mean


def print_figures(mean: dict[str, dict[str, float | None]]) -> None:
    """Print the mean figures as a table."""
    names = list(next(iter(mean.values())))
    print(f'\n{"":20}' + ''.join(f'{name:>14}' for name in names))
    for version, figures in mean.items():
        cells = ['–' if figures[name] is None else
                 f'{figures[name]:.{COLUMNS[name].digits}f}' for name in names]
        print(f'{VERSIONS[version]:20}'
              + ''.join(f'{cell:>14}' for cell in cells))
    print()


def run(args: argparse.Namespace, started: float) -> None:
    """Everything, in order."""
    configs = {stage.name: stage_config(stage, args) for stage in STAGES}
    check_extractor(configs['sdag'])
    min_side = max(cfg.train_dataloader.dataset.min_size
                   for cfg in configs.values())
    total = len(STAGES) + 2
    print(f'[1/{total}] photographs', flush=True)
    prepare = embedded_photographs if args.data is None else own_photographs
    photographs = prepare(args.out / 'photographs', args, min_side)
    for number, stage in enumerate(STAGES, start=2):
        cfg = configs[stage.name]
        print(
            f'[{number}/{total}] {stage.title}: '
            f'{cfg.train_cfg.max_iters} iterations',
            flush=True)
        set_data(stage, cfg, photographs, args.out)
        train(stage, cfg, photographs, weights_path(args.out, stage.name))
    print(f'[{total}/{total}] report', flush=True)
    mean = make_report(args, photographs, configs, started)
    print_figures(mean)
    print(f'{args.out / "report.html"} '
          f'({_duration(time.time() - started)})')


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    # Those of other packages, about themselves.
    warnings.simplefilter('ignore', FutureWarning)
    keep_freed_memory()
    try:
        with clear_errors():
            run(args, time.time())
    except KeyboardInterrupt:
        print('\nstopped; the same command goes on from here',
              file=sys.stderr)
        raise SystemExit(130) from None


# Small helpers


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text()) if path.is_file() else {}


def _write_json(path: Path, content: dict) -> None:
    write_atomically(path, json.dumps(content, indent=1).encode())


def _write_image(path: Path, image: np.ndarray) -> None:
    """Write (H, W, 3), BGR, uint8, as a PNG."""
    _, data = cv2.imencode('.png', image)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _remove_own(folder: Path, mark: str) -> None:
    """Remove a folder that the demo made: it holds the file ``mark``.

    Raises:
        ValueError: If the folder is somebody else's.
    """
    if not folder.exists():
        return
    if not (folder / mark).is_file():
        raise ValueError(f'{folder} was not made by this demo, and is in its '
                         'way: name another folder with --out')
    shutil.rmtree(folder)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f'{minutes} min {rest} s' if minutes else f'{rest} s'


def _hardware(device: torch.device) -> str:
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    cpuinfo = Path('/proc/cpuinfo')
    if cpuinfo.is_file():
        names = [line.partition(':')[2].strip()
                 for line in cpuinfo.read_text().splitlines()
                 if line.startswith('model name')]
        name = names[0] if names else name
    return f'{name}, {torch.get_num_threads()} threads'


if __name__ == '__main__':
    main()
