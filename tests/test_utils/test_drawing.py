"""Overlays and contact sheets show what they are given, where it is."""

from __future__ import annotations

import numpy as np

from mmsdag.utils.drawing import (
    TITLE,
    contact_sheet,
    fit,
    overlay_boxes,
    overlay_mask,
    shrink,
    titled,
)

BLACK = np.zeros((6, 8, 3), np.uint8)


def test_a_mask_colors_known_classes_and_leaves_the_others():
    labels = np.full((6, 8), 255)
    labels[0, 0] = 1
    image = BLACK + 100
    blended = overlay_mask(image, labels, np.array([[0, 0, 0], [200, 20, 0]], np.uint8))
    # 100 / 2 + (200, 20, 0) / 2
    assert blended[0, 0].tolist() == [150, 60, 50]
    assert (blended[1:] == 100).all() and (image == 100).all()


def test_a_box_is_drawn_along_its_edges():
    image = np.zeros((40, 60, 3), np.uint8)
    drawn = overlay_boxes(image, [(10.4, 20, 30, 35)], [(9, 250, 30)])
    assert (drawn[25, [10, 30]] == (9, 250, 30)).all()
    assert (drawn[35, 12:28] == (9, 250, 30)).all()
    assert not drawn[21:35, 11:30].any() and not image.any()


def test_a_box_has_its_name_inside():
    image = np.zeros((40, 60, 3), np.uint8)
    drawn = overlay_boxes(image, [(10, 5, 50, 35)], [(9, 250, 30)], ['car'])
    assert drawn[6:35, 11:50].any()


def test_without_boxes_nothing_is_drawn():
    assert (overlay_boxes(BLACK, [], []) == BLACK).all()


def test_an_image_is_scaled_by_its_longer_side():
    scaled, factor = fit(BLACK, 4)
    assert scaled.shape == (3, 4, 3) and factor == 0.5


def test_tiles_stand_in_rows_and_the_last_row_is_filled_up():
    tiles = [titled(BLACK + 10 * i, '', 8) for i in range(3)]
    assert tiles[0].shape == (TITLE + 8, 8, 3)
    sheet = contact_sheet(tiles, 2)
    assert sheet.shape == (2 * (TITLE + 8), 16, 3)
    assert (sheet[-8:, 8:] == 255).all()
    assert sheet[TITLE + 2, 11, 0] == 10


def test_only_large_images_are_shrunk():
    assert shrink(BLACK, 4).shape == (3, 4, 3)
    assert shrink(BLACK, 8) is BLACK
