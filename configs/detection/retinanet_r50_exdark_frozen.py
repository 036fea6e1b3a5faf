# RetinaNet R50 as COCO taught it, tested on ExDark.
_base_ = [
    'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    '../_base_/protocols/exdark.py',
    '../_base_/enhancer.py',
]
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:none}}'

model = dict(data_preprocessor=_base_.detection)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        **_base_.exdark_frozen,
        pipeline=[*_base_.test_pipeline[:-1], _base_.exdark_formatting],
    )
)
test_evaluator = dict(_delete_=True, **_base_.exdark_metric)
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
