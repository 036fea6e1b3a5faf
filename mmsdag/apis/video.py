"""Enhance videos frame by frame, with a steady brightness."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from mmsdag.utils.hashing import digest, file_digest

from .inferencer import LowLightInferencer
from .paths import check_out_dir, checked_path
from .video_segments import SegmentedVideo, check_pyav

#: Files that are taken for videos.
VIDEO_SUFFIXES = (
    '.mp4',
    '.mov',
    '.m4v',
    '.mkv',
    '.webm',
    '.avi',
    '.mpg',
    '.mpeg',
    '.ts',
    '.wmv',
    '.flv',
    '.3gp',
)
#: Containers of results. Others become Matroska, which holds any audio.
RESULT_SUFFIXES = ('.mp4', '.mov', '.mkv')
#: Change of a 32x18 thumbnail of mean 1, mean over its pixels, at a cut; and
#: ratio of the mean levels.
_CUT, _CUT_RATIO = 0.4, 2.0
#: Frames of a segment: what a stop loses at most. x264 sets a key frame at
#: least every 250.
SEGMENT = 100


def flicker(levels: list[float]) -> float:
    """Compute how much the brightness of a video changes between frames.

    Args:
        levels: Mean luma of each frame.

    Returns:
        Mean absolute difference of neighbors, divided by the mean; 0 for a
        single frame.
    """
    if len(levels) < 2:
        return 0.0
    return float(np.abs(np.diff(levels)).mean() / max(np.mean(levels), 1e-6))


@dataclass
class VideoReport:
    """Mean luma of each frame of a video, in [0, 255].

    Attributes:
        before: Of the input.
        by_frame: Of the enhanced frames, before they are steadied.
        written: Of the result.
        cuts: Frames that begin a shot, except the first.
    """

    before: list[float] = field(default_factory=list)
    by_frame: list[float] = field(default_factory=list)
    written: list[float] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)

    def extend(self, other: Mapping[str, list]) -> None:
        """Add later frames, as ``asdict`` gives them."""
        for name, values in other.items():
            getattr(self, name).extend(values)

    def __str__(self) -> str:
        """Give the numbers of frames and cuts, and the flicker."""
        parts = ', '.join(
            f'{name} {100 * flicker(levels):.2f} %'
            for name, levels in (
                ('input', self.before),
                ('frame by frame', self.by_frame),
                ('written', self.written),
            )
        )
        return f'{len(self.before)} frames, {len(self.cuts)} cuts; flicker: {parts}'


class Steadier:
    """Smooth the mean luma of enhanced frames over time, except at cuts.

    The mean luma is averaged exponentially over time, and each frame is
    scaled to that average.

    Args:
        seconds: Time constant; 0 leaves the frames as they are.
    """

    def __init__(self, seconds: float) -> None:
        if not 0 <= seconds < math.inf:
            raise ValueError(
                f'steady={seconds!r}: must be a time in seconds, or 0 for frame by frame'
            )
        self.seconds = seconds
        self._time = 0.0
        self._level: float | None = None
        self._thumbnail: np.ndarray | None = None

    @property
    def state(self) -> dict[str, Any]:
        """State that the next frame depends on, JSON-serializable."""
        thumbnail = self._thumbnail
        return dict(
            time=self._time,
            level=self._level,
            thumbnail=(None if thumbnail is None else thumbnail.tolist()),
        )

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        self._time, self._level = state['time'], state['level']
        thumbnail = state['thumbnail']
        self._thumbnail = None if thumbnail is None else np.array(thumbnail)

    def is_cut(self, frame: np.ndarray) -> bool:
        """Tell whether an input frame begins another shot."""
        thumbnail = cv2.resize(frame, (32, 18), interpolation=cv2.INTER_AREA).astype(float)
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
            raise ValueError(f'{str(target)!r}: videos are written as {", ".join(RESULT_SUFFIXES)}')
    else:
        suffix = source.suffix.lower()
        target = target / source.with_suffix(suffix if suffix in RESULT_SUFFIXES else '.mkv').name
    if target.resolve() == source.resolve():
        raise ValueError(
            f'the result of {str(source)!r} would replace it: choose another folder or name'
        )
    check_out_dir(target.parent)
    return source, target


def enhance_video(
    inferencer: LowLightInferencer,
    source: str | Path,
    target: str | Path,
    steady: float = 0.5,
    progress: bool = False,
) -> VideoReport:
    """Enhance a video and keep its sound and its timestamps.

    Frames are rotated as their file says, and written as 8-bit H.264. Audio
    streams are copied as they are. The result has a temporary name until it
    is complete. Until then its segments are in the folder
    ``.NAME.segments`` beside it; after a stop they are taken over, if source,
    enhancer and options are the same.

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
    segments = SegmentedVideo(
        target.with_name(f'.{target.name}.segments'), _key(inferencer, source, steady), SEGMENT
    )
    for state in segments.states:
        report.extend(state['report'])
        steadier.state = state['steadier']
    try:
        with av.open(str(source)) as reader:
            if not reader.streams.video:
                raise ValueError(f'{str(source)!r} has no video stream')
            _encode(reader, segments, inferencer, steadier, report, progress)
        if not report.before:
            raise ValueError(f'{str(source)!r} has no frame')
        with av.open(str(source)) as reader, av.open(str(temporary), 'w') as writer:
            segments.join(reader, writer)
        os.replace(temporary, target)
        segments.remove()
    except (av.error.FFmpegError, ValueError) as error:
        segments.remove()
        if isinstance(error, av.error.FFmpegError):
            raise ValueError(f'video {str(source)!r} cannot be enhanced: {error}') from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    return report


