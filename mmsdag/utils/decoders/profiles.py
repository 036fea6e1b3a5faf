"""Convert the colors of ICC profiles to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image

_SPACES = {'L': 'GRAY', 'RGB': 'RGB', 'CMYK': 'CMYK'}
_STEPS = np.linspace(0, 255, 9).astype(np.uint8)


def to_srgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, str | None]:
    """Convert an image from its ICC profile to sRGB, perceptually.

    Args:
        image: Of mode L, RGB or CMYK.
        profile: The profile.

    Returns:
        The converted image, L or RGB, or ``image`` itself where the profile
        is sRGB within a level; and a note where the profile was not applied.
    """
    try:
        transform, changes = _transform(profile, image.mode)
        if not changes:
            return image, None
        converted = transform.apply(image)
    except ImportError:
        return image, ('ICC profile ignored: Pillow was built without LittleCMS')
    except ValueError as error:
        return image, f'ICC profile ignored: {error}'
    except Exception:  # PyCMSError, OSError: whatever LittleCMS refuses
        return image, 'ICC profile ignored: it is damaged'
    return converted.getchannel(1) if image.mode == 'L' else converted, None


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> tuple:
    """Build a transform to sRGB; tell whether it changes an RGB image."""
    from PIL import ImageCms

    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    if space != _SPACES[mode]:
        raise ValueError(f'it is for {space}, the image is {mode}')
    transform = ImageCms.buildTransform(source, ImageCms.createProfile('sRGB'), mode, 'RGB')
    if mode == 'CMYK':
        return transform, True
    if mode == 'L':
        probe = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    else:
        grid = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS), -1)
        probe = Image.fromarray(grid.reshape(1, -1, 3))
    before = np.asarray(probe.convert('RGB'), np.int16)
    after = np.asarray(transform.apply(probe), np.int16)
    return transform, abs(after - before).max() > 1
