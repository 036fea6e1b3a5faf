# Guided by the segmentor and the detector that will run on the night.
_base_ = 'blend-unet_scenes.py'

_weights = '{{$MMSDAG_SCENES_WEIGHTS:work_dirs/night_scenes/checkpoints}}'
custom_hooks = [
    dict(
        type='ConsistencyGuidanceHook',
        recognizers=[
            dict(
                config='{{ fileDirname }}/deeplabv3plus_r18-quarter_scenes.py',
                checkpoint=f'{_weights}/segmentation.pth',
            ),
            dict(
                config='{{ fileDirname }}/yolox-nano_scenes.py',
                checkpoint=f'{_weights}/detection.pth',
            ),
        ],
        loss_weight=3.0,
        amp_dtype='auto',
    )
]
