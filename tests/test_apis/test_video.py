"""Videos: sound, timestamps and rotation stay, brightness is steady."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mmsdag.apis import LowLightInferencer, video
from mmsdag.apis.video import Steadier, enhance_video, flicker, plan_video
from mmsdag.cli import main

av = pytest.importorskip('av')
#: Milliseconds: a variable frame rate.
TIMES = [0, 40, 80, 200, 240, 400, 440, 480]


def enhancer(**options) -> LowLightInferencer:
    return LowLightInferencer(dict(type='mmsdag.GammaEnhancer', gamma=2.2), device='cpu', **options)


def scene(seed: int = 0) -> np.ndarray:
    """(48, 64, 3), uint8: blocks, the upper left one is bright."""
    image = np.random.default_rng(seed).integers(20, 60, (3, 4, 3))
    image[0, 0] = 200
    return np.kron(image, np.ones((16, 16, 1), int)).astype(np.uint8)


def write(path: Path, frames, times=TIMES, colorspace: int = 2) -> Path:
    with av.open(str(path), 'w') as file:
        video = file.add_stream('libx264', rate=25, options=dict(crf='5'))
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = 'yuv420p'
        video.codec_context.time_base = Fraction(1, 1000)
        video.codec_context.colorspace = colorspace
        audio = file.add_stream('aac', rate=8000, layout='mono')
        for frame, time in zip(frames, times):
            frame = av.VideoFrame.from_ndarray(frame, format='bgr24').reformat(
                format='yuv420p', dst_colorspace=colorspace
            )
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        for start in range(0, 4096, 1024):
            tone = np.sin(np.arange(start, start + 1024) / 9)[None]
            chunk = av.AudioFrame.from_ndarray(
                tone.astype(np.float32), format='fltp', layout='mono'
            )
            chunk.pts, chunk.sample_rate = start, 8000
            file.mux(audio.encode(chunk))
        file.mux(audio.encode(None))
    return path


def read(path: Path):
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    return ([f.to_ndarray(format='bgr24') for f in frames], [f.time for f in frames])


def packets(path: Path) -> list[tuple]:
    with av.open(str(path)) as file:
        return [
            (float(p.pts * p.time_base), bytes(p)) for p in file.demux(audio=0) if p.dts is not None
        ]


def test_sound_and_timestamps_stay_and_frames_are_enhanced(tmp_path):
    clip = write(tmp_path / 'a.mp4', [scene()] * len(TIMES))
    report = enhance_video(enhancer(), clip, tmp_path / 'out/a.mp4', steady=0)
    frames, times = read(tmp_path / 'out/a.mp4')
    assert times == pytest.approx([t / 1000 for t in TIMES], abs=1e-3)
    assert packets(tmp_path / 'out/a.mp4') == packets(clip)
    expected = (read(clip)[0][3] / 255) ** (1 / 2.2) * 255
    assert abs(frames[3] - expected).mean() < 3
    assert len(report.before) == len(TIMES)
    assert [p.name for p in (tmp_path / 'out').iterdir()] == ['a.mp4']


@pytest.mark.parametrize('colorspace', [1, 5])  # BT.709, BT.601
def test_colors_stay(tmp_path, colorspace):
    red = np.zeros((48, 64, 3), np.uint8) + np.uint8([30, 40, 180])
    clip = write(tmp_path / 'a.mp4', [red] * 3, colorspace=colorspace)
    inferencer = LowLightInferencer(dict(type='mmsdag.GammaEnhancer', gamma=1.0), device='cpu')
    enhance_video(inferencer, clip, tmp_path / 'b.mp4')
    # The other matrix is 11 to 15 off; swscale itself rounds coarsely.
    for path in (clip, tmp_path / 'b.mp4'):
        assert abs(read(path)[0][0].mean((0, 1)) - red[0, 0]).max() < 9
    with av.open(str(tmp_path / 'b.mp4')) as file:
        assert file.streams.video[0].codec_context.colorspace == colorspace


def test_a_rotated_video_is_written_upright(tmp_path):
    clip = write(tmp_path / 'a.mp4', [scene()] * 3)
    data = bytearray(clip.read_bytes())
    # The matrix of the video track's header: 90 degrees clockwise.
    place = data.index(b'tkhd') + 44
    matrix = [0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30]
    data[place : place + 36] = b''.join(number.to_bytes(4, 'big', signed=True) for number in matrix)
    clip.write_bytes(data)
    enhance_video(enhancer(), clip, tmp_path / 'b.mp4')
    frame = read(tmp_path / 'b.mp4')[0][0]
    assert frame.shape == (64, 48, 3)
    # The upper left corner went to the upper right.
    assert frame[:10, -10:].mean() > 200 > frame[:10, :10].mean()


def test_the_brightness_is_steady_within_a_shot_and_free_at_cuts(tmp_path):
    rng = np.random.default_rng(0)
    lamp = rng.uniform(0.8, 1, 40)
    # Two shots; the second one has other places and twice the light.
    frames = [np.clip(scene() * k, 0, 255).astype(np.uint8) for k in lamp[:20]] + [
        np.clip(scene(1)[:, ::-1] * 1.0 * k + 60, 0, 255).astype(np.uint8) for k in lamp[20:]
    ]
    clip = write(tmp_path / 'a.mp4', frames, range(0, 1600, 40))
    report = enhance_video(enhancer(), clip, tmp_path / 'b.mp4')
    assert report.cuts == [20]
    for shot in (slice(0, 20), slice(20, 40)):
        assert flicker(report.written[shot]) < flicker(report.by_frame[shot]) / 3
    assert report.written[20] == pytest.approx(report.by_frame[20], abs=1)
    seen = [frame.mean() for frame in read(tmp_path / 'b.mp4')[0]]
    assert flicker(seen[:20]) < flicker(report.by_frame[:20]) / 3


def test_light_frames_stay_with_when_dark(tmp_path):
    light = np.full((48, 64, 3), 180, np.uint8)
    clip = write(tmp_path / 'a.mp4', [light] * 3)
    report = enhance_video(enhancer(when='dark'), clip, tmp_path / 'b.mp4')
    assert report.by_frame == report.before


def test_flicker_is_the_mean_relative_change():
    # (10 + 20) / 2 over a mean of 40 / 3 + 10
    assert flicker([20, 30, 10]) == pytest.approx(15 / 20)
    assert flicker([5]) == 0


def test_the_average_follows_the_time_not_the_number_of_frames():
    steadier = Steadier(0.5)
    steadier.scale(100, 0, False)
    # After one time constant 1 - 1/e of a step is followed.
    assert steadier.scale(200, 0.5, False) * 200 == pytest.approx(100 + 100 * (1 - np.exp(-1)))


def test_a_stopped_job_leaves_nothing(tmp_path, monkeypatch):
    clip = write(tmp_path / 'a.mp4', [scene()] * 3)
    inferencer = enhancer()

    def stop(image):
        raise KeyboardInterrupt

    monkeypatch.setattr(inferencer, 'enhance', stop)
    with pytest.raises(KeyboardInterrupt):
        enhance_video(inferencer, clip, tmp_path / 'out/b.mp4')
    assert not list((tmp_path / 'out').iterdir())


def flickering(path: Path, count: int = 23) -> Path:
    """Two shots of unsteady light, of a variable frame rate."""
    lamp = np.random.default_rng(0).uniform(0.6, 1, count)
    frames = [
        np.clip(scene() * k if number < 12 else scene(1)[:, ::-1] * k + 60, 0, 255).astype(np.uint8)
        for number, k in enumerate(lamp)
    ]
    times = np.cumsum([40, 40, 80] * count)[:count]
    return write(path, frames, times.tolist())


#: Enhances a video and kills itself in the frame of a number.
KILLED = """
import os, signal, sys
from mmsdag.apis import LowLightInferencer, video
video.SEGMENT = 5
inferencer = LowLightInferencer(
    dict(type='mmsdag.GammaEnhancer', gamma=2.2), device='cpu')
