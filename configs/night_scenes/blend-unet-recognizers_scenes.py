# Fine-tunes the guided network of mixed data for the segmentor and the detector
# that will run on the night: by their features and by their class scores.
_base_ = 'blend-unet_scenes.py'

_weights = '{{$MMSDAG_SCENES_WEIGHTS:work_dirs/night_scenes/checkpoints}}'
_segmentor = dict(
    config='{{ fileDirname }}/deeplabv3plus_r18-quarter_scenes.py',
    checkpoint=f'{_weights}/segmentation.pth',
)
_detector = dict(
    config='{{ fileDirname }}/yolox-nano_scenes.py', checkpoint=f'{_weights}/detection.pth'
)
# They have other classes: each has a term of its own.
_scores = dict(type='AgreementGuidanceHook', temperature=1.0, amp_dtype='auto')
load_from = '{{ fileDirname }}/../../checkpoints/blend-unet-recognizers_8k_mixed_seed0.pth'
custom_hooks = [
    dict(
        type='ConsistencyGuidanceHook',
        recognizers=[_segmentor, _detector],
        loss_weight=3.0,
        amp_dtype='auto',
    ),
    dict(_scores, recognizers=[_segmentor], loss_weight=10.0),
    dict(_scores, recognizers=[_detector], loss_weight=1.0),
]
