"""Enhance videos frame by frame, with a steady brightness."""
from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from .inferencer import LowLightInferencer
from .paths import check_out_dir, checked_path

#: Files that are taken for videos.
VIDEO_SUFFIXES = ('.mp4', '.mov', '.m4v', '.mkv', '.webm', '.avi', '.mpg',
                  '.mpeg', '.ts', '.wmv', '.flv', '.3gp')
#: Containers of results. Others become Matroska, which holds any audio.
RESULT_SUFFIXES = ('.mp4', '.mov', '.mkv')
#: Change of a 32x18 thumbnail of mean 1, mean over its pixels, at a cut; and
#: ratio of the mean levels.
_CUT, _CUT_RATIO = 0.4, 2.0
#: Constant rate factor of x264: no visible loss.
_CRF = '17'


def flicker(levels: list[float]) -> float:
    """Compute how much the brightness of a video changes between frames.

    Args:
        levels: Mean luma of each frame.

    Returns:
        Mean absolute difference of neighbors, divided by the mean; 0 for a
        single frame.
    """
    if len(levels) < 2:
        return 0.
    return float(np.abs(np.diff(levels)).mean() / max(np.mean(levels), 1e-6))


@dataclass
class VideoReport:
    """Mean luma of each frame of a video, in [0, 255].

    Attributes:
        before: Of the input.
        by_frame: As the enhancer leaves it.
        written: Of the result.
        cuts: Frames that begin a shot, beside the first.
    """
    before: list[float] = field(default_factory=list)
    by_frame: list[float] = field(default_factory=list)
    written: list[float] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        """Give the numbers of frames and cuts, and the flicker."""
        parts = ', '.join(
            f'{name} {100 * flicker(levels):.2f} %' for name, levels in (
                ('input', self.before), ('frame by frame', self.by_frame),
                ('written', self.written)))
        return (f'{len(self.before)} frames, {len(self.cuts)} cuts; flicker: '
                f'{parts}')


class Steadier:
    """Let the mean luma of enhanced frames change slowly, except at cuts.

    The mean luma is averaged exponentially over time, and each frame is
    scaled to that average.

    Args:
        seconds: Time constant; 0 leaves the frames as they are.
    """

    def __init__(self, seconds: float) -> None:
        if not 0 <= seconds < math.inf:
            raise ValueError(f'steady={seconds!r}: must be a time in seconds, '
                             'or 0 for frame by frame')
        self.seconds = seconds
        self._time = 0.
        self._level: float | None = None
        self._thumbnail: np.ndarray | None = None

    def is_cut(self, frame: np.ndarray) -> bool:
        """Tell whether an input frame begins another shot."""
        thumbnail = cv2.resize(
            frame, (32, 18), interpolation=cv2.INTER_AREA).astype(float)
        last, self._thumbnail = self._thumbnail, thumbnail
        if last is None:
            return False
        old, new = last.mean() + 1e-3, thumbnail.mean() + 1e-3
        changed = np.abs(thumbnail / new - last / old).mean() > _CUT
        return bool(changed or max(old / new, new / old) > _CUT_RATIO)

    def scale(self, level: float, time: float, cut: bool) -> float:
        """Compute the factor of a frame.

        Args:
            level: Its mean luma after enhancement.
            time: Its time in seconds.
            cut: Whether a shot begins with it.
        """
        if self._level is None or cut or not self.seconds:
            self._level = level
        else:
            share = math.exp(-max(time - self._time, 0) / self.seconds)
            self._level = share * self._level + (1 - share) * level
        self._time = time
        return self._level / max(level, 1e-6)


def plan_video(source: str | Path, out: str | Path) -> tuple[Path, Path]:
    """Return a video and the file of its result.

    Args:
        source: The video.
        out: Folder of the result, or a file that ends in one of
            :data:`RESULT_SUFFIXES`.

    Raises:
        FileNotFoundError: If the video is missing.
        ValueError: If the result would replace it or cannot be written.
    """
    source, target = checked_path(source), checked_path(out)
    if not source.is_file():
        raise FileNotFoundError(f'video {str(source)!r} does not exist')
    if target.suffix.lower() in VIDEO_SUFFIXES and not target.is_dir():
        if target.suffix.lower() not in RESULT_SUFFIXES:
            raise ValueError(f'{str(target)!r}: videos are written as '
                             f'{", ".join(RESULT_SUFFIXES)}')
    else:
        suffix = source.suffix.lower()
        target = target / source.with_suffix(
            suffix if suffix in RESULT_SUFFIXES else '.mkv').name
    if target.resolve() == source.resolve():
        raise ValueError(f'the result of {str(source)!r} would replace it: '
                         'choose another folder or name')
    check_out_dir(target.parent)
    return source, target


