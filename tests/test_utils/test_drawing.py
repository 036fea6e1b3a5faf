"""Overlays and contact sheets show what they are given, where it is."""
from __future__ import annotations

import cv2
import numpy as np

from mmsdag.utils.drawing import (
    TITLE,
    contact_sheet,
    fit,
    overlay_boxes,
    overlay_mask,
    titled,
)

BLACK = np.zeros((6, 8, 3), np.uint8)


def test_a_mask_colors_known_classes_and_leaves_the_others():
    labels = np.full((6, 8), 255)
    labels[0, 0] = 1
    image = BLACK + 100
    blended = overlay_mask(
        image, labels, np.array([[0, 0, 0], [200, 20, 0]], np.uint8))
    # 100 / 2 + (200, 20, 0) / 2
    assert blended[0, 0].tolist() == [150, 60, 50]
    assert (blended[1:] == 100).all() and (image == 100).all()


def test_a_box_is_drawn_along_its_edges():
    image = np.zeros((40, 60, 3), np.uint8)
    drawn = overlay_boxes(image, [(10.4, 20, 30, 35)], [0], ['x'],
                          np.array([[255, 255, 255]], np.uint8))
    assert (drawn[25, [10, 30]] == 254).all()
    assert (drawn[35, 12:28] == 254).all()
    assert not drawn[22:34, 15:28].any() and not image.any()


def test_an_image_is_scaled_by_its_longer_side():
    scaled, factor = fit(BLACK, 4)
    assert scaled.shape == (3, 4, 3) and factor == 0.5


def test_tiles_stand_in_rows_and_the_last_row_is_filled_up():
    tiles = [titled(BLACK + 10 * i, '', 8) for i in range(3)]
    assert tiles[0].shape == (TITLE + 8, 8, 3)
    sheet = cv2.imdecode(
        np.frombuffer(contact_sheet(tiles, 2), np.uint8), cv2.IMREAD_COLOR)
    assert sheet.shape == (2 * (TITLE + 8), 16, 3)
    assert sheet[-8:, 8:].min() > 235  # nothing: white
    assert abs(int(sheet[TITLE + 2, 11, 0]) - 10) < 12
