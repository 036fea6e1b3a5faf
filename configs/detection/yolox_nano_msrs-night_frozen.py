# YOLOX-nano as trained on COCO, tested on the night photographs of MSRS.
_base_ = [
    'mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    '../_base_/protocols/msrs.py',
    '../_base_/enhancer.py',
]
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:none}}'

model = dict(data_preprocessor=_base_.detection)
test_dataloader = dict(
    batch_size=1,
    dataset=dict(
        _delete_=True,
        **_base_.msrs_night,
        pipeline=[*_base_.test_pipeline[:-1], _base_.msrs_formatting],
    ),
)
test_evaluator = dict(_delete_=True, **_base_.msrs_metric)
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
