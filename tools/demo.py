"""What SDAG learns, and what its guidance does to Zero-DCE, in minutes.

Darkens photographs that scikit-image and scikit-learn bring along, or takes
your dark ones; trains Zero-DCE, SDAG, and Zero-DCE guided by SDAG; measures
all of them on photographs held out of the training; writes report.html.
Called again with the same arguments, it goes on where it was.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import report
import torch
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.runner import Runner
from torch import Tensor, nn

import mmsdag  # noqa: F401  (registers everything)
from mmsdag.datasets import LowLightFolderDataset
from mmsdag.datasets.image_io import BrokenImageError, read_image
from mmsdag.registry import MODELS, TRANSFORMS
from mmsdag.utils import (find_latest_checkpoint, load_checkpoint,
                          register_safe_loading, save_checkpoint,
                          write_atomically)
from mmsdag.utils.env import package_versions
from mmsdag.utils.launch import check_options, clear_errors

CONFIGS = Path(__file__).resolve().parent.parent / 'configs' / 'demo'
EXAMPLES = '''\
  # photographs that come with the requirements
  python tools/demo.py --out work_dirs/demo

  # dark photographs of your own
  python tools/demo.py --out work_dirs/mine --data photos

  # train for longer
  python tools/demo.py --out work_dirs/long --cfg-options \\
      train_cfg.max_iters=2000 param_scheduler.T_max=2000
'''


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
    Embedded('motorcycle-left', 'skimage', 'data/motorcycle_left.png',
             'Middlebury 2014 stereo benchmark, D. Scharstein et al.'),
    Embedded('motorcycle-right', 'skimage', 'data/motorcycle_right.png',
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

#: How the embedded photographs lose their light. Each trains in COPIES dark
#: versions and is held out in one, at the middle of the range.
EXPOSURES = (0.04, 0.25)
CAMERA = dict(
    type='mmsdag.LowLightDegradation',
    order='camera',
    shot=5e-4,
    read=2.5e-7,
    bits=8)
COPIES = 4

#: At most so many of the user's photographs train and are held out.
MOST_TRAINING, MOST_HELD_OUT = 64, 4


class Stage(NamedTuple):
    """A training."""
    name: str
    config: str
    title: str


STAGES = (
    Stage('unguided', 'zero-dce_demo.py', 'Zero-DCE without guidance'),
    Stage('sdag', 'sdag_demo.py', 'SDAG (stage one)'),
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
        help='folder for everything the demo writes (default: %(default)s)')
    parser.add_argument(
        '--data', type=Path, help='folder of dark photographs of your own')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--max-side',
        type=int,
        default=512,
        metavar='PIXELS',
        help='larger photographs are scaled down (default: %(default)s)')
    parser.add_argument(
        '--extractor',
        type=Path,
        metavar='CHECKPOINT',
        help="SDAG checkpoint to take VGG-16's frozen layers from; by default "
        'the one that configs/demo/sdag_demo.py names')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='override settings of all three trainings')
    return parser.parse_args(argv)


# --- photographs -----------------------------------------------------------


def prepare_photographs(args: argparse.Namespace, min_side: int) -> dict:
    """Fill ``OUT/photographs`` and describe it, or find it filled already.

    Args:
        args: Of the command line.
        min_side: The largest crop; smaller photographs are of no use.

    Returns:
        The manifest: ``identity``; ``dark`` and ``bright``, names of the
        training images; ``held_out``, names of the test images; ``reference``,
        whether there are well-lit originals of these; ``notes`` and
        ``credits``.
    """
    folder = args.out / 'photographs'
    wanted = dict(seed=args.seed, max_side=args.max_side, min_side=min_side)
    if args.data is None:
        sources = [*TRAINING, *HELD_OUT]
        wanted.update(
            degradation=[CAMERA, EXPOSURES, COPIES],
            files=[(item.name, _sha256(_embedded_path(item)))
                   for item in sources])
    else:
        dataset = _dataset(args.data, min_side)
        paths = [Path(info['img_path']) for info in dataset.load_data_list()]
        wanted['files'] = [(str(p), p.stat().st_size, p.stat().st_mtime_ns)
                           for p in paths]
    identity = _digest(wanted)
    manifest = _read_json(folder / 'manifest.json')
    if manifest.get('identity') == identity:
        print('[1/5] photographs: there already')
        return manifest
    print('[1/5] photographs', flush=True)