def enhance_video(inferencer: LowLightInferencer,
                  source: str | Path,
                  target: str | Path,
                  steady: float = 0.5,
                  progress: bool = False) -> VideoReport:
    """Enhance a video and keep its sound and its timestamps.

    Frames are rotated as their file says, and written as 8-bit H.264. Audio
    streams are copied as they are. The result has a temporary name until it
    is complete.

    Args:
        inferencer: Its ``when`` decides for each frame.
        source: The video; its first video stream is taken.
        target: The result; its folder is made, an older file is replaced.
        steady: Time constant in seconds over which the mean luma is averaged,
            except at cuts; 0 leaves it as the enhancer does.
        progress: Show a progress bar.

    Returns:
        The mean luma of each frame before and after.

    Raises:
        ImportError: If PyAV is not installed.
        ValueError: If the file is not a video, or an option is wrong.
    """
    av = check_pyav()
    steadier, report = Steadier(steady), VideoReport()
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f'.{target.stem}.tmp{target.suffix}')
    try:
        with av.open(str(source)) as reader, av.open(
                str(temporary), 'w') as writer:
            if not reader.streams.video:
                raise ValueError(f'{str(source)!r} has no video stream')
            _transcode(reader, writer, inferencer, steadier, report, progress)
        if not report.before:
            raise ValueError(f'{str(source)!r} has no frame')
        os.replace(temporary, target)
    except av.error.FFmpegError as error:
        raise ValueError(f'video {str(source)!r} cannot be enhanced: '
                         f'{error}') from error
    finally:
        temporary.unlink(missing_ok=True)
    return report


def check_pyav() -> Any:
    """Import PyAV.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError('videos need PyAV, which is not installed: pip '
                          'install av') from error
    return av


def _transcode(reader: Any, writer: Any, inferencer: LowLightInferencer,
               steadier: Steadier, report: VideoReport,
               progress: bool) -> None:
    source = reader.streams.video[0]
    source.thread_type = 'AUTO'
    encoder: Any = None
    # All streams must be there before the first packet is written.
    audio = {
        stream.index: writer.add_stream_from_template(stream)
        for stream in reader.streams.audio
    }
    waiting: list[Any] = []
    with tqdm(total=source.frames or None, unit='frame',
              disable=not progress) as bar:
        for packet in reader.demux(source, *reader.streams.audio):
            if packet.stream.index in audio:
                if packet.dts is not None:
                    packet.stream = audio[packet.stream.index]
                    waiting.append(packet)
            else:
                for frame in packet.decode():
                    if frame.pts is None:
                        raise ValueError(
                            f'video {reader.name!r} has frames without '
                            'timestamps: make some, as by ffmpeg -fflags '
                            '+genpts -i IN -c copy OUT')
                    image = _enhanced(frame, inferencer, steadier, report)
                    if encoder is None:
                        encoder = _add_encoder(writer, source, frame, image)
                    writer.mux(encoder.encode(_frame_of(
                        image, frame, encoder)))
                    bar.update()
            if encoder is not None:
                writer.mux(waiting)
                waiting.clear()
        if encoder is not None:
            writer.mux(encoder.encode(None))


def _enhanced(frame: Any, inferencer: LowLightInferencer,
              steadier: Steadier, report: VideoReport) -> np.ndarray:
    """Return the enhanced frame, (H, W, 3), BGR, uint8, and report it."""
    image = np.ascontiguousarray(
        np.rot90(frame.to_ndarray(format='bgr24'), round(frame.rotation / 90)))
    cut = steadier.is_cut(image)
    if cut:
        report.cuts.append(len(report.before))
    enhanced = inferencer.enhance(image)
    level = _luma(enhanced)
    factor = steadier.scale(level, float(frame.pts * frame.time_base), cut)
    if factor != 1:
        enhanced = cv2.convertScaleAbs(enhanced, alpha=factor)
    report.before.append(_luma(image))
    report.by_frame.append(level)
    report.written.append(_luma(enhanced))
    return enhanced


def _luma(image: np.ndarray) -> float:
    blue, green, red, _ = cv2.mean(image)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _add_encoder(writer: Any, source: Any, frame: Any,
                 image: np.ndarray) -> Any:
    encoder = writer.add_stream(
        'libx264', rate=source.average_rate or 30, options=dict(crf=_CRF))
    encoder.height, encoder.width = image.shape[:2]
    # 4:2:0 has a color sample for each 2x2 pixels.
    encoder.pix_fmt = 'yuv420p' if not (
        encoder.height % 2 or encoder.width % 2) else 'yuv444p'
    context = encoder.codec_context
    # The timestamps of a variable frame rate are multiples of this.
    context.time_base = frame.time_base
    for key in ('colorspace', 'color_primaries', 'color_trc'):
        setattr(context, key, getattr(source.codec_context, key))
    return encoder


def _frame_of(image: np.ndarray, source: Any, encoder: Any) -> Any:
    av = check_pyav()
    frame = av.VideoFrame.from_ndarray(image, format='bgr24').reformat(
        format=encoder.pix_fmt,
        # As the source's frames were read: 2 is "not specified".
        dst_colorspace=None if source.colorspace == 2 else source.colorspace)
    frame.pts, frame.time_base = source.pts, source.time_base
    return frame


def videos_in(inputs: list[str]) -> Iterator[str]:
    """Yield the inputs that are videos, by their suffix."""
    yield from (path for path in inputs
                if path.lower().endswith(VIDEO_SUFFIXES)
                and not Path(path).is_dir())
