"""Domains of train_restorers.py: degradations, and the recognizers that guide.

Orders of the committed trainings: 'c' alone, and 'cgbcdkcgycdb'.
"""

pack = '{{$PACK:photographs.npz}}'
_root = '{{ fileDirname }}/../..'
_weights = '{{$MMSDAG_SHARED:../shared}}/weights'

_cgnet = dict(
    config=f'{_root}/configs/segmentation/cgnet_camvid_frozen.py',
    checkpoint=f'{_weights}/cgnet_camvid_mmseg.pth',
)
_yolox = dict(
    config='mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    checkpoint=f'{_weights}/yolox_nano_coco_mmdet.pth',
)
_classifier = dict(
    config=f'{_root}/configs/classification/resnet14-w24_1xb64-20e_gtsrb.py',
    checkpoint=f'{_root}/checkpoints/resnet14-w24_1xb64-20e_gtsrb_seed0.pth',
    cfg_options={'model.backbone.out_indices': (0, 1, 2)},
)


def _camera(share: float, **levels: object) -> dict:
    """Apply each step to this share of the images, rarer ones to less."""
    steps = dict.fromkeys(('p_local', 'p_tone', 'p_jpeg'), share)
    steps.update(
        dict.fromkeys(
            ('p_lamp', 'p_white_balance', 'p_smoothing', 'p_contrast', 'p_black'), 0.6 * share
        )
    )
    return dict(type='mmsdag.CameraDegradation', **steps, **levels)


_further = _camera(0.5, keep=0.0, exposure=(0.3, 1.0), shot=(1e-5, 2e-3), relief=(0.2, 1.0))
_photographs = dict(crop=256, batch=4)
_signs = dict(crop=32, batch=64, flip=False, recognizers=dict(classifier=_classifier))
domains = dict(
    # CamVid's training frames, for segmentation and for detection
    c=dict(crop=256, batch=6, degradation=_camera(0.15), recognizers=dict(cgnet=_cgnet)),
    y=dict(images='c', crop=256, batch=6, degradation=_camera(0.3), recognizers=dict(yolox=_yolox)),
    # well-lit and dark bracket shots
    b=dict(_photographs, degradation=_camera(0.3), recognizers=dict(yolox=_yolox)),
    k=dict(_photographs, is_dark=True, degradation=_further, recognizers=dict(yolox=_yolox)),
    # bright and dark traffic signs
    g=dict(_signs, degradation=_camera(0.5)),
    d=dict(_signs, is_dark=True, degradation=_further),
)
