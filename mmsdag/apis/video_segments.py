"""Encoded segments of a video: kept until all are there, then joined."""

from __future__ import annotations

import heapq
import json
import shutil
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from mmsdag.utils import write_atomically

#: Constant rate factor of x264: no visible loss.
_CRF = '17'
#: Of a codec context: parameter sets go to the container's header.
_GLOBAL_HEADER = 1 << 22
_COLORS = ('colorspace', 'color_primaries', 'color_trc')


def check_pyav() -> Any:
    """Import PyAV.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError('videos need PyAV, which is not installed: pip install av') from error
    return av


class SegmentedVideo:
    """Encode a video in segments that outlive the process.

    A segment is two files in a folder: H.264 packets, one after the other,
    and an index with their sizes and timestamps and the caller's state. Each
    segment has its own encoder and begins with a key frame, so that a stopped
    and continued video equals an uninterrupted one.

    Args:
        folder: Folder of the segments; made with the first one.
        key: Names everything that the result depends on. Segments with
            another key are removed.
        length: Frames of a segment.
    """

    def __init__(self, folder: Path, key: str, length: int) -> None:
        self.folder = folder
        self.key = key
        self.length = length
        self.indices = self._load()
        self._encoder: Any = None
        self._packets: list[Any] = []
        self._frames = 0

    @property
    def states(self) -> list[Any]:
        """States that were saved, by segment."""
        return [index['state'] for index in self.indices]

    @property
    def is_full(self) -> bool:
        """Whether the segment has all its frames."""
        return self._frames == self.length

    def add(self, image: np.ndarray, source: Any, stream: Any) -> None:
        """Encode a frame.

        Args:
            image: (H, W, 3), BGR, uint8.
            source: The frame of the source that it was made of.
            stream: The video stream of the source.
        """
        if self._encoder is None:
            settings = (
                self.indices[0]['settings'] if self.indices else _settings_of(image, source, stream)
            )
            self._encoder = check_pyav().CodecContext.create('libx264', 'w')
            self._encoder.flags |= _GLOBAL_HEADER
            _configure(self._encoder, settings)
            self._settings = settings
        self._packets += self._encoder.encode(_frame_of(image, source, self._encoder.pix_fmt))
        self._frames += 1

    def save(self, state: Any) -> None:
        """Finish the segment, unless it is empty.

        Args:
            state: State to store, JSON-serializable; see :attr:`states`.
        """
        if self._encoder is None:
            return
        packets = [*self._packets, *self._encoder.encode(None)]
        index = dict(
            key=self.key,
            settings=self._settings,
            state=state,
            packets=[[packet.size, packet.pts, packet.is_keyframe] for packet in packets],
        )
        name = self._name(len(self.indices))
        write_atomically(name, b''.join(map(bytes, packets)))
        write_atomically(name.with_suffix('.json'), json.dumps(index).encode())
        self.indices.append(index)
        self._encoder, self._packets, self._frames = None, [], 0

    def join(self, reader: Any, writer: Any) -> None:
        """Write all segments and the source's sound, as they are.

        Args:
            reader: The opened source.
            writer: The opened result.
        """
        settings = self.indices[0]['settings']
        video = writer.add_stream('libx264', rate=Fraction(*settings['rate']))
        _configure(video.codec_context, settings)
        # All streams must be there before the first packet is written.
        audio = {
            stream.index: writer.add_stream_from_template(stream) for stream in reader.streams.audio
        }
        for _, packet in heapq.merge(
            self._video(video, Fraction(*settings['time_base'])),
            _sound(reader, audio) if audio else (),
            key=lambda item: item[0],
        ):
            writer.mux(packet)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _name(self, number: int) -> Path:
        return self.folder / f'{number:05}.h264'

    def _load(self) -> list[dict]:
        """Read the indices of the segments before the first missing one."""
        indices: list[dict] = []
        while True:
            name = self._name(len(indices))
            try:
                index = json.loads(name.with_suffix('.json').read_bytes())
                sizes = sum(packet[0] for packet in index['packets'])
                if index['key'] != self.key or sizes != name.stat().st_size:
                    break
            except (OSError, ValueError, KeyError):
                break
            indices.append(index)
        if not indices:
            self.remove()
        return indices

    def _video(self, stream: Any, time_base: Fraction) -> Iterator[tuple[float, Any]]:
        """Yield packets with the time at which they are decoded.

        That is the time at which an earlier frame is shown: as many frames
        earlier as the encoder has changed their order.
        """
        pts = [packet[1] for index in self.indices for packet in index['packets']]
        shown = sorted(pts)
        places = {time: place for place, time in enumerate(shown)}
        delay = max(at - places[time] for at, time in enumerate(pts))
        step = min((b - a for a, b in zip(shown, shown[1:])), default=1)
        dts = [shown[0] - step * i for i in range(delay, 0, -1)] + shown
        number = 0
        for segment, index in enumerate(self.indices):
            with open(self._name(segment), 'rb') as file:
                for size, time, is_key in index['packets']:
                    packet = check_pyav().Packet(file.read(size))
                    packet.stream = stream
                    packet.time_base = time_base
                    packet.pts, packet.dts = time, dts[number]
                    packet.is_keyframe = is_key
                    number += 1
                    yield float(packet.dts * time_base), packet


def _sound(reader: Any, streams: Mapping[int, Any]) -> Iterator[tuple[float, Any]]:
    for packet in reader.demux(*reader.streams.audio):
        if packet.dts is not None:
            time = float(packet.dts * packet.time_base)
            packet.stream = streams[packet.stream.index]
            yield time, packet


def _settings_of(image: np.ndarray, source: Any, stream: Any) -> dict[str, Any]:
    height, width = image.shape[:2]
    rate = stream.average_rate or Fraction(30)
    return dict(
        height=height,
        width=width,
        # 4:2:0 has a color sample for each 2x2 pixels.
        pix_fmt='yuv444p' if height % 2 or width % 2 else 'yuv420p',
        rate=[rate.numerator, rate.denominator],
        # The timestamps of a variable frame rate are multiples of this.
        time_base=[source.time_base.numerator, source.time_base.denominator],
        **{name: int(getattr(stream.codec_context, name)) for name in _COLORS},
    )


def _configure(context: Any, settings: Mapping[str, Any]) -> None:
    context.options = dict(crf=_CRF)
    context.framerate = Fraction(*settings['rate'])
    context.time_base = Fraction(*settings['time_base'])
    for name in ('height', 'width', 'pix_fmt', *_COLORS):
        setattr(context, name, settings[name])


def _frame_of(image: np.ndarray, source: Any, pix_fmt: str) -> Any:
    frame = (
        check_pyav()
        .VideoFrame.from_ndarray(image, format='bgr24')
        .reformat(
            format=pix_fmt,
            # As the source's frames were read: 2 is "not specified".
            dst_colorspace=None if source.colorspace == 2 else source.colorspace,
        )
    )
    frame.pts, frame.time_base = source.pts, source.time_base
    return frame
