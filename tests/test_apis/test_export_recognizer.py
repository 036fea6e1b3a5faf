"""Enhancer, normalization and detector or segmentor as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hub import get_config

from mmsdag.apis.export_recognizer import export_recognizer_onnx, find_recognizer
from mmsdag.cli import main
from mmsdag.models.recognizer import build_recognizer

onnxruntime = pytest.importorskip('onnxruntime')
YOLOX = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'
GAMMA = dict(type='mmsdag.GammaEnhancer', gamma=2.2)


def without_pretrained(node: Any) -> None:
    if isinstance(node, dict):
        if (node.get('init_cfg') or {}).get('type') == 'Pretrained':
            node['init_cfg'] = None
        for value in node.values():
            without_pretrained(value)


def random_model(
    config: str, folder: Path, enhanced: bool = True, **options: Any
) -> tuple[Config, Any, Path]:
    """A stock config with an enhancer, its model, and its random weights."""
    config = get_config(config)
    without_pretrained(config.model)
    config.merge_from_dict(options)
    if enhanced:
        kind = config.model.data_preprocessor.type
        config.model.data_preprocessor.update(
            type='mmsdag.Enhanced'
            + kind.split('.')[-1].replace('SegDataPreProcessor', 'SegDataPreprocessor'),
            enhancer=GAMMA,
            round_to_uint8=False,
        )
    model = build_recognizer(config).eval()
    model.init_weights()
    # Scores that differ: stock weights of heads are near zero.
    for name, weight in model.named_parameters():
        if '_head.' in name and weight.ndim == 4:
            torch.nn.init.kaiming_normal_(weight)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.5
    model.train()
    for _ in range(6):
        images = [pipeline_image(torch.rand(3, 128, 128) ** 3) for _ in 'abcd']
        with torch.no_grad():
            logits = model(model.data_preprocessor(dict(inputs=images))['inputs'], mode='tensor')
    if hasattr(model, 'decode_head'):  # so that no class wins everywhere
        model.decode_head.conv_seg.bias.data -= logits.mean((0, 2, 3))
    model.eval()
    path = folder / 'model.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return config, model, path


def pipeline_image(rgb: torch.Tensor) -> torch.Tensor:
    """As a pipeline gives it: (3, H, W), BGR, [0, 255]."""
    return rgb.flip(0) * 255


def run(path: Path, image: torch.Tensor) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(path))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {'image': image.numpy()})))


@pytest.mark.parametrize(
    'config, options',
    [
        (YOLOX, {}),
        ('mmdet::retinanet/retinanet_r18_fpn_1x_coco.py', {}),
        ('mmdet::yolo/yolov3_mobilenetv2_8xb24-320-300e_coco.py', {}),
        # mmdet has no small FCOS.
        (
            'mmdet::fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py',
            {'model.backbone.depth': 18, 'model.neck.in_channels': [64, 128, 256, 512]},
        ),
    ],
)
def test_boxes_and_scores_give_by_nms_what_the_detector_predicts(config, options, tmp_path):
    from mmcv.ops import batched_nms
    from mmdet.structures import DetDataSample

    config, model, weights = random_model(config, tmp_path, **options)
    assert export_recognizer_onnx(config, weights, tmp_path / 'a.onnx') < 1e-4
    # Of another size than the exporter has seen, and no multiple of 32.
    size = (72, 100)
    image = torch.rand(3, *size) ** 3
    found = run(tmp_path / 'a.onnx', image[None])
    boxes, scores = (torch.from_numpy(found[name][0]) for name in ('boxes', 'scores'))

    sample = DetDataSample(metainfo=dict(img_shape=size, ori_shape=size, scale_factor=(1.0, 1.0)))
    data = model.data_preprocessor(dict(inputs=[pipeline_image(image)], data_samples=[sample]))
    head = model.bbox_head
    head.test_cfg = Config(
        dict(
            score_thr=-1.0,
            conf_thr=-1.0,
            nms_pre=10**6,
            min_bbox_size=-1,
            max_per_img=50,
            nms=dict(type='nms', iou_threshold=0.6),
        )
    ).copy()
    with torch.no_grad():
        expected = model.predict(data['inputs'], data['data_samples'], rescale=False)[
            0
        ].pred_instances
    # One box of each location: YOLOX takes its best class, others take all.
    if config.model.type.endswith('YOLOX'):
        best, labels = scores.max(1)
    else:
        best, labels = scores.flatten(), torch.arange(scores.shape[1]).repeat(len(scores))
        boxes = boxes.repeat_interleave(scores.shape[1], 0)
    kept, _ = batched_nms(boxes, best, labels, head.test_cfg.nms)
    assert expected.scores[:50].std() > 1e-4
    torch.testing.assert_close(kept[:50, 4], expected.scores[:50], atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(kept[:50, :4], expected.bboxes[:50], atol=1e-2, rtol=1e-4)


def test_logits_are_those_of_the_segmentor_behind_its_data_preprocessor(tmp_path):
    config, model, weights = random_model(
        'mmseg::cgnet/cgnet_fcn_4xb4-60k_cityscapes-680x680.py', tmp_path
    )
    path = tmp_path / 'a.onnx'
    assert export_recognizer_onnx(config, weights, path) < 1e-4
    image = torch.rand(3, 72, 100) ** 3
    data = model.data_preprocessor(dict(inputs=[pipeline_image(image)]))
    with torch.no_grad():
        expected = model.encode_decode(data['inputs'], [dict(img_shape=(72, 100))])
    found = torch.from_numpy(run(path, image[None])['logits'])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)

    difference = export_recognizer_onnx(config, weights, path, class_map=True, static=(1, 72, 100))
    assert difference < 1e-4
    classes = run(path, image[None])['classes']
    assert classes.dtype == np.int64 and len(np.unique(classes)) > 1
    assert (classes == expected.argmax(1).numpy()).mean() > 0.999


def test_the_command_puts_a_named_enhancer_before_a_stock_detector(tmp_path, capsys):
    _, model, weights = random_model(YOLOX, tmp_path, enhanced=False)
    paths = [tmp_path / 'plain.onnx', tmp_path / 'enhanced.onnx']
    for path, name in zip(paths, ('gamma', 'zero_dce.sdag')):
        enhancer = tmp_path / 'gamma.py'
        enhancer.write_text(f'model = dict(generator={GAMMA!r})')
        main(
            [
                'export',
                YOLOX,
                str(weights),
                str(path),
                '--static',
                '1',
                '64',
                '96',
                '--enhancer',
                str(enhancer) if name == 'gamma' else name,
            ]
        )
        assert 'differs from PyTorch by at most' in capsys.readouterr().out
    onnx = pytest.importorskip('onnx')
    shape = onnx.load(paths[0]).graph.input[0].type.tensor_type.shape
    assert [d.dim_value for d in shape.dim] == [1, 3, 64, 96]
    image = torch.rand(1, 3, 64, 96) ** 3
    plain, enhanced = (run(path, image)['scores'] for path in paths)
    # (64 * 96) / 8^2 + ... / 16^2 + ... / 32^2
    assert plain.shape == (1, 96 + 24 + 6, 80)
    assert abs(plain - enhanced).max() > 1e-6


def test_weights_of_an_enhancer_that_was_trained_along_are_taken(tmp_path):
    config, _, _ = random_model(YOLOX, tmp_path)
    config.model.data_preprocessor.update(
        enhancer=dict(type='mmsdag.GammaEnhancer', gamma=1.0, trainable=True),
        trainable=True,
        round_to_uint8=False,
    )
    model = build_recognizer(config)
    for weight in model.data_preprocessor.enhancer.parameters():
        torch.nn.init.constant_(weight, 0.9)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'a.pth')
    export_recognizer_onnx(config, tmp_path / 'a.pth', tmp_path / 'a.onnx', static=(1, 64, 64))
    image = torch.rand(1, 3, 64, 64)
    model.eval()
    data = model.data_preprocessor(dict(inputs=[pipeline_image(image[0])]))
    with torch.no_grad():
        expected = model(data['inputs'], mode='tensor')[0]
    found = run(tmp_path / 'a.onnx', image)['scores']
    classes, objectness = (
        torch.cat([level.flatten(2) for level in part], 2).sigmoid()
        for part in (model.bbox_head(model.extract_feat(data['inputs']))[::2])
    )
    assert expected[0].shape[1] == 80
    torch.testing.assert_close(
        torch.from_numpy(found), (classes * objectness).transpose(1, 2), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(enhanced=False), 'has no enhancer: .*--enhancer'),
        ({'model.data_preprocessor.resize_to': (64, 64)}, 'resize_to=.64, 64.'),
        ({'model.bbox_head.type': 'GFLHead'}, 'bbox_head=GFLHead is not supported.*FCOS'),
    ],
)
def test_what_cannot_be_exported_is_refused_before_the_work(changes, message, tmp_path):
    name = YOLOX
    if 'model.bbox_head.type' in changes:
        name, changes = 'mmdet::gfl/gfl_r50_fpn_1x_coco.py', {}
    config, _, weights = random_model(name, tmp_path, **changes)
    with pytest.raises(ValueError, match=message):
        export_recognizer_onnx(config, weights, tmp_path / 'a.onnx')
    assert not (tmp_path / 'a.onnx').exists()


def test_configs_of_enhancers_are_no_recognizers():
    assert find_recognizer('zero_dce.sdag') is None
    assert find_recognizer('clahe') is None
    assert find_recognizer(YOLOX) is not None


def test_options_of_recognizers_are_refused_for_an_enhancer(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(['export', 'zero_dce.sdag', str(tmp_path / 'a.onnx'), '--class-map'])
    assert 'is an enhancer' in capsys.readouterr().err


def test_a_recognizer_without_checkpoint_is_refused(tmp_path):
    with pytest.raises(ValueError, match='needs a checkpoint'):
        export_recognizer_onnx(get_config(YOLOX), None, tmp_path / 'a.onnx')
