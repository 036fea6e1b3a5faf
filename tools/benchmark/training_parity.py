"""Check that the fast path trains as well as the reference computation.

Trains with both from the same weights, on the same crops and noise, for
several seeds, and compares the loss curves: their distance must stay below the
distance of two seeds. Writes curves.json and curves.png.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cases
import numpy as np
import plain
import sides
import torch
from measuring import progress
from mmengine.logging import MMLogger
from torch import Tensor

from mmsdag.cli.arguments import new_parser
from mmsdag.utils import write_atomically
from mmsdag.utils.image_io import read_image
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.memory import keep_freed_memory

TASKS = {'stage-one': cases.stage_one, 'guided': cases.guided}
SIDES: dict[str, dict[str, Any]] = {
    'plain': dict(ours=False),
    'fast': dict(ours=True, amp_dtype='auto'),
}
EXAMPLES = """\
The distance of two curves is the mean over the iterations of |a - b|, both
smoothed; the spread is the mean distance of the plain curves of two seeds,
which see the same crops in another order and start from other weights. The
exit status is 1 if the fast curves are on average farther from the plain ones
of the same seed than that.

examples:
  # minutes
  python tools/benchmark/training_parity.py --iters 100 --batch 8 --crop 32
  # the real thing: stage one as it is trained, an hour or more on two cores
  python tools/benchmark/training_parity.py --task stage-one --iters 500 \\
      --batch 16 --crop 64 --seeds 0 1 2 --data photos
  python tools/benchmark/training_parity.py --task guided --iters 500 \\
      --batch 4 --crop 128 --seeds 0 1 2 --data dark-photos
