"""What SDAG learns, and what its guidance does to Zero-DCE, in minutes.

Darkens photographs that scikit-image and scikit-learn bring along, or takes
your dark ones; trains Zero-DCE, SDAG, and Zero-DCE guided by SDAG; measures
them on photographs held out of the training, and what they do for recognisers
that were trained on rendered scenes by day; writes report.html. Called again
with the same arguments, it goes on where it was.
"""
from __future__ import annotations

import argparse
import hashlib
import platform
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import night_scenes_benchmark
import numpy as np
import steps
import torch
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from report import COLUMNS, VERSIONS, View, image_source, means, write_report
from torch import Tensor, nn
from tqdm import tqdm

import mmsdag  # noqa: F401  (registers everything)
from mmsdag.datasets import LowLightFolderDataset
from mmsdag.datasets import embedded_photographs as photos
from mmsdag.registry import MODELS, TRANSFORMS
from mmsdag.utils import load_checkpoint
from mmsdag.utils.env import package_versions
from mmsdag.utils.image_io import BrokenImageError, read_image
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


# Of each there is one side only: both views of the motorcycle train.
TRAINING = (photos.ASTRONAUT, photos.FLOWER, photos.MOTORCYCLE_LEFT,
            photos.MOTORCYCLE_RIGHT, photos.ROCKET)
