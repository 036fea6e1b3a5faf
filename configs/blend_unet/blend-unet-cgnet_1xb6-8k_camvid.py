# Guided by the segmentor that will run on the enhanced frames.
_base_ = 'blend-unet_1xb6-8k_camvid.py'

_cgnet = dict(
    config='{{ fileDirname }}/../segmentation/cgnet_camvid_frozen.py',
    checkpoint='{{$MMSDAG_CGNET:../shared/weights/cgnet_camvid_mmseg.pth}}',
)
custom_hooks = [
    dict(type='EMAHook', momentum=0.002),
    dict(type='ConsistencyGuidanceHook', recognizers=_cgnet, loss_weight=3.0, amp_dtype='auto'),
]
