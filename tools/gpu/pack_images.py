"""Pack the training images of tools/gpu/train_restorers.py into one file.

CamVid's training frames (c), the bracket shots up to number 900 of a mean
level from 75 to 175 (b) and between 5 and 70 (k), every second well-lit sign
(g) and all dark ones (d). Photographs are WebP of quality 84 and 85, brackets
scaled to 320 pixels; signs are lossless.
"""

from __future__ import annotations

import argparse
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mmsdag.utils.files import write_atomically
from mmsdag.utils.image_io import read_image

#: Signs in a row of a mosaic; WebP's lossless setting is above 100.
_COLUMNS, _LOSSLESS = 80, 101


def encode(image: np.ndarray, quality: int) -> np.ndarray:
    """Encode (H, W, 3), BGR, as the bytes of a WebP file."""
    return cv2.imencode('.webp', image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]


def read(path: Path, size: int | None = None) -> np.ndarray:
    """Read an image, scaled to ``size`` x ``size`` pixels if given."""
    image = read_image(path)
    if size is None or image.shape[:2] == (size, size):
        return image
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


def add_photographs(pack: dict, name: str, images: Sequence[np.ndarray], quality: int) -> None:
    """Add images, and where each one ends."""
    parts = [encode(image, quality) for image in images]
    pack[name] = np.concatenate(parts)
    pack[f'{name}_off'] = np.cumsum([0] + [len(part) for part in parts])


def add_signs(pack: dict, name: str, paths: Sequence[Path]) -> None:
    """Add images of 32x32 pixels as one mosaic, and their number."""
    rows = math.ceil(len(paths) / _COLUMNS)
    mosaic = np.zeros((rows * 32, _COLUMNS * 32, 3), np.uint8)
    for index, path in enumerate(paths):
        top, left = index // _COLUMNS * 32, index % _COLUMNS * 32
        mosaic[top : top + 32, left : left + 32] = read(path, 32)
    pack[name], pack[f'{name}_n'] = encode(mosaic, _LOSSLESS), len(paths)


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('out', type=Path, help='the .npz file to write')
    parser.add_argument(
        '--shared',
        type=Path,
        default=Path('../shared'),
        help='folder of camvid/, brackets/ and gtsrb/',
    )
    args = parser.parse_args()
    pack: dict = {}
    frames = sorted((args.shared / 'camvid/images/train').iterdir())
    add_photographs(pack, 'c', [read(path) for path in frames], 84)
    scenes = json.loads((args.shared / 'brackets/scenes.json').read_text())
    levels = {
        name: level
        for scene in scenes
        for name, level in zip(scene['images'], scene['mean'])
        if int(name[:4]) <= 900
    }
    for key, low, high in (('b', 75, 175), ('k', 5.1, 69.9)):
        add_photographs(
            pack,
            key,
            [
                read(args.shared / 'brackets/images' / name, 320)
                for name, level in levels.items()
                if low <= level <= high
            ],
            85,
        )
    signs = args.shared / 'gtsrb'
    add_signs(pack, 'g', sorted((signs / 'train_bright').rglob('*.png'))[::2])
    add_signs(pack, 'd', sorted((signs / 'train_dark_unlabelled').iterdir()))
    content = io.BytesIO()
    np.savez(content, **pack)
    write_atomically(args.out, content.getvalue())
    print(
        {
            key: value.nbytes
            for key, value in pack.items()
            if isinstance(value, np.ndarray) and '_' not in key
        }
    )


if __name__ == '__main__':
    main()
