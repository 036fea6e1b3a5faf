# Fine-tunes the network of dark street scenes on a folder of well-lit
# photographs, guided by the detector that will run on the enhanced ones.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/blend_unet_dark.py',
    '../_base_/datasets/folder_restoration.py',
    '../_base_/schedules/blend_unet_1k.py',
]

_guide = dict(
    recognizers=dict(
        config='mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
        checkpoint='{{$MMSDAG_YOLOX_NANO:../shared/weights/yolox_nano_coco_mmdet.pth}}',
    ),
    amp_dtype='auto',
)
load_from = '{{ fileDirname }}/../../checkpoints/blend-unet-cgnet_8k_camvid_seed0.pth'
custom_hooks = [
    dict(type='EMAHook', momentum=0.01),
    dict(_guide, type='ConsistencyGuidanceHook', loss_weight=10.0),
    dict(_guide, type='AgreementGuidanceHook', temperature=1.0, loss_weight=1.0),
]
