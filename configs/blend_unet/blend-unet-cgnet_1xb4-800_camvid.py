# Guided by the segmentor that will run on the enhanced frames.
_base_ = 'blend-unet_1xb4-800_camvid.py'

_cgnet = dict(
    config='{{ fileDirname }}/../segmentation/cgnet_camvid_frozen.py',
    checkpoint='{{$MMSDAG_CGNET:../shared/weights/cgnet_camvid_mmseg.pth}}',
)
load_from = '{{ fileDirname }}/../../checkpoints/blend-unet-recognizers_8k_mixed_seed0.pth'
custom_hooks = [
    dict(type='EMAHook', momentum=0.01),
    dict(type='ConsistencyGuidanceHook', recognizers=_cgnet, loss_weight=10.0, amp_dtype='auto'),
]
