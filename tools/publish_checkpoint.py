"""Turn a training checkpoint into a small file to share: weights alone."""
from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from mmsdag.utils import load_checkpoint, save_checkpoint
from mmsdag.utils.launch import clear_errors

EXAMPLES = """\
example:
  python tools/publish_checkpoint.py \\
      work_dirs/sdag_vgg16_1xb16-1k_brackets/iter_1000.pth \\
      checkpoints/sdag_vgg16_1xb16-1k_brackets.pth
"""


def publish(source: Path, target: Path) -> str:
    """Write the weights of a training checkpoint.

    With MMEngine's ``EMAHook`` these are the averaged ones. The config, seed
    and iteration of the run stay in ``meta``; optimizer, schedulers, logs and
    paths of the machine go.

    Args:
        source: Checkpoint of ``tools/train.py``.
        target: File to write.

    Returns:
        SHA-256 of the file.

    Raises:
        ValueError: If ``source`` holds no ``state_dict``.
    """
    content = load_checkpoint(source)
    if 'state_dict' not in content:
        raise ValueError(f'{str(source)!r} is no checkpoint of '
                         f'tools/train.py: it holds {sorted(content)[:4]}')
    meta = content.get('meta', {})
    kept = {
        key: meta[key]
        for key in ('iter', 'seed', 'mmengine_version') if key in meta
    }
    save_checkpoint(
        dict(state_dict=content['state_dict'], meta=kept), target)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; ``argv`` without the name of the program."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('src', type=Path, help='checkpoint of a training')
    parser.add_argument('dst', type=Path, help='file to write')
    args = parser.parse_args(argv)
    with clear_errors():
        digest = publish(args.src, args.dst)
    print(f'{args.dst}: {args.dst.stat().st_size:,} bytes, SHA-256 {digest}')


if __name__ == '__main__':
    main()
