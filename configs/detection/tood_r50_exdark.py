# TOOD R50 on ExDark, fine-tuned from its weights for COCO.
_base_ = [
    'mmdet::tood/tood_r50_fpn_1x_coco.py',
    '../_base_/protocols/exdark.py',
    '../_base_/enhancer.py',
]
load_from = (
    'https://download.openmmlab.com/mmdetection/v2.0/tood/'
    'tood_r50_fpn_1x_coco/'
    'tood_r50_fpn_1x_coco_20211210_103425-20e20746.pth'
)
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:none}}'

model = dict(data_preprocessor=_base_.detection, bbox_head=dict(num_classes=12))
train_dataloader = dict(_delete_=True, **_base_.exdark_train)
val_dataloader = dict(_delete_=True, **_base_.exdark_val)
test_dataloader = dict(_delete_=True, **_base_.exdark_test)
val_evaluator = dict(_delete_=True, **_base_.exdark_metric)
test_evaluator = dict(_delete_=True, **_base_.exdark_metric)
train_cfg = _base_.exdark_train_cfg
optim_wrapper = _base_.exdark_optim_wrapper
param_scheduler = _base_.exdark_param_scheduler
auto_scale_lr = dict(base_batch_size=16)
