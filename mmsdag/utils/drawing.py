"""Overlays of boxes and masks, and contact sheets.

Images are (H, W, 3), uint8, in any channel order; colors are in the channel
order of the image.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

#: Height of the line with the title of a tile, in pixels.
TITLE = 18


def overlay_mask(
    image: np.ndarray, labels: np.ndarray, palette: np.ndarray, opacity: float = 0.5
) -> np.ndarray:
    """Blend the color of each pixel's class into an image.

    Args:
        image: (H, W, 3), uint8.
        labels: (H, W); classes beyond the palette leave the image as it is.
        palette: (classes, 3), uint8.
        opacity: Share of the class colors, from 0 to 1.

    Returns:
        The blended image, a copy.
    """
    from torchvision.utils import draw_segmentation_masks

    known = [k for k in np.unique(labels).tolist() if k < len(palette)]
    if not known:
        return image.copy()
    masks = torch.from_numpy(np.stack([labels == k for k in known]))
    return _to_numpy(
        draw_segmentation_masks(_to_tensor(image), masks, opacity, _tuples(palette[known]))
    )


def overlay_boxes(
    image: np.ndarray,
    boxes: Sequence[Sequence[float]],
    colors: Sequence[Sequence[int]] | np.ndarray,
    names: Sequence[str] | None = None,
    width: int = 1,
) -> np.ndarray:
    """Draw boxes.

    Args:
        image: (H, W, 3), uint8.
        boxes: (x1, y1, x2, y2) of each, in pixels.
        colors: Color of each.
        names: Text of each.
        width: Width of the lines, in pixels.

    Returns:
        The image with the boxes, a copy.
    """
    from torchvision.utils import draw_bounding_boxes

    if not len(boxes):
        return image.copy()
    corners = torch.from_numpy(np.rint(np.asarray(boxes, np.float64)))
    return _to_numpy(
        draw_bounding_boxes(
            _to_tensor(image), corners, list(names) if names else None, _tuples(colors), width=width
        )
    )


def _to_tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1).copy())


def _to_numpy(image: Tensor) -> np.ndarray:
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def _tuples(colors: Sequence[Sequence[int]] | np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(int(value) for value in color) for color in colors]


def fit(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """Scale an image so that its longer side has ``side`` pixels.

    Returns:
        The image, and the factor.
    """
    scale = side / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), scale


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Scale an image down so that no side has more than ``side`` pixels."""
    return fit(image, side)[0] if max(image.shape[:2]) > side else image


def titled(image: np.ndarray, title: str, side: int) -> np.ndarray:
    """Put an image below a title, on a white tile.

    Args:
        image: (H, W, 3), uint8, at most ``side`` high and wide.
        title: Text above it.
        side: Height and width of the tile without the title.

    Returns:
        (side + :data:`TITLE`, side, 3), uint8.
    """
    tile = np.full((side + TITLE, side, 3), 255, np.uint8)
    part = image[:side, :side]
    tile[TITLE : TITLE + part.shape[0], : part.shape[1]] = part
    cv2.putText(tile, title, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def contact_sheet(tiles: Sequence[np.ndarray], columns: int = 6) -> np.ndarray:
    """Arrange tiles of one size in rows; unused places are white.

    Args:
        tiles: (H, W, 3), uint8; at least one.
        columns: Largest number of tiles in a row.

    Returns:
        (rows · H, columns · W, 3), uint8.
    """
    from torchvision.utils import make_grid

    return _to_numpy(
        make_grid([_to_tensor(tile) for tile in tiles], columns, padding=0, pad_value=255)
    )