"""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__, EXAMPLES)
    parser.add_argument(
        '--task', choices=sorted(TASKS), default='stage-one', help='default %(default)s'
    )
    parser.add_argument('--iters', type=int, default=500)
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--crop', type=int, default=64)
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[0, 1, 2], help='at least two; default %(default)s'
    )
    parser.add_argument(
        '--data',
        type=Path,
        metavar='FOLDER',
        help='photographs; by default the two that scikit-learn ships, '
        'darkened for the guided task',
    )
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/training_parity'),
        metavar='FOLDER',
        help='default %(default)s',
    )
    return parser.parse_args(argv)


def read_photographs(folder: Path | None, dark: bool) -> list[Tensor]:
    """Read photographs (3, H, W), RGB, [0, 1], at most 64 of a folder."""
    if folder is None:
        from sklearn.datasets import load_sample_images

        arrays = load_sample_images().images
        exponent = 3.0 if dark else 1.0
    else:
        suffixes = {'.jpg', '.jpeg', '.png', '.bmp'}
        files = sorted(file for file in folder.rglob('*') if file.suffix.lower() in suffixes)
        if not files:
            raise FileNotFoundError(f'--data {folder}: no photographs there')
        # Spread over the folder, whose neighbors are often alike.
        arrays = [read_image(str(file))[..., ::-1] for file in files[:: max(1, len(files) // 64)]]
        exponent = 1.0
    return [
        (torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1) / 255) ** exponent
        for array in arrays
    ]


def crops(
    photographs: Sequence[Tensor], batch: int, size: int, generator: torch.Generator
) -> Tensor:
    """Draw a random batch (N, 3, size, size)."""

    def draw(end: int) -> int:
        return int(torch.randint(end, (), generator=generator))

    chosen = []
    for _ in range(batch):
        photograph = photographs[draw(len(photographs))]
        top = draw(photograph.shape[1] - size + 1)
        left = draw(photograph.shape[2] - size + 1)
        chosen.append(photograph[:, top : top + size, left : left + size])
    return torch.stack(chosen)


def fresh_weights(task: str, seed: int) -> plain.Weights:
    """Return initial weights, drawn as the networks draw them."""
    if task == 'stage-one':
        weights = sides.sdag_weights()
    else:
        weights = sides.zero_dce_weights()
    generator = torch.Generator().manual_seed(seed)
    for name, weight in weights.items():
        if name.startswith('extractor.'):
            continue
        if weight.ndim == 4:
            fan_in = weight[0].numel()
            std = (3 * fan_in) ** -0.5 if task == 'stage-one' else 0.02
            weight.normal_(std=std, generator=generator)
        else:
            weight.fill_(float(name.endswith('norm.weight')))
    return weights


def train(
    args: argparse.Namespace, side: str, seed: int, photographs: Sequence[Tensor]
) -> list[float]:
    """Train once and return the losses."""
    competitor = TASKS[args.task](
        args.device, weights=fresh_weights(args.task, seed), **SIDES[side]
    )
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for iteration in range(args.iters):
        batch = crops(photographs, args.batch, args.crop, generator)
        # The noise is drawn inside, by both sides in the same way.
        torch.manual_seed(seed * 1_000_003 + iteration)
        losses.append(float(competitor.run(batch.to(args.device))))
        if sys.stderr.isatty() or iteration + 1 == args.iters:
            progress(
                f'{side}, seed {seed}: iteration {iteration + 1} of '
                f'{args.iters}, loss {losses[-1]:.4f}'
            )
    return losses


def smooth(curve: Sequence[float], window: int) -> np.ndarray:
    """Return the running mean."""
    return np.convolve(curve, np.ones(window) / window, mode='valid')


def compare(curves: dict[str, list[list[float]]]) -> dict[str, float]:
    """Compute the distance of both sides and the spread of the seeds."""
    window = max(1, len(curves['plain'][0]) // 20)
    slow, fast = (np.stack([smooth(curve, window) for curve in curves[side]]) for side in SIDES)
    pairs = [(i, j) for i in range(len(slow)) for j in range(i)]
    return dict(
        distance=float(np.abs(slow - fast).mean()),
        spread=float(np.mean([np.abs(slow[i] - slow[j]).mean() for i, j in pairs])),
        final_plain=float(slow[:, -1].mean()),
        final_fast=float(fast[:, -1].mean()),
    )


def plot(curves: dict[str, list[list[float]]], title: str, path: Path) -> None:
    """Plot the curves of both sides, a color per seed."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout='constrained')
    window = max(1, len(curves['plain'][0]) // 20)
    # Thin lines over broad ones, since the curves overlap.
    styles: dict[str, dict[str, Any]] = {
        'plain': dict(linewidth=5, alpha=0.35),
        'fast': dict(linewidth=1, color='black'),
    }
    for side, style in styles.items():
        for number, curve in enumerate(curves[side]):
            axes.plot(smooth(curve, window), label=f'{side}, run {number}', **style)
    axes.set(title=title, xlabel='iteration', ylabel=f'loss (mean of {window})', yscale='log')
    axes.legend(ncols=2)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def run(args: argparse.Namespace) -> dict[str, float]:
    """Train all, write the results, and return the comparison.

    Raises:
        ValueError: Fewer than two seeds, or crops larger than a photograph.
    """
    if len(set(args.seeds)) < 2:
        raise ValueError(f'--seeds {args.seeds}: at least two are needed, to measure their spread')
    photographs = read_photographs(args.data, args.task == 'guided')
    least = min(min(p.shape[1:]) for p in photographs)
    if args.crop > least:
        raise ValueError(f'--crop {args.crop}: a photograph is only {least} pixels high or wide')
    keep_freed_memory()
    curves: dict[str, list[list[float]]] = {side: [] for side in SIDES}
    for seed in args.seeds:
        for side in SIDES:
            curves[side].append(train(args, side, seed, photographs))
    result = compare(curves)
    args.out.mkdir(parents=True, exist_ok=True)
    content = dict(
        arguments={k: str(v) for k, v in vars(args).items()}, result=result, curves=curves
    )
    write_atomically(args.out / 'curves.json', json.dumps(content).encode())
    plot(
        curves,
        f'{args.task}, batch {args.batch}x3x{args.crop}x{args.crop}',
        args.out / 'curves.png',
    )
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; ``argv`` without the name of the program."""
    args = parse_args(argv)
    warnings.simplefilter('ignore')
    MMLogger.get_instance('mmengine', log_level='ERROR')
    with clear_errors():
        result = run(args)
    for name, value in result.items():
        print(f'{name.replace("_", " ")}: {value:.4g}')
    alike = result['distance'] < result['spread']
    print(
        'the curves lie '
        + ('within' if alike else 'OUTSIDE')
        + f' the spread of the seeds; see {args.out}'
    )
    return 0 if alike else 1


if __name__ == '__main__':
    raise SystemExit(main())
