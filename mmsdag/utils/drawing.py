"""Overlays of boxes and masks, and contact sheets."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

#: Height of the line with the title of a tile, in pixels.
TITLE = 18


def overlay_mask(image: np.ndarray, labels: np.ndarray,
                 palette: np.ndarray) -> np.ndarray:
    """Blend the color of each pixel's class into an image, half and half.

    Args:
        image: (H, W, 3), BGR, uint8.
        labels: (H, W); classes beyond the palette leave the image as it is.
        palette: (classes, 3), BGR, uint8.

    Returns:
        The blended image, a copy.
    """
    image = image.copy()
    known = labels < len(palette)
    image[known] = image[known] // 2 + palette[labels[known]] // 2
    return image


def overlay_boxes(image: np.ndarray, boxes: Sequence[Sequence[float]],
                  labels: Sequence[int], names: Sequence[str],
                  palette: np.ndarray) -> np.ndarray:
    """Draw boxes with the names of their classes.

    Args:
        image: (H, W, 3), BGR, uint8.
        boxes: (x1, y1, x2, y2) of each, in pixels.
        labels: Class of each.
        names: Names of the classes.
        palette: (classes, 3), BGR, uint8; drawn half-way to white, to be
            visible in the dark.

    Returns:
        The image with the boxes, a copy.
    """
    image = image.copy()
    for box, label in zip(boxes, labels):
        x1, y1, x2, y2 = map(round, box)
        color = (palette[label] // 2 + 127).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), color, 1)
        cv2.putText(image, names[label], (max(x1, 0) + 1, max(y1, 9)),
                    cv2.FONT_HERSHEY_SIMPLEX, 0.35, color, 1, cv2.LINE_AA)
    return image


def fit(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """Scale an image so that its longer side has ``side`` pixels.

    Returns:
        The image, and the factor.
    """
    scale = side / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale,
                      interpolation=cv2.INTER_AREA), scale


def titled(image: np.ndarray, title: str, side: int) -> np.ndarray:
    """Put an image below a title, on a white tile.

    Args:
        image: (H, W, 3), BGR, uint8, at most ``side`` high and wide.
        title: Text above it.
        side: Height and width of the tile without the title.

    Returns:
        (side + :data:`TITLE`, side, 3), BGR, uint8.
    """
    tile = np.full((side + TITLE, side, 3), 255, np.uint8)
    part = image[:side, :side]
    tile[TITLE:TITLE + part.shape[0], :part.shape[1]] = part
    cv2.putText(tile, title, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4,
                (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def contact_sheet(tiles: Sequence[np.ndarray], columns: int = 6) -> bytes:
    """Encode tiles of one size, in rows, as a JPEG.

    Args:
        tiles: (H, W, 3), BGR, uint8; at least one.
        columns: Largest number of tiles in a row.
    """
    columns = min(columns, len(tiles))
    blank = np.full_like(tiles[0], 255)
    rows = []
    for start in range(0, len(tiles), columns):
        row = list(tiles[start:start + columns])
        rows.append(np.hstack(row + [blank] * (columns - len(row))))
    return cv2.imencode('.jpg', np.vstack(rows),
                        [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
