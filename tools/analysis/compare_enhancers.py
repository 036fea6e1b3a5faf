"""Compare enhancers on a config's test photographs.

Prints a Markdown table of the enhanced images: the guidance loss, which is the
reconstruction error of SDAG networks, mean, contrast, mean red, green and blue,
and structure, which is the correlation of their brightness with that of the
photograph in windows of 16x16 pixels. ``raw`` is always a row. With --picture,
draws some photographs side by side.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor
from tqdm import tqdm

from mmsdag.cli.arguments import new_parser
from mmsdag.functional import array_from_unit_rgb, unit_rgb_from_array
from mmsdag.models import load_enhancer
from mmsdag.models.runner import EnhancerRunner
from mmsdag.registry import DATASETS, MODELS
from mmsdag.utils.configs import find_config
from mmsdag.utils.drawing import contact_sheet, fit, titled
from mmsdag.utils.image_io import read_image
from mmsdag.utils.image_writer import write_image
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.options import add_option
from mmsdag.utils.tables import markdown_table

EXAMPLES = """\
example:
  python tools/analysis/compare_enhancers.py \\
      configs/zero_dce/zero-dce_1xb8-1k_brackets.py \\
      --enhancer unguided=checkpoints/zero-dce_1xb8-1k_brackets_seed0.pth \\
      --enhancer guided=checkpoints/zero-dce-sdag_1xb8-1k_brackets_seed0.pth \\
      --judge ours=checkpoints/sdag_vgg16_1xb16-1k_brackets.pth \\
      --picture docs/images/compare.jpg

every fifth of the dark bracket shots that have boxes:
  python tools/analysis/compare_enhancers.py \\
      configs/blend_unet/blend-unet-sdag_1xb8-200_dark-brackets.py \\
      --enhancer alone=alone.pth \\
      --judge ours=checkpoints/sdag_vgg16_1xb16-1k_brackets.pth \\
      --data configs/_base_/datasets/brackets_detection.py --every 5
"""
#: Side of the windows of the structure, in pixels, and of the blocks whose mean
#: suppresses noise.
WINDOW, BLOCK = 16, 2
#: Least standard deviation of a window's brightness, in [0, 1]: that of
#: rounding to 8 bits is 0.001. Flat windows have no structure.
TEXTURE = 2e-3
COLUMNS = ('mean', 'contrast (std)', 'red', 'green', 'blue', 'structure')
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


def read_photographs(config: str, every: int) -> list[Path]:
    """List the files of every n-th test image of a config."""
    cfg = Config.fromfile(find_config(config))
    # Names without a scope are of the package that the config is for.
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmsdag')):
        dataset = DATASETS.build(dict(cfg.test_dataloader.dataset, pipeline=[]))
    return [Path(dataset.get_data_info(i)['img_path']) for i in range(0, len(dataset), every)]


def structure(image: Tensor, other: Tensor, texture: float = TEXTURE) -> float:
    """Correlate the brightness of two images in windows of 16x16 pixels.

    Brightness is averaged over 2x2 pixels before. Windows in which ``other``
    is flat are left out.

    Args:
        image: (1, 3, H, W), RGB, [0, 1].
        other: Image of the same shape.
        texture: Standard deviation up to which a window is flat.

    Returns:
        Pearson correlation, mean over the windows; NaN without structure.
    """

    def windows(x: Tensor) -> Tensor:
        small = F.avg_pool2d(x.mean(1, keepdim=True), BLOCK)
        pixels = F.unfold(small, WINDOW // BLOCK, stride=WINDOW // BLOCK)[0]
        return pixels - pixels.mean(0)

    a, b = windows(image), windows(other)
    textured = b.std(0, unbiased=False) > texture
    return F.cosine_similarity(a, b, dim=0)[textured].mean().item()


def describe(image: Tensor, photograph: Tensor, texture: float) -> Iterator[float]:
    """Yield the values of COLUMNS for an enhanced image (1, 3, H, W)."""
    yield image.mean().item()
    yield image.std().item()
    yield from image.mean((0, 2, 3)).tolist()
    yield structure(image, photograph, texture)


@torch.no_grad()
def compare(args: argparse.Namespace) -> str:
    """Compare all enhancers and return the table."""
    paths = read_photographs(args.data or args.config, args.every)
    enhancers: dict[str, Enhance] = {'raw': lambda image: image}
    if args.gamma:
        enhancers[f'gamma 1/{args.gamma:g}'] = lambda image: image ** (1 / args.gamma)
    for name, path in args.enhancer:
        enhancers[name] = EnhancerRunner(load_enhancer(args.config, path), name).enhance_rgb
    judges = {name: load_judge(path, args.amp_dtype) for name, path in args.judge}
    values: dict[str, list] = {name: [] for name in enhancers}
    tiles: list[np.ndarray] = []
    shown = set(np.linspace(0, len(paths) - 1, args.photographs).astype(int))
    for index, path in enumerate(tqdm(paths, unit='photograph')):
        image = unit_rgb_from_array(read_image(path)[None], torch.device('cpu'))
        for name, enhance in enhancers.items():
            out = enhance(image)
            errors = [judge(out) for judge in judges.values()]
            values[name].append([*errors, *describe(out, image, args.texture)])
            if index in shown:
                (pixels,) = array_from_unit_rgb(out.clamp(0, 1), np.dtype(np.uint8))
                tiles.append(titled(fit(pixels, 256)[0], name, 256))
    if args.picture:
        write_image(args.picture, contact_sheet(tiles, len(enhancers)))
    return markdown_table(
        ['', *(f'guidance loss, {name} SDAG' for name in judges), *COLUMNS],
        (
            [name, *(f'{value:.4f}' for value in np.nanmean(rows, axis=0))]
            for name, rows in values.items()
        ),
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config of the enhancers')
    parser.add_argument(
        '--data',
        metavar='CONFIG',
        help='config whose test_dataloader has the photographs (default: that of the enhancers)',
    )
    add_option(parser, '--every', 1, 'compare on every N-th photograph', metavar='N')


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = new_parser(__doc__, EXAMPLES)
    _add_data(parser)
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
    add_option(parser, '--gamma', 2.2, 'a row for x^(1/GAMMA); 0: none')
    add_option(
        parser,
        '--amp-dtype',
        'auto',
        'precision of the SDAG networks',
        choices=['auto', 'bfloat16', 'float16'],
    )
    add_option(
        parser,
        '--texture',
        TEXTURE,
        'standard deviation of brightness, in [0, 1], up to which a window is flat and has no '
        'structure',
        metavar='DEVIATION',
    )
    parser.add_argument('--picture', type=Path, help='JPEG to write')
    add_option(parser, '--photographs', 4, 'how many are in the picture')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    args = _parse(argv)
    with clear_errors():
        print(compare(args))


if __name__ == '__main__':
    main()