HELD_OUT = (photos.CHELSEA, photos.CHINA, photos.COFFEE)

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
        help='override settings of the three trainings of enhancement')
    parser.add_argument(
        '--scenes',
        type=int,
        default=320,
        metavar='COUNT',
        help='rendered scenes to train the recognisers on; 0 leaves '
        'recognition out (default: %(default)s)')
    parser.add_argument(
        '--scenes-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='override settings of the two trainings of recognisers')
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
        self.manifest = steps.read_json(folder / 'manifest.json')

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
        steps.remove_own(self.folder, 'manifest.json')
        staging.replace(self.folder)
        self.manifest = steps.read_json(self.folder / 'manifest.json')


def embedded_photographs(folder: Path, args: argparse.Namespace,
                         min_side: int) -> Photographs:
    """Darken the photographs of scikit-image and scikit-learn."""
    paths = {item: item.find() for item in (*TRAINING, *HELD_OUT)}
    photographs = Photographs(
        folder,
        steps.digest([args.seed, args.max_side, min_side, DARKENING, COPIES,
                 [steps.sha256(path) for path in paths.values()]]))
    if photographs.ready:
        return photographs
    generator = torch.Generator().manual_seed(args.seed)
    several = TRANSFORMS.build(DARKENING)
    single = TRANSFORMS.build(DARKENING_HELD_OUT)
    with photographs.filling() as new:
        for item, path in paths.items():
            bright = _fit(read_image(path), args.max_side, min_side)
            held_out = item in HELD_OUT
            steps.write_image(
                new / ('reference' if held_out else 'bright')
                / f'{item.name}.png', bright)
            if held_out:
                steps.write_image(new / 'held_out' / f'{item.name}.png',
                             _darken(bright, single, generator))
                continue
            for copy in range(COPIES):
                steps.write_image(new / 'dark' / f'{item.name} {copy + 1}.png',
                             _darken(bright, several, generator))
        low, high = DARKENING['exposure']
        steps.write_json(
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
        steps.digest([args.seed, args.max_side, min_side,
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
                steps.write_image(target, image)
        if not all(used.values()):
            raise ValueError(
                f'--data {args.data}: too few different photographs can be '
                'read to train on some and hold out others')
        steps.write_json(
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
            steps.write_image(
                args.out / 'pictures' / f'{path.stem} {version}.png',
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
    from mmsdag.evaluation.fidelity import psnr, ssim
    matched = image * (reference.mean() / image.mean().clamp_min(1e-6))
    target = _to_bytes(reference)
    return dict(
        psnr=float(psnr(_to_bytes(image), target)),
        psnr_matched=float(psnr(_to_bytes(matched), target)),
        ssim=float(ssim(_to_bytes(image), target)))


def _read_rgb(path: Path) -> Tensor:
    return _to_tensor(read_image(path)[..., ::-1])


# Recognition


def recognition_args(args: argparse.Namespace) -> argparse.Namespace:
    """What tools/night_scenes_benchmark.py shall do with these enhancers."""
    wanted = night_scenes_benchmark.parse_args([
        '--out', str(args.out / 'recognition'), '--train', str(args.scenes),
        '--test', str(max(args.scenes * 3 // 8, 1)), '--seed', str(args.seed),
        *(word for name in ('unguided', 'guided')
          for word in (f'--{name}', str(weights_path(args.out, name))))
    ])
    wanted.cfg_options = args.scenes_options
    return wanted


def recognition_section(wanted: argparse.Namespace,
                        figures: dict[str, dict[str, float]]) -> dict:
    """Table, sentences and pictures for the report.

    Args:
        wanted: As :func:`recognition_args` gives it.
        figures: Of each condition and task.
    """
    tests = night_scenes_benchmark.conditions(wanted.unguided, wanted.guided)
    head, *rows = night_scenes_benchmark.table(figures, tests)

    def picture(number: int, condition: str, task: str) -> str:
        path = night_scenes_benchmark.picture_path(wanted.out, number,
                                                   condition, task)
        return image_source(read_image(path)[..., ::-1])

    scenes = [
        dict(
            name=f'scene {number + 1}',
            views=[
                dict(title=test.title,
                     **{
                         task.name: picture(number, name, task.name)
                         for task in night_scenes_benchmark.TASKS
                     }) for name, test in tests.items()
            ]) for number in night_scenes_benchmark.picture_numbers(wanted)
    ]
    return dict(
        head=head,
        rows=rows,
        verdict=night_scenes_benchmark.verdict(figures),
        counts=(wanted.train, wanted.test),
        scenes=scenes)


# The report


def stage_facts(stage: Stage, cfg: Config, history: dict) -> dict[str, Any]:
    """A row of the table of trainings."""
    seconds = steps.training_seconds(history)
    iterations = max(history['time'])
    crop = cfg.train_dataloader.dataset.pipeline[1].crop_size
    return dict(
        title=stage.title,
        config=f'configs/demo/{stage.config}',
        iterations=iterations,
        batch=f'{cfg.train_dataloader.batch_size} × {crop[0]}²',
        time=steps.duration(seconds),
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
        'this call took': steps.duration(seconds),
        'versions': ', '.join(
            f'{name} {number}' for name, number in package_versions().items()),
        'weights': ', '.join(
            f'{stage.name}.pth (SHA-256 '
            f'{steps.sha256(weights_path(args.out, stage.name))[:12]}…)'
            for stage in STAGES),
    }


def make_report(args: argparse.Namespace, photographs: Photographs,
                configs: dict[str, Config], recognition: dict | None,
                started: float) -> dict:
    """Measure and write the page, unless it is there; return the means."""
    figures = args.out / 'figures.json'
    page = args.out / 'report.html'
    identity = steps.digest([photographs.identity, recognition] + [
        steps.sha256(weights_path(args.out, stage.name)) for stage in STAGES])
    present = steps.read_json(figures)
    if page.is_file() and present.get('identity') == identity:
        print('  done already', flush=True)
        return present['mean']
    with steps.quiet():
        views = measure(args, photographs, configs['sdag'].model.generator)
    histories = {
        stage.name: steps.loss_history(Path(configs[stage.name].work_dir))
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
        facts=run_facts(args, configs['guided'], time.time() - started),
        recognition=recognition)
    mean = means(views)
    steps.write_json(
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
    if args.scenes:
        night_scenes_benchmark.check(recognition_args(args))
    min_side = max(cfg.train_dataloader.dataset.min_size
                   for cfg in configs.values())
    total = len(STAGES) + (3 if args.scenes else 2)
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
        steps.train(
            cfg,
            steps.config_identity(cfg, photographs.identity),
            weights_path(args.out, stage.name),
            stage.name,
            prefix='generator.')
    recognition = None
    if args.scenes:
        print(f'[{total - 1}/{total}] recognition by day and by night',
              flush=True)
        wanted = recognition_args(args)
        recognition = recognition_section(
            wanted, night_scenes_benchmark.run(wanted))
    print(f'[{total}/{total}] report', flush=True)
    print_figures(
        make_report(args, photographs, configs, recognition, started))
    if recognition:
        night_scenes_benchmark.print_table(
            [recognition['head'], *recognition['rows']])
        print('\n'.join(recognition['verdict']), end='\n\n')
    print(f'{args.out / "report.html"} '
          f'({steps.duration(time.time() - started)})')


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