def _key(inferencer: LowLightInferencer, source: str | Path, steady: float) -> str:
    """Name what a result depends on: source, enhancer, options, encoder."""
    ramp = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    runner = inferencer.runner
    return digest(
        [
            file_digest(source),
            steady,
            SEGMENT,
            check_pyav().__version__,
            # The output on a test image identifies its weights and options.
            [inferencer.enhance(image).tobytes().hex() for image in (ramp, ramp // 8)],
            repr(runner.gate.when),
            runner.tile,
            str(runner.amp_dtype),
        ]
    )


def _encode(
    reader: Any,
    segments: SegmentedVideo,
    inferencer: LowLightInferencer,
    steadier: Steadier,
    report: VideoReport,
    progress: bool,
) -> None:
    """Enhance the frames that no segment has."""
    stream = reader.streams.video[0]
    stream.thread_type = 'AUTO'
    done = len(report.before)
    part = VideoReport()

    def save() -> None:
        segments.save(dict(report=asdict(part), steadier=steadier.state))

    with tqdm(total=stream.frames or None, initial=done, unit='frame', disable=not progress) as bar:
        for frame in islice(reader.decode(stream), done, None):
            if frame.pts is None:
                raise ValueError(
                    f'video {reader.name!r} has frames without timestamps: make some, as by ffmpeg '
                    '-fflags +genpts -i IN -c copy OUT'
                )
            image = _enhanced(frame, inferencer, steadier, part, done)
            segments.add(image, frame, stream)
            bar.update()
            if segments.is_full:
                save()
                done += len(part.before)
                report.extend(asdict(part))
                part = VideoReport()
        save()
        report.extend(asdict(part))


def _enhanced(
    frame: Any, inferencer: LowLightInferencer, steadier: Steadier, report: VideoReport, before: int
) -> np.ndarray:
    """Return the enhanced frame, (H, W, 3), BGR, uint8, and report it.

    ``before`` is the number of frames before those of the report.
    """
    image = np.ascontiguousarray(
        np.rot90(frame.to_ndarray(format='bgr24'), round(frame.rotation / 90))
    )
    cut = steadier.is_cut(image)
    if cut:
        report.cuts.append(before + len(report.before))
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


def videos_in(inputs: list[str]) -> Iterator[str]:
    """Yield the inputs that are videos, by their suffix."""
    yield from (
        path for path in inputs if path.lower().endswith(VIDEO_SUFFIXES) and not Path(path).is_dir()
    )
