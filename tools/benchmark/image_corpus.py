"""Compare the reader of images with independent decoders on a corpus.

Every file below the folders is read by mmsdag.utils.image_io and by libvips,
tifffile, imagecodecs or OpenCV, each with decoders of its own where it has
some. The table counts, by format, what became of the files; those that need a
look are named. The exit status is 1 if there are any.
"""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from mmsdag.cli.arguments import new_parser
from mmsdag.utils.decoders.headers import UnsupportedError, recognize
from mmsdag.utils.image_io import (
    BrokenImageError,
    UnsupportedImageError,
    inspect_image,
    read_photograph,
)
from mmsdag.utils.tables import markdown_table

EXAMPLES = """\
The corpora of the documented counts are the test images of Pillow, libvips,
scikit-image and OpenCV, out of their repositories:
  pip install pyvips-binary pyvips imagecodecs tifffile
  python tools/benchmark/image_corpus.py --corpus Pillow libvips
"""

#: Outcomes, as columns of the table; differing files need a look.
OUTCOMES = (
    'equal',
    'close',
    'unsupported',
    'broken for both',
    'differs',
    'only others read',
    'not checked',
)
#: Formats that decoders may round differently, and color profiles.
_MEAN, _RARE = 1.5, 16.0
_TURNS: dict[int, Callable] = {
    1: np.asarray,
    2: np.fliplr,
    3: lambda p: p[::-1, ::-1],
    4: np.flipud,
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


def decode_vips(content: bytes) -> np.ndarray:
    """Decode with libvips: (H, W, 3 or 4), RGB, alpha, [0, 255]."""
    import pyvips

    image = pyvips.Image.new_from_buffer(content, '', access='sequential', fail_on='truncated')
    image = image.copy_memory()
    known = image.get_typeof('orientation')
    image = image.autorot()
    if image.get_typeof('icc-profile-data'):
        try:
            image = image.icc_transform('srgb', embedded=True, intent='perceptual', depth=8)
        except pyvips.Error:
            pass
    pixels = image.numpy().reshape(image.height, image.width, image.bands)
    pixels = _to_rgb(pixels, image.interpretation == 'cmyk')
    found = re.search(rb'tiff:Orientation(?:="|>)([1-8])', content)
    # libvips does not look into XMP.
    return _TURNS[int(found[1])](pixels) if found and not known else pixels


def decode_tifffile(content: bytes) -> np.ndarray:
    """Decode the first page of a TIFF file with tifffile and imagecodecs."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page: Any = file.pages[0]
        pixels = page.asarray()
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            pixels = np.moveaxis(pixels, 0, -1)
        kind = page.photometric.name
        white = 2**page.bitspersample - 1
        if kind == 'PALETTE':
            pixels = page.colormap.T[pixels][..., :3] // 256
        elif page.bitspersample not in (8, 16):
            pixels = pixels * (255 / white)
        if 1 in page.extrasamples:  # colors multiplied with alpha
            alpha = np.maximum(pixels[..., -1:], 1).astype(float)
            pixels = np.minimum(pixels * (white / alpha), white)
            pixels *= 255 / white
        if kind == 'MINISWHITE':
            pixels = (255 if pixels.dtype.kind == 'f' else white) - pixels
        if pixels.dtype.itemsize > 2 and kind != 'PALETTE' and (page.bitspersample > 16):
            raise ValueError('unknown range')
        orientation = page.tags.get(274)
        pixels = _to_rgb(pixels, kind == 'SEPARATED')
    return _TURNS[orientation.value if orientation else 1](pixels)


def decode_heif(content: bytes) -> np.ndarray:
    """Decode HEIC with imagecodecs, which has a libheif of its own."""
    import imagecodecs

    return _to_rgb(imagecodecs.heif_decode(content, index=0), False)


def decode_jpeg_2000(content: bytes) -> np.ndarray:
    """Decode with imagecodecs, which has an OpenJPEG of its own."""
    import imagecodecs

    return _to_rgb(imagecodecs.jpeg2k_decode(content), False)


def decode_opencv(content: bytes) -> np.ndarray:
    """Decode with OpenCV."""
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if pixels is None:
        raise ValueError('OpenCV reads nothing')
    return _to_rgb(pixels[..., ::-1], False)


def decode_pillow(content: bytes) -> np.ndarray:
    """Decode with Pillow, which cuts to 8 bits: of formats of our own."""
    with Image.open(io.BytesIO(content)) as image:
        if image.mode == 'I':  # 16 bits
            return _to_rgb(np.asarray(image).astype(np.uint16), False)
        return _to_rgb(np.asarray(image.convert('RGB')), False)


DECODERS: dict[str, tuple[Callable[[bytes], np.ndarray], ...]] = {
    'TIFF': (decode_vips, decode_tifffile),
    'HEIC': (decode_vips, decode_heif),
    'BMP': (decode_opencv,),
    'PNM': (decode_opencv, decode_pillow),
    'JPEG 2000': (decode_jpeg_2000, decode_opencv),
}


def _to_rgb(pixels: np.ndarray, cmyk: bool) -> np.ndarray:
    """Scale to [0, 255] and give gray three channels; alpha stays."""
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    scale = 255 / 65535 if pixels.dtype == np.uint16 else 1
    values = pixels.astype(np.float64) * scale
    if pixels.dtype == bool:
        values *= 255
    if cmyk:
        free = 255 - values[..., :4]
        return free[..., :3] * free[..., 3:] / 255
    if values.shape[-1] < 3:
        return np.concatenate([values[..., :1]] * 3 + [values[..., 1:]], -1)
    return values[..., :4]


def check(path: Path) -> tuple[str, str, str]:
    """Read a file in both ways: its format, the outcome and a remark."""
    warnings.simplefilter('ignore')
    content = path.read_bytes()
    try:
        kind = recognize(content[:160])
    except UnsupportedError as error:
        return 'other formats', 'unsupported', str(error)
    if kind is None:
        return 'other formats', 'broken for both', 'not an image'
    try:
        photograph = read_photograph(path)
    except UnsupportedImageError as error:
        return kind, 'unsupported', error.reason
    except BrokenImageError as error:
        ours, remark = None, error.reason
    else:
        ours = photograph.pixels[..., ::-1].astype(np.float64)
        remark = '; '.join(photograph.notes)
        if inspect_image(path) != ours.shape[:2]:
            return kind, 'differs', 'the inspection gives another size'
    problems = []
    for decode in DECODERS.get(kind, (decode_vips,)):
        try:
            theirs = decode(content)
        except Exception as error:
            problems.append(f'{decode.__name__}: {str(error).strip()[:80]}')
            continue
        if ours is None:
            problems.append(f'{decode.__name__} reads it; {remark}')
            continue
        outcome, difference = compare(ours, theirs, kind, remark)
        if outcome != 'differs':
            return kind, outcome, remark
        problems.append(f'{decode.__name__}: {difference}')
    remark = ' | '.join((remark, *problems))
    if ours is None:
        read = any('reads it' in problem for problem in problems)
        return kind, 'only others read' if read else 'broken for both', remark
    differs = any('levels' in p or 'shape' in p for p in problems)
    return kind, 'differs' if differs else 'not checked', remark


def compare(ours: np.ndarray, theirs: np.ndarray, kind: str, remark: str) -> tuple[str, str]:
    """Compare two images in [0, 255]."""
    if ours.shape[:2] != theirs.shape[:2]:
        return 'differs', f'shape {ours.shape}, theirs {theirs.shape}'
    off = abs(ours - theirs[..., :3])
    if theirs.shape[-1] == 4:
        # Of colors under full transparency many decoders keep nothing.
        off = off[theirs[..., 3] > 0]
    if not off.size:
        return 'close', ''
    if kind == 'BMP' and not (theirs[..., :3] % 4).any():
        off = np.maximum(off - 7, 0)  # OpenCV fills 5 bits up with zeros
    mean, rare = off.mean(), np.quantile(off, 0.99)
    if off.max() < 0.01:
        return 'equal', ''
    # Rounding of the other to 8 bits, or of the colors of a profile.
    if off.max() <= 1 or (mean <= _MEAN and rare <= _RARE):
        return 'close', ''
    return 'differs', f'{mean:.2f} levels, at most {off.max():.1f}'


def find_files(folders: Sequence[Path]) -> Iterator[Path]:
    """Give every file of the folders, without those of version control."""
    for folder in folders:
        for path in sorted(folder.rglob('*')):
            if path.is_file() and not path.is_symlink() and ('.git' not in path.parts):
                yield path


class Processes:
    """Run functions in a process that is replaced when it dies or hangs.

    Args:
        seconds: Longest time that a call may take.
    """

    def __init__(self, seconds: float) -> None:
        self._pool = ProcessPoolExecutor(1)
        self._seconds = seconds

    def run(self, function: Callable[[Path], Any], path: Path) -> tuple[str, Any]:
        """Return ``'done'``, ``'crash'`` or ``'hang'``, and the result."""
        try:
            return 'done', self._pool.submit(function, path).result(self._seconds)
        except BrokenProcessPool:
            outcome = 'crash'
        except TimeoutError:
            outcome = 'hang'
            for process in active_children():
                process.kill()
        self._pool = ProcessPoolExecutor(1)
        return outcome, None


def check_all(paths: Sequence[Path]) -> Iterator[tuple[str, str, str]]:
    """Check files in a process of their own, which may crash."""
    processes = Processes(seconds=120)
    for path in paths:
        state, found = processes.run(check, path)
        yield (state, 'differs', 'the process had to be replaced') if found is None else found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; ``argv`` without the name of the program."""
    parser = new_parser(__doc__, EXAMPLES)
    parser.add_argument('--corpus', nargs='+', type=Path, required=True, metavar='FOLDER')
    parser.add_argument('--verbose', action='store_true', help='name every file')
    args = parser.parse_args(argv)
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    paths = list(find_files(args.corpus))
    for path, (kind, outcome, remark) in zip(paths, check_all(paths)):
        counts[kind][outcome] += 1
        if args.verbose or outcome in OUTCOMES[-3:]:
            print(f'{outcome}: {path}: {kind}: {remark}', flush=True)
    header = ['format', 'files', *OUTCOMES]
    rows = [[found[o] for o in OUTCOMES] for _, found in sorted(counts.items())]
    rows.append([sum(column) for column in zip(*rows)])
    print(
        markdown_table(
            header, ((kind, sum(row), *row) for kind, row in zip([*sorted(counts), 'all'], rows))
        )
    )
    return int(any(c['differs'] for c in counts.values()))


if __name__ == '__main__':
    sys.exit(main())