enhance, calls = inferencer.enhance, []
def counted(image):
    if image.shape == (48, 64, 3):
        calls.append(image)
    if len(calls) - 2 == int(sys.argv[3]):  # two are of the settings
        os.kill(os.getpid(), signal.SIGKILL)
    return enhance(image)
inferencer.enhance = counted
video.enhance_video(inferencer, sys.argv[1], sys.argv[2])
"""


def test_a_killed_job_goes_on_and_its_result_is_that_of_an_unbroken_one(tmp_path, monkeypatch):
    monkeypatch.setattr(video, 'SEGMENT', 5)
    clip = flickering(tmp_path / 'a.mp4')
    expected = enhance_video(enhancer(), clip, tmp_path / 'whole/b.mp4')
    assert expected.cuts == [12]
    broken = tmp_path / 'broken/b.mp4'
    # Killed twice: within the third segment, and two segments later.
    for frame in (13, 8):
        killed = subprocess.run(
            [sys.executable, '-c', KILLED, clip, broken, str(frame)],
            env=dict(os.environ, PYTHONPATH=str(Path(video.__file__).parents[2])),
        )
        assert killed.returncode == -signal.SIGKILL
        assert not broken.exists()
    inferencer, calls = enhancer(), []
    enhance = inferencer.enhance
    monkeypatch.setattr(inferencer, 'enhance', lambda im: calls.append(0) or enhance(im))
    report = enhance_video(inferencer, clip, broken)
    # 10 frames, then 5 were kept; two calls are of the settings.
    assert len(calls) == 2 + 23 - 15
    assert report == expected
    assert broken.read_bytes() == (tmp_path / 'whole/b.mp4').read_bytes()
    assert [p.name for p in broken.parent.iterdir()] == ['b.mp4']
    frames, times = read(broken)
    assert times == pytest.approx(read(clip)[1])
    assert packets(broken) == packets(clip)
    with av.open(str(broken)) as file:
        decoded = [p.dts for p in file.demux(video=0) if p.dts is not None]
    assert decoded == sorted(set(decoded)) and len(decoded) == 23


def test_segments_of_other_settings_or_damaged_ones_are_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(video, 'SEGMENT', 5)
    clip = flickering(tmp_path / 'a.mp4')
    inferencer = enhancer()
    enhance = inferencer.enhance
    calls: list[int] = []

    def run(steady: float, stop_at: int) -> None:
        calls.clear()

        def counted(image):
            calls.append(0)
            if len(calls) == stop_at:
                raise KeyboardInterrupt
            return enhance(image)

        monkeypatch.setattr(inferencer, 'enhance', counted)
        enhance_video(inferencer, clip, tmp_path / 'out/b.mp4', steady)

    folder = tmp_path / 'out/.b.mp4.segments'
    for steady, damage in ((0.2, False), (0.5, True)):
        with pytest.raises(KeyboardInterrupt):
            run(0.5, 2 + 12)
        assert len(list(folder.iterdir())) == 4  # two segments
        if damage:
            (folder / '00001.h264').write_bytes(b'cut off')
        run(steady, 0)
        assert len(calls) == 2 + (18 if damage else 23)
        assert not folder.exists()


def test_the_command_skips_what_is_there_and_names_what_is_broken(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / 'a.mp4', [scene()] * 3)
    (tmp_path / 'b.mp4').write_bytes(b'no video')
    command = ['enhance', 'a.mp4', 'b.mp4', '--out', 'out', '--device', 'cpu']
    assert main(command) == 1
    printed = capsys.readouterr()
    assert '3 frames, 0 cuts; flicker: input 0.' in printed.out
    assert "'b.mp4'" in printed.err
    first = (tmp_path / 'out/a.mp4').stat().st_mtime_ns
    assert main(command[:2] + command[3:]) == 0
    assert 'exists' in capsys.readouterr().out
    assert (tmp_path / 'out/a.mp4').stat().st_mtime_ns == first


def test_without_pyav_the_error_names_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == 'av':
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ImportError, match='pip install av'):
        enhance_video(enhancer(), 'a.mp4', tmp_path / 'b.mp4')


@pytest.mark.parametrize(
    'out, named', [('a.mp4', 'would replace it'), ('b.avi', '.mp4, .mov, .mkv')]
)
def test_results_that_cannot_be_written_are_refused(tmp_path, out, named):
    (tmp_path / 'a.mp4').touch()
    with pytest.raises(ValueError, match=named):
        plan_video(tmp_path / 'a.mp4', tmp_path / out)
