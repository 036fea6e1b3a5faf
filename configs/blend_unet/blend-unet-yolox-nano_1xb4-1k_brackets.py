# Guided by the detector that will run on the enhanced photographs.
_base_ = 'blend-unet_1xb4-1k_brackets.py'

# The detector scales photographs of 512 pixels to 416.
_yolox_nano = dict(
    config='mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    checkpoint='{{$MMSDAG_YOLOX_NANO:../shared/weights/yolox_nano_coco_mmdet.pth}}',
    scale_factor=0.8125,
)
load_from = '{{ fileDirname }}/../../checkpoints/blend-unet-cgnet_8k_camvid_seed0.pth'
_guide = dict(recognizers=_yolox_nano, amp_dtype='auto')
custom_hooks = [
    dict(type='EMAHook', momentum=0.01),
    dict(_guide, type='ConsistencyGuidanceHook', loss_weight=10.0),
    dict(_guide, type='AgreementGuidanceHook', temperature=1.0, loss_weight=1.0),
]
