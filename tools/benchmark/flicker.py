"""Measure how much the brightness of an enhanced video changes.

The clip is one dark photograph whose light changes by up to 10 % from frame
to frame, with Gaussian noise of 5 levels (of 255): 50 frames at 25 frames a
second, stored as H.264 without visible loss. The flicker is the mean absolute
difference of the mean luma of neighboring frames, divided by the mean luma.

    python tools/benchmark/flicker.py low/1.png zero_dce.sdag blend_unet
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from mmsdag.apis import LowLightInferencer, enhance_video
from mmsdag.apis.video import flicker
from mmsdag.apis.video_segments import check_pyav
from mmsdag.utils.image_io import read_image
from mmsdag.utils.tables import markdown_table

FRAMES, RATE, LIGHT, NOISE = 50, 25, 0.1, 5.0


def write_clip(image: np.ndarray, path: Path, seed: int) -> None:
    """Write the clip.

    Args:
        image: (H, W, 3), BGR, uint8; even sizes.
        path: File to write.
        seed: Seed of light and noise.
    """
    av = check_pyav()
    rng = np.random.default_rng(seed)
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('libx264', rate=RATE, options=dict(crf='5'))
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = 'yuv420p'
        for number in range(FRAMES):
            light = rng.uniform(1 - LIGHT, 1 + LIGHT)
            frame = image * light + rng.normal(0, NOISE, image.shape)
            frame = av.VideoFrame.from_ndarray(
                np.clip(np.rint(frame), 0, 255).astype(np.uint8), format='bgr24'
            )
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the flicker of the clip before and after each enhancer."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('photograph', help='a dark one, such as a LOL image')
    parser.add_argument(
        'models', nargs='+', metavar='MODEL', help='names that `mmsdag models` lists'
    )
    parser.add_argument(
        '--steady', type=float, default=0.5, help='see `mmsdag enhance` (default: %(default)s)'
    )
    parser.add_argument('--device', help='as for `mmsdag enhance`')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    image = read_image(args.photograph)
    image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, 'clip.mp4')
        write_clip(image, clip, args.seed)
        for model in args.models:
            report = enhance_video(
                LowLightInferencer(model, device=args.device),
                clip,
                Path(folder, 'enhanced.mp4'),
                args.steady,
                progress=True,
            )
            rows.append(
                [
                    f'`{model}`',
                    *(
                        f'{100 * flicker(levels):.2f} %'
                        for levels in (report.before, report.by_frame, report.written)
                    ),
                ]
            )
    print(markdown_table(['flicker', 'input', 'frame by frame', 'steadied'], rows))


if __name__ == '__main__':
    main()
