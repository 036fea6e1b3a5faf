"""Measure which mean luma tells dark photographs from well-lit ones.

Prints the mean luma of each set of images and, for each threshold, the share
of the dark images below it and of the light images above it, averaged over the
sets, so that a large set counts as much as a small one. The middle of the best
thresholds is the default of ``when='dark'`` (mmsdag.utils.darkness.DARK_LUMA).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mmsdag.cli.arguments import new_parser
from mmsdag.datasets.image_lists import read_scenes
from mmsdag.utils.darkness import mean_luma
from mmsdag.utils.image_io import read_image
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.tables import markdown_table

EXAMPLES = """\
example (training and validation images, none of a test set):
  python tools/analysis/darkness_threshold.py \\
      --scenes ../shared/brackets/scenes.json --last-scene 900 \\
      --dark gtsrb=../shared/gtsrb/train_dark_unlabelled \\
      --light gtsrb=../shared/gtsrb/train_bright \\
      --light camvid=../shared/camvid/images/val
"""
THRESHOLDS = np.arange(5, 61) / 100


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = new_parser(__doc__ or '', EXAMPLES)
    for kind in ('dark', 'light'):
        parser.add_argument(
            f'--{kind}',
            action='append',
            default=[],
            type=_named_folder,
            metavar='NAME=DIR',
            help=f'a folder of {kind} images',
        )
    parser.add_argument(
        '--scenes',
        type=Path,
        metavar='FILE',
        help='scenes.json of exposure brackets: their dark and bright shots',
    )
    parser.add_argument(
        '--last-scene',
        type=int,
        metavar='NUMBER',
        help='largest number of the scenes of --scenes; by default all',
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; ``argv`` without the program's name."""
    args = _parse(argv)
    with clear_errors():
        sets = _sets(args)
        lumas = {key: _lumas(paths) for key, paths in sets.items()}
    print(
        markdown_table(
            ['set', 'light', 'images', '5 %', 'median', '95 %'],
            [
                [
                    name,
                    kind,
                    len(found),
                    *(f'{q:.3f}' for q in np.quantile(found, [0.05, 0.5, 0.95])),
                ]
                for (name, kind), found in lumas.items()
            ],
        )
    )
    scores = [_score(lumas, threshold) for threshold in THRESHOLDS]
    means = np.array([dark + light for dark, light in scores])
    # The middle of those that are equally good.
    equal = np.flatnonzero(means == means.max())
    best = int(equal[len(equal) // 2])
    print()
    print(
        markdown_table(
            ['threshold', 'dark below', 'light above', 'mean'],
            [
                [
                    f'{THRESHOLDS[i]:.2f}',
                    f'{100 * dark:.1f} %',
                    f'{100 * light:.1f} %',
                    f'{50 * (dark + light):.1f} %',
                ]
                for i, (dark, light) in enumerate(scores)
                if i % 5 == 0 or i == best
            ],
        )
    )
    first, last = THRESHOLDS[equal[0]], THRESHOLDS[equal[-1]]
    print(f'\nbest: {first:.2f} to {last:.2f}, middle {THRESHOLDS[best]:.2f}')
    return 0


def _named_folder(text: str) -> tuple[str, Path]:
    name, separator, folder = text.partition('=')
    if not separator or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(
            f'{text!r} is not of the form NAME=DIR with an existing folder'
        )
    return name, Path(folder)


def _sets(args: argparse.Namespace) -> dict[tuple[str, str], list[Path]]:
    """Files by (name, 'dark' or 'light')."""
    sets = {
        (name, kind): sorted(
            path
            for path in folder.rglob('*')
            if path.suffix.lower() in ('.png', '.jpg', '.jpeg', '.ppm')
        )
        for kind in ('dark', 'light')
        for name, folder in getattr(args, kind)
    }
    if args.scenes is not None:
        scenes = read_scenes(
            args.scenes, (None, args.last_scene), keys=('images', 'dark', 'bright')
        )
        images = args.scenes.parent / 'images'
        for kind in ('dark', 'light'):
            names = [
                name
                for scene in scenes
                for name in (scene['dark'] if kind == 'dark' else [scene['bright']])
                if name
            ]
            sets['brackets', kind] = [images / name for name in names]
    if {kind for (_, kind), paths in sets.items() if paths} != {'dark', 'light'}:
        raise ValueError(
            'both dark and light images are needed: give --dark and --light, or --scenes'
        )
    return {key: paths for key, paths in sets.items() if paths}


def _lumas(paths: Sequence[Path]) -> np.ndarray:
    """Mean luma of each image, in [0, 1]."""
    return np.array(
        [
            mean_luma(torch.from_numpy(read_image(path)).permute(2, 0, 1), is_bgr=True).item() / 255
            for path in paths
        ]
    )


def _score(lumas: dict[tuple[str, str], np.ndarray], threshold: float) -> tuple[float, float]:
    """Shares of the dark below, and of the light not below, a threshold."""
    shares = [
        np.mean(
            [
                (found < threshold).mean() if kind == 'dark' else (found >= threshold).mean()
                for (_, k), found in lumas.items()
                if k == kind
            ]
        )
        for kind in ('dark', 'light')
    ]
    return float(shares[0]), float(shares[1])


if __name__ == '__main__':
    raise SystemExit(main())
