"""Fuzz the reader of images: damaged copies of files, as of a corpus.

Each copy is read by mmsdag.utils.image_io in a process of its own. It must
end in time, with an image or an error that says why; and an image must equal
that of an independent decoder, see image_corpus.py. Copies that do otherwise
are kept and named; decoders read some damaged files in different ways, so look
at each. The exit status is 1 if the reader crashed, took too long, or raised
an error that it does not announce.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from image_corpus import Processes, check, find_files

from mmsdag.cli.arguments import new_parser
from mmsdag.utils.hashing import file_digest
from mmsdag.utils.image_io import IMAGE_SUFFIXES, BrokenImageError, read_photograph
from mmsdag.utils.tables import markdown_table

EXAMPLES = """\
  nice -n 10 python tools/benchmark/image_fuzz.py --corpus Pillow libvips \\
      --seconds 1800 --out fuzz
"""
_LARGEST = 40_000  # bytes of a file that is damaged
_SECONDS = 40  # that a file may take
_EDGES = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 100_000)
_SIGNATURE = b'\x89PNG\r\n\x1a\n'


def damage(content: bytes, draw: random.Random) -> bytes:
    """Change, remove, insert and copy bytes, most often in the header."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        if not data:
            break
        at = draw.randrange(min(len(data), draw.choice((40, 300, 10**9))))
        kind = draw.randrange(6)
        if kind == 0:
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[at] = draw.choice((0, 1, 2, 3, 4, 8, 16, 127, 128, 255))
        elif kind == 2:
            del data[at : at + draw.randint(1, 16)]
        elif kind == 3:
            data[at:at] = draw.randbytes(draw.randint(1, 16))
        elif kind == 4:
            data[at : at + 4] = struct.pack(draw.choice('<>') + 'I', draw.choice(_EDGES))
        else:
            start = draw.randrange(len(data))
            data[at : at + 20] = data[start : start + 20]
    result = bytes(data)
    if result.startswith(_SIGNATURE) and draw.random() < 0.7:
        result = mend_checksums(result)
    return result


def mend_checksums(content: bytes) -> bytes:
    """Make the chunks of a PNG valid, so that decoders look into them."""
    result, at = _SIGNATURE, len(_SIGNATURE)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from('>I', content, at)
        chunk = content[at + 4 : at + 8 + length]
        if at + 12 + length > len(content):
            break
        result += struct.pack('>I', length) + chunk + struct.pack('>I', zlib.crc32(chunk))
        at += 12 + length
    return result + content[at:]


def read(path: Path) -> str:
    """Read a file with the reader alone; errors that it announces are fine.

    Returns:
        What it raised besides these, as text; ``''`` for nothing.
    """
    try:
        read_photograph(path)
    except BrokenImageError:
        pass
    except Exception as error:
        return f'{type(error).__name__}: {error}'
    return ''


def fuzz(seeds: Sequence[Path], seconds: float, draw: random.Random, out: Path) -> Counter:
    """Read damaged files for a time.

    Returns:
        How many files had each outcome.
    """
    counts: Counter = Counter()
    processes, end = Processes(_SECONDS), time.monotonic() + seconds
    out.mkdir(parents=True, exist_ok=True)
    path = out / 'current'
    while time.monotonic() < end:
        seed = draw.choice(seeds)
        path.write_bytes(damage(seed.read_bytes(), draw))
        outcome, raised = processes.run(read, path)
        remark = str(raised or '')
        if remark:
            outcome = 'other error'
        elif outcome == 'done':
            state, found = processes.run(check, path)
            # A decoder that crashes or hangs is not the reader.
            outcome = 'another decoder failed'
            if state == 'done':
                _, outcome, remark = found
        counts[outcome] += 1
        if outcome in ('crash', 'hang', 'other error', 'differs'):
            kept = out / file_digest(path)[:12]
            path.rename(kept)
            print(f'{outcome}: {kept} of {seed}: {remark}', flush=True)
    return counts


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; ``argv`` without the name of the program."""
    parser = new_parser(__doc__ or '', EXAMPLES)
    parser.add_argument('--corpus', nargs='+', type=Path, required=True, metavar='FOLDER')
    parser.add_argument('--seconds', type=float, default=1800)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--out', type=Path, default=Path('fuzz'), help='folder of the files that need a look'
    )
    args = parser.parse_args(argv)
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    seeds = [
        path
        for path in find_files(args.corpus)
        if path.suffix.lower() in IMAGE_SUFFIXES and path.stat().st_size < _LARGEST
    ]
    if not seeds:
        parser.error(
            f'no images of less than {_LARGEST} bytes in {[str(folder) for folder in args.corpus]}'
        )
    counts = fuzz(seeds, args.seconds, random.Random(args.seed), args.out)
    print(markdown_table(['outcome', 'files'], counts.most_common()))
    return int(any(counts[name] for name in ('crash', 'hang', 'other error')))


if __name__ == '__main__':
    sys.exit(main())
