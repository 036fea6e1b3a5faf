"""Compare enhancers on a config's test photographs.

Prints a Markdown table: how badly SDAG networks reconstruct what each
enhancer makes (the guidance loss), and how bright it is. ``raw`` is always a
row. With --picture, draws some photographs side by side.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor
from tqdm import tqdm

import mmsdag  # noqa: F401  (registers everything)
from mmsdag.registry import DATASETS, MODELS
from mmsdag.utils import load_checkpoint, write_atomically
from mmsdag.utils.launch import clear_errors

EXAMPLES = """\
example:
  python tools/analysis/compare_enhancers.py \\
      configs/zero_dce/zero-dce_1xb8-1k_brackets.py \\
      --enhancer unguided=checkpoints/zero-dce_1xb8-1k_brackets_seed0.pth \\
      --enhancer guided=checkpoints/zero-dce-sdag_1xb8-1k_brackets_seed0.pth \\
      --judge ours=checkpoints/sdag_vgg16_1xb16-1k_brackets.pth \\
      --picture docs/images/compare.jpg
"""
#: What is enhanced or judged: (N, 3, H, W), RGB, [0, 1].
Enhance = Callable[[Tensor], Tensor]


def named_file(text: str) -> tuple[str, str]:
    """Split ``NAME=FILE``."""
    name, equals, path = text.partition('=')
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f'{text!r} is no NAME=FILE')
    return name, path


def load_enhancer(cfg: Config, checkpoint: str) -> Enhance:
    """The config's network with the weights of a checkpoint.

    Raises:
        ValueError: If they do not fit.
    """
    model = MODELS.build(cfg.model)
    weights = load_checkpoint(checkpoint).get('state_dict', {})
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f'checkpoint {checkpoint!r} does not fit the '
                         f'model of {cfg.filename!r}: {error}') from None
    return model.eval().generator.enhance


def load_judge(checkpoint: str,
               amp_dtype: str | None) -> Callable[[Tensor], float]:
    """Guidance loss of an image, under one SDAG network."""
    loss = MODELS.build(
        dict(
            type='mmsdag.SDAGGuidanceLoss',
            checkpoint=checkpoint,
            amp_dtype=amp_dtype))
    return lambda image: loss(image).item()


def sheet(columns: dict[str, list[np.ndarray]], side: int = 256) -> bytes:
    """JPEG of a labelled grid: a column an enhancer, a row a photograph."""
    strips = []
    for name, images in columns.items():
        label = np.full((24, side, 3), 255, np.uint8)
        cv2.putText(label, name, (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5,
                    (0, 0, 0), 1, cv2.LINE_AA)
        strips.append(np.vstack([
            label, *(cv2.resize(i, (side, side), interpolation=cv2.INTER_AREA)
                     for i in images)
        ]))
    return cv2.imencode('.jpg', np.hstack(strips),
                        [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


@torch.no_grad()
def compare(args: argparse.Namespace) -> list[str]:
    """Run everything; return the lines of the table."""
    cfg = Config.fromfile(args.config)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    enhancers: dict[str, Enhance] = {'raw': lambda image: image}
    if args.gamma:
        enhancers[f'gamma 1/{args.gamma:g}'] = (
            lambda image: image**(1 / args.gamma))
    for name, path in args.enhancer:
        enhancers[name] = load_enhancer(cfg, path)
    judges = {
        name: load_judge(path, args.amp_dtype)
        for name, path in args.judge
    }
    figures: dict = {name: [] for name in enhancers}
    pictures: dict = {name: [] for name in enhancers}
    shown = set(
        np.linspace(0, len(dataset) - 1, args.photographs).astype(int))
    for index in tqdm(range(len(dataset)), unit='photograph'):
        # Pipelines give (3, H, W), BGR, uint8.
        image = dataset[index]['inputs'].flip(0)[None] / 255
        for name, enhance in enhancers.items():
            out = enhance(image)
            figures[name].append([judge(out) for judge in judges.values()] +
                                 [out.mean().item(), out.std().item()])
            if index in shown:
                pixels = (out[0].clamp(0, 1) * 255).round().byte()
                pictures[name].append(pixels.permute(1, 2, 0).numpy()[
                    ..., ::-1].copy())
    if args.picture:
        write_atomically(args.picture, sheet(pictures))
    titles = [*(f'guidance loss, {name} SDAG' for name in judges),
              'mean', 'contrast (std)']
    return [
        f'| | {" | ".join(titles)} |', '| --- ' * (len(titles) + 1) + '|',
        *(f'| {name} | ' + ' | '.join(
            f'{value:.4f}' for value in np.mean(rows, axis=0)) + ' |'
          for name, rows in figures.items())
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; ``argv`` without the name of the program."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config', help='config of the enhancers, with a test_dataloader')
    parser.add_argument(
        '--enhancer', type=named_file, action='append', default=[],
        metavar='NAME=CHECKPOINT', help='an enhancer; repeat for more')
    parser.add_argument(
        '--judge', type=named_file, action='append', required=True,
        metavar='NAME=CHECKPOINT', help='an SDAG network; repeat for more')
    parser.add_argument(
        '--gamma', type=float, default=2.2,
        help='a row for x^(1/GAMMA); 0: none (default: %(default)s)')
    parser.add_argument(
        '--amp-dtype', default='auto', choices=['auto', 'bfloat16', 'float16'],
        help='precision of the SDAG networks (default: %(default)s)')
    parser.add_argument('--picture', type=Path, help='JPEG to write')
    parser.add_argument(
        '--photographs', type=int, default=4,
        help='how many are in the picture (default: %(default)s)')
    args = parser.parse_args(argv)
    with clear_errors():
        lines = compare(args)
    print('\n'.join(lines))


if __name__ == '__main__':
    main()
