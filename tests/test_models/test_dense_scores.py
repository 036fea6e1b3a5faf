"""Scores of one-stage detectors at each location."""

from __future__ import annotations

import math

import pytest
import torch
from mmdet.models.dense_heads import FCOSHead, RetinaHead, YOLOXHead
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope

from mmsdag.models import AgreementGuidanceLoss
from mmsdag.models.dense_scores import bernoulli_divergence, dense_logits, sigmoid_classes
from mmsdag.models.recognizer import build_recognizer

YOLOX = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'
ALL = ConfigDict(
    score_thr=0.0,
    nms_pre=-1,
    min_bbox_size=-1,
    nms=dict(type='nms', iou_threshold=1.0),
    max_per_img=10000,
)


def build(head):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        if head is RetinaHead:
            anchors = dict(type='AnchorGenerator', scales=[4, 8], ratios=[1.0], strides=[8, 16, 32])
            return head(3, 16, feat_channels=32, anchor_generator=anchors)
        if head is FCOSHead:
            ranges = ((-1, 64), (64, 128), (128, 1e8))
            return head(
                3, 16, feat_channels=32, stacked_convs=1, strides=[8, 16, 32], regress_ranges=ranges
            )
        return head(3, 16, feat_channels=16, stacked_convs=1)


def outputs_of(head):
    """Return random outputs of a head; half of the scores are above 0.5."""
    torch.manual_seed(1)
    features = [torch.rand(1, 16, size, size) for size in (8, 4, 2)]
    return [[torch.randn_like(level) for level in levels] for levels in head(features)]


@pytest.mark.parametrize('kind', [YOLOXHead, FCOSHead, RetinaHead])
def test_scores_are_those_that_the_detector_ranks_its_boxes_by(kind):
    head = build(kind).eval()
    outputs = outputs_of(head)
    model = torch.nn.Module()
    model.bbox_head = head
    found = dense_logits(outputs, sigmoid_classes(model)).sigmoid()[0]
    meta = dict(img_shape=(64, 64), ori_shape=(64, 64), scale_factor=(1.0, 1.0))
    boxes = head.predict_by_feat(*outputs, batch_img_metas=[meta], cfg=ALL)[0]
    # YOLOX keeps the best class of a location, the others keep all.
    flat = (found.amax(0) if kind is YOLOXHead else found).flatten()
    # Boxes that are equal after clipping are merged.
    assert 0.98 * len(flat) < len(boxes.scores) <= len(flat)
    distance = (flat[:, None] - boxes.scores).abs()
    assert distance.amin(0).max() < 1e-6


def test_anchors_are_apart_from_classes():
    scores = torch.tensor([0.1, 0.2, 0.3, 0.4]).view(1, 4, 1, 1)
    found = dense_logits([[scores], [torch.zeros(1, 8, 1, 1)]], classes=2)
    torch.testing.assert_close(found, torch.tensor([[[0.1, 0.3], [0.2, 0.4]]]))


def test_certain_scores_have_finite_logits_and_gradients():
    scores = torch.tensor([200.0, -200.0]).view(1, 2, 1, 1).requires_grad_()
    found = dense_logits([[scores], []], classes=2)
    assert found.isfinite().all()
    bernoulli_divergence(found, torch.tensor([[[0.0], [1.0]]])).backward()
    assert scores.grad.isfinite().all()


def test_the_divergence_is_per_object():
    target, p = torch.tensor([[[0.8, 0.0]]]), torch.tensor([[[0.5, 0.25]]])
    expected = 0.8 * math.log(0.8 / 0.5) + 0.2 * math.log(0.2 / 0.5) - math.log(0.75)
    found = bernoulli_divergence(torch.logit(p), target)
    assert found.item() == pytest.approx(expected / 1.8, rel=1e-5)
    assert bernoulli_divergence(torch.logit(p), p).item() == pytest.approx(0, abs=1e-6)


def test_models_without_such_a_head_are_told_apart():
    assert sigmoid_classes(torch.nn.Linear(1, 1)) is None
    assert sigmoid_classes(build_recognizer(YOLOX)) == 80


@pytest.fixture
def detector(tmp_path):
    torch.manual_seed(0)
    model = build_recognizer(YOLOX)
    for conv in (*model.bbox_head.multi_level_conv_cls, *model.bbox_head.multi_level_conv_obj):
        torch.nn.init.normal_(conv.weight, std=100.0)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'yolox.pth')
    return dict(config=YOLOX, checkpoint=str(tmp_path / 'yolox.pth'))


def test_a_detector_guides_by_its_scores(detector):
    loss = AgreementGuidanceLoss(detector, temperature=1.0, loss_weight=2.0)
    image = torch.rand(1, 3, 64, 64)
    assert loss(image, image).item() == pytest.approx(0, abs=1e-4)
    dark = (0.2 * image).requires_grad_()
    found = loss(dark, image)
    found.backward()
    assert found.item() > 0.01 and dark.grad.abs().sum() > 0


def test_the_temperature_sharpens_each_score(detector):
    image = torch.rand(1, 3, 64, 64)
    plain = AgreementGuidanceLoss(detector, temperature=1.0).target(image)
    sharp = AgreementGuidanceLoss(detector, temperature=0.5).target(image)
    torch.testing.assert_close(torch.logit(sharp), 2 * torch.logit(plain), rtol=1e-3, atol=1e-3)


def test_the_target_is_the_mean_over_views(detector):
    image = torch.rand(1, 3, 64, 64)
    view = dict(type='mmsdag.GammaEnhancer', gamma=2.0)
    loss = AgreementGuidanceLoss(detector, [view], temperature=1.0)
    expected = sum(loss.frozen[0].class_scores(x).sigmoid() for x in (image, image.sqrt())) / 2
    torch.testing.assert_close(loss.target(image), expected, rtol=1e-4, atol=1e-6)


def test_many_scores_that_hardly_differ_diverge_hardly():
    torch.manual_seed(0)
    logits = torch.randn(2, 80, 5000)
    shifted = logits + 1e-3
    found = bernoulli_divergence(shifted, logits.sigmoid()).item()
    wide = logits.double()
    exact = bernoulli_divergence(wide + 1e-3, wide.sigmoid()).item()
    assert found == pytest.approx(exact, rel=0.05)
    assert 1e-8 < exact < 1e-6
    assert bernoulli_divergence(logits, logits.sigmoid()).item() >= 0


def test_a_third_output_that_is_no_factor_names_the_remedy():
    maps = [[torch.zeros(1, channels, 4, 4)] for channels in (3, 4, 4)]
    with pytest.raises(ValueError, match='64 values for 16 anchors.*ConsistencyGuidanceHook'):
        dense_logits(maps, 3)
