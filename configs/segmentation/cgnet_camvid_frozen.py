# CGNet M3N21 as its authors trained it on CamVid, tested on CamVid.
_base_ = [
    'mmseg::cgnet/cgnet_fcn_4xb4-60k_cityscapes-680x680.py',
    '../_base_/protocols/camvid.py',
    '../_base_/enhancer.py',
]
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:none}}'

_norm = dict(type='BN', eps=1e-3)
model = dict(
    # The authors subtract the means of B, G and R from R, G and B.
    data_preprocessor=dict(
        size=(360, 480), mean=[105.65772519, 103.32976184, 99.62539586], **_base_.segmentation
    ),
    backbone=dict(norm_cfg=_norm),
    decode_head=dict(norm_cfg=_norm, num_classes=11, loss_decode=dict(class_weight=None)),
)
test_dataloader = dict(batch_size=1, dataset=dict(_delete_=True, **_base_.camvid_test))
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
