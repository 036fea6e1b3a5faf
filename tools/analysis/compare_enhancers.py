"""Compare enhancers on a config's test photographs.

Prints a Markdown table of the enhanced images: the guidance loss, which is the
reconstruction error of SDAG networks, mean and contrast. ``raw`` is always a
row. With --picture, draws some photographs side by side.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor
from tqdm import tqdm

from mmsdag.cli.arguments import new_parser
from mmsdag.models import load_enhancer
from mmsdag.models.runner import EnhancerRunner
from mmsdag.registry import DATASETS, MODELS
from mmsdag.utils.drawing import contact_sheet, fit, titled
from mmsdag.utils.image_writer import write_image
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.tables import markdown_table

EXAMPLES = """\
example:
  python tools/analysis/compare_enhancers.py \\
      configs/zero_dce/zero-dce_1xb8-1k_brackets.py \\
      --enhancer unguided=checkpoints/zero-dce_1xb8-1k_brackets_seed0.pth \\
      --enhancer guided=checkpoints/zero-dce-sdag_1xb8-1k_brackets_seed0.pth \\
      --judge ours=checkpoints/sdag_vgg16_1xb16-1k_brackets.pth \\
      --picture docs/images/compare.jpg
"""
#: Images (N, 3, H, W), RGB, [0, 1], to images of the same shape.
Enhance = Callable[[Tensor], Tensor]


def named_file(text: str) -> tuple[str, str]:
    """Split ``NAME=FILE``."""
    name, equals, path = text.partition('=')
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f'{text!r} is not of the form NAME=FILE')
    return name, path


def load_judge(checkpoint: str, amp_dtype: str | None) -> Callable[[Tensor], float]:
    """Return the guidance loss of an SDAG network, for one image."""
    loss = MODELS.build(
        dict(type='mmsdag.SDAGGuidanceLoss', checkpoint=checkpoint, amp_dtype=amp_dtype)
    )
    return lambda image: loss(image).item()


@torch.no_grad()
def compare(args: argparse.Namespace) -> str:
    """Compare all enhancers and return the table."""
    cfg = Config.fromfile(args.config)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    enhancers: dict[str, Enhance] = {'raw': lambda image: image}
    if args.gamma:
        enhancers[f'gamma 1/{args.gamma:g}'] = lambda image: image ** (1 / args.gamma)
    for name, path in args.enhancer:
        enhancers[name] = EnhancerRunner(load_enhancer(args.config, path), name).enhance_rgb
    judges = {name: load_judge(path, args.amp_dtype) for name, path in args.judge}
    values: dict[str, list] = {name: [] for name in enhancers}
    tiles: list[np.ndarray] = []
    shown = set(np.linspace(0, len(dataset) - 1, args.photographs).astype(int))
    for index in tqdm(range(len(dataset)), unit='photograph'):
        # Pipelines give (3, H, W), BGR, uint8.
        image = dataset[index]['inputs'].flip(0)[None] / 255
        for name, enhance in enhancers.items():
            out = enhance(image)
            values[name].append(
                [judge(out) for judge in judges.values()] + [out.mean().item(), out.std().item()]
            )
            if index in shown:
                image_bytes = (out[0].clamp(0, 1) * 255).round().byte()
                pixels = image_bytes.flip(0).permute(1, 2, 0).numpy()
                tiles.append(titled(fit(pixels, 256)[0], name, 256))
    if args.picture:
        write_image(args.picture, contact_sheet(tiles, len(enhancers)))
    titles = [*(f'guidance loss, {name} SDAG' for name in judges), 'mean', 'contrast (std)']
    return markdown_table(
        ['', *titles],
        (
            [name, *(f'{value:.4f}' for value in np.mean(rows, axis=0))]
            for name, rows in values.items()
        ),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    parser = new_parser(__doc__, EXAMPLES)
    parser.add_argument('config', help='config of the enhancers, with a test_dataloader')
    parser.add_argument(
        '--enhancer',
        type=named_file,
        action='append',
        default=[],
        metavar='NAME=CHECKPOINT',
        help='an enhancer; repeat for more',
    )
    parser.add_argument(
        '--judge',
        type=named_file,
        action='append',
        required=True,
        metavar='NAME=CHECKPOINT',
        help='an SDAG network; repeat for more',
    )
    parser.add_argument(
        '--gamma',
        type=float,
        default=2.2,
        help='a row for x^(1/GAMMA); 0: none (default: %(default)s)',
    )
    parser.add_argument(
        '--amp-dtype',
        default='auto',
        choices=['auto', 'bfloat16', 'float16'],
        help='precision of the SDAG networks (default: %(default)s)',
    )
    parser.add_argument('--picture', type=Path, help='JPEG to write')
    parser.add_argument(
        '--photographs',
        type=int,
        default=4,
        help='how many are in the picture (default: %(default)s)',
    )
    args = parser.parse_args(argv)
    with clear_errors():
        print(compare(args))


if __name__ == '__main__':
    main()
